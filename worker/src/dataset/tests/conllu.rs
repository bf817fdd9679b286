//! Sentences with annotated words.

use super::{Dataset, Row};
use std::fmt::Write as _;

/// A line of a word.
fn word(id: &str, form: &str, upos: &str, head: &str, misc: &str) -> String {
    format!("{id}\t{form}\t_\t{upos}\t_\t_\t{head}\tdep\t_\t{misc}\n")
}

fn conllu(data: &str) -> Dataset {
    let mut dataset = Dataset::new("d.conllu", data, &[], None);
    dataset.spec.label = Some("upos".to_owned());
    dataset.spec.carry = vec!["form".to_owned()];
    dataset
}

fn refused(data: &str) -> String {
    conllu(data).refusal()
}

fn spans(row: &Row) -> Vec<&str> {
    row.words.iter().map(|word| &row.texts[0][word.span.clone()]).collect()
}

#[test]
fn the_text_is_put_together_from_the_words() {
    let data = [
        "# sent_id = 1\n# text = (He came, saw.)\n",
        &word("1", "(", "PUNCT", "3", "SpaceAfter=No"),
        &word("2", "He", "PRON", "3", "_"),
        &word("3", "came", "VERB", "0", "Gloss=x|SpaceAfter=No"),
        &word("4", ",", "PUNCT", "5", "_"),
        &word("5", "saw", "VERB", "3", "SpaceAfter=No"),
        &word("6", ".", "PUNCT", "3", "SpaceAfter=No"),
        &word("7", ")", "_", "3", "_"),
        "\n",
    ]
    .concat();
    let dataset = conllu(&data);
    let rows = dataset.all();
    assert_eq!(rows[0].texts, ["(He came, saw.)"]);
    assert_eq!(spans(&rows[0]), ["(", "He", "came", ",", "saw", ".", ")"]);
    let heads: Vec<_> = rows[0].words.iter().map(|word| word.head).collect();
    assert_eq!(heads, [3, 3, 0, 5, 3, 3, 3].map(Some));
    assert_eq!(rows[0].words[1].fields, [Some("PRON".to_owned()), Some("He".to_owned())]);
    assert_eq!(rows[0].words[6].fields[0], None, "an underscore is no label");
    let facts = dataset.survey().unwrap();
    assert_eq!((facts.sides, facts.rows, facts.gold), (1, 1, false));
    assert_eq!(facts.columns, ["form", "head", "label", "word"]);
    assert_eq!(facts.columns, facts.word_columns);
}

#[test]
fn a_multiword_token_gives_the_surface_and_its_words_share_it() {
    let data = [
        &word("1-2", "Don't", "_", "_", "_"),
        &word("1", "do", "AUX", "3", "_"),
        &word("2", "n't", "PART", "3", "_"),
        &word("3", "go", "VERB", "0", "_"),
        &word("4-5", "du", "_", "_", "SpaceAfter=No"),
        &word("4", "de", "ADP", "3", "_"),
        &word("5", "le", "DET", "3", "_"),
        &word("6", "!", "PUNCT", "3", "_"),
    ]
    .map(String::as_str)
    .concat();
    let rows = conllu(&data).all();
    assert_eq!(rows[0].texts, ["Don't go du!"]);
    assert_eq!(spans(&rows[0]), ["Do", "n't", "go", "du", "", "!"]);
    let forms: Vec<&str> = rows[0].words.iter().map(|word| word.form.as_str()).collect();
    assert_eq!(forms, ["do", "n't", "go", "de", "le", "!"]);
}

#[test]
fn the_comment_that_says_the_text_decides_on_the_spaces() {
    let words = [
        word("1", "Don't", "AUX", "3", "_"),
        word("2-3", "to morrow", "_", "_", "_"),
        word("2", "to", "PART", "3", "_"),
        word("3", "morrow", "VERB", "0", "_"),
        word("4", "…", "PUNCT", "3", "_"),
    ]
    .concat();
    let rows = conllu(&format!("# text = Don't  tomorrow… \n{words}")).all();
    assert_eq!(rows[0].texts, ["Don't  tomorrow…"]);
    assert_eq!(spans(&rows[0]), ["Don't", "tomorrow", "", "…"]);
    assert_eq!(conllu(&words).all()[0].texts, ["Don't to morrow …"]);
    assert_eq!(
        refused(&format!("# sent_id = 1\n# text = Do not tomorrow…\n{words}")),
        "d.conllu, line 2: the words are not those of the text; they make up `Don't to morrow …`"
    );
}

#[test]
fn empty_nodes_are_no_words() {
    let data = [
        &word("0.1", "ghost", "X", "_", "_"),
        &word("1", "Sue", "PROPN", "2", "_"),
        &word("2", "likes", "VERB", "0", "_"),
        &word("2.1", "likes", "VERB", "_", "_"),
        &word("3", "tea", "NOUN", "2", "_"),
    ]
    .map(String::as_str)
    .concat();
    let rows = conllu(&data).all();
    assert_eq!((rows[0].texts[0].as_str(), rows[0].words.len()), ("Sue likes tea", 3));
}

