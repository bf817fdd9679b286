//! Tables for papers and pages.

use super::*;

fn written(style: Style) -> String {
    let rows = [
        row("pre", "d", (0, "a|b_c"), LOG_I, Ok(-3e-9)),
        row("ft", "d", (0, "a|b_c"), LOG_I, Ok(-3.0)),
        with_error(row("ft", "d", (0, "a|b_c"), ISOSCORE, Ok(0.5)), 0.25),
        row("pre", "d", (0, "a|b_c"), ISOSCORE, Err("no row")),
    ];
    let differences = [difference(&rows[1], Ok(0.01))];
    let models = names(&["pre", "ft"]);
    let shown =
        Shown { measurements: &rows, differences: &differences, models: &models, spaces: &[], errors: true };
    table(&shown, style)
}

#[test]
fn markdown_is_a_pipe_table_with_its_notes_below() {
    let expected = "| layer | space | log10 I(W) pre | log10 I(W) ft | IsoScore pre | IsoScore ft |
| --: | :-- | --: | --: | --: | --: |
| 0 | a\\|b\\_c | -1.3e-9 | -1.30\\* | – | 0.5000±0.25 |

– no row (IsoScore)

± standard error: jackknife(16)

\\* differs from pre at 95 %: paired jackknife over 16 blocks, Holm's correction over all differences of a metric";
    assert_eq!(written(Style::Markdown), expected);
}

#[test]
fn latex_is_a_tabular_with_the_rules_of_booktabs() {
    let expected = "\\begin{tabular}{rlrrrr}
\\toprule
& & \\multicolumn{2}{c}{log10 I(W)} & \\multicolumn{2}{c}{IsoScore} \\\\
\\cmidrule(lr){3-4}\\cmidrule(lr){5-6}
layer & space & pre & ft & pre & ft \\\\
\\midrule
0 & a|b\\_c & $-1.3\\cdot 10^{-9}$ & $-1.30^*$ & -- & $0.5000\\pm 0.25$ \\\\
\\bottomrule
\\end{tabular}
% – no row (IsoScore)
% ± standard error: jackknife(16)
% * differs from pre at 95 %: paired jackknife over 16 blocks, Holm's correction over all differences of a metric";
    assert_eq!(written(Style::Latex), expected);
}

#[test]
fn tables_without_heads_have_no_line_of_heads() {
    let mut row = row("pre", "d", (0, "raw"), "compare.cka_linear", Ok(1.0));
    row.key.other = "ft".to_owned();
    let rows = [row];
    let shown = Shown { measurements: &rows, differences: &[], models: &[], spaces: &[], errors: false };
    let markdown = table(&shown, Style::Markdown);
    assert!(markdown.starts_with("**pre against ft**\n\n| layer | compare.cka\\_linear |\n"), "{markdown}");
    assert!(!table(&shown, Style::Latex).contains("cmidrule"));
}