#[test]
fn words_may_hold_spaces_and_underscores_and_lack_a_head() {
    let data = [&word("1", "10 000", "NUM", "2", "_"), &word("2", "_", "SYM", "_", "_")]
        .map(String::as_str)
        .concat();
    let rows = conllu(&data).all();
    assert_eq!(rows[0].texts, ["10 000 _"]);
    assert_eq!(rows[0].words[1].fields[1].as_deref(), Some("_"), "the form is an underscore");
    assert_eq!((rows[0].words[0].head, rows[0].words[1].head), (Some(2), None));
}

#[test]
fn any_range_of_sentences_equals_the_slice_of_a_full_read() {
    let mut data = String::from("\u{feff}\n");
    for i in 0..9000 {
        if i % 3 == 0 {
            writeln!(data, "# sent_id = {i}").unwrap();
        }
        data.push_str(&word("1", &format!("w{i}"), "X", "0", "_"));
        if i % 2 == 0 {
            data.push_str(&word("2", "é", "X", "1", "_"));
        }
        data.push_str(["\n", "\n\n", "\r\n"][i % 3]);
    }
    let dataset = conllu(&data);
    let facts = dataset.survey().unwrap();
    assert_eq!((facts.rows, facts.index.stride), (9000, 4));
    let all = dataset.all();
    assert!(all.iter().enumerate().all(|(i, row)| row.words[0].form == format!("w{i}")));
    for from in [0_u64, 1, 4095, 4097, 8990] {
        let to = from + 7;
        assert_eq!(dataset.texts(&facts, from..to).unwrap(), all[from as usize..to as usize]);
    }
}

#[test]
fn a_line_without_ten_fields_or_with_an_empty_one_is_refused() {
    assert_eq!(refused("1\tHe came\n"), "d.conllu, line 1: 2 fields; a word has 10, separated by tabs");
    assert_eq!(
        refused(&(word("1", "a", "X", "0", "_") + " \n")),
        "d.conllu, line 2: 1 fields; a word has 10, separated by tabs"
    );
    assert_eq!(
        refused(&word("1", "", "X", "0", "_")),
        "d.conllu, line 1: field 2 is empty; write `_` for what is not known"
    );
}

#[test]
fn ids_ascend_by_one() {
    let two = |first: &str, second: &str| {
        refused(&(word(first, "a", "X", "0", "_") + &word(second, "b", "X", "1", "_")))
    };
    assert_eq!(two("1", "3"), "d.conllu, line 2: the id is 3, but the next word is 2");
    assert_eq!(two("1", "1"), "d.conllu, line 2: the id is 1, but the next word is 2");
    assert_eq!(two("2", "3"), "d.conllu, line 1: the id is 2, but the next word is 1");
    assert_eq!(two("1", "x"), "d.conllu, line 2: `x` is no id of a word");
    assert_eq!(two("1", "3.1"), "d.conllu, line 2: the empty node 3.1 does not stand behind word 1");
    assert_eq!(two("1", "4-5"), "d.conllu, line 2: the multiword token 4-5 does not begin at word 2");
    assert_eq!(two("1", "2-2"), "d.conllu, line 2: the multiword token 2-2 does not begin at word 2");
    let open = word("1-2", "ab", "_", "_", "_") + &word("1", "a", "X", "0", "_");
    let message = "d.conllu, line 1: the multiword token that ends at word 2 is not complete";
    assert_eq!(refused(&open), message);
}

#[test]
fn heads_are_words_of_the_sentence_or_the_root() {
    let head =
        |head: &str| refused(&(word("1", "a", "X", "2", "_") + &word("2", "b", "X", head, "_") + "\n"));
    assert_eq!(head("3"), "d.conllu, line 2: the head 3 is no word: the sentence has 2");
    assert_eq!(head("2"), "d.conllu, line 2: word 2 is its own head");
    assert_eq!(head("-1"), "d.conllu, line 2: the head `-1` is no number");
}

#[test]
fn comments_stand_before_a_sentence_and_belong_to_one() {
    assert_eq!(
        refused(&(word("1", "a", "X", "0", "_") + "# late\n")),
        "d.conllu, line 2: a comment inside a sentence; comments stand before its first word"
    );
    let alone = "# newdoc\n\n".to_owned() + &word("1", "a", "X", "0", "_");
    assert_eq!(refused(&alone), "d.conllu, line 1: the sentence that begins here has no word");
    assert_eq!(refused("\n\n"), "d.conllu is empty: it has no row");
}

#[test]
fn fields_that_words_do_not_have_are_refused() {
    let mut dataset = conllu(&word("1", "a", "X", "0", "_"));
    dataset.spec.label = Some("upso".to_owned());
    assert_eq!(
        dataset.refusal(),
        "dataset `d`: `label` names no field of a word: `upso` (did you mean `upos`?); known are form, lemma, upos, xpos, \
         deprel"
    );
}
