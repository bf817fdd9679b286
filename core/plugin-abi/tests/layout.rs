//! Compares the mirror with the header: every size, every offset and every constant, as the C compiler sees them.

// The names are those of the C header.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::cast_lossless)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::mem::{offset_of, size_of};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use isoscope_plugin_abi::*;

fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

fn compiler(variable: &str, otherwise: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| otherwise.to_owned())
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| {
        panic!("this test needs a C and C++ compiler (CC, CXX): cannot run {command:?}: {error}")
    });
    assert!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Collects what the mirror says, and writes the C program that says the same of the header.
#[derive(Default)]
struct Layout {
    program: String,
    expected: Vec<String>,
    names: BTreeSet<&'static str>,
}

impl Layout {
    fn number(&mut self, name: &'static str, expression: &str, label: &str, value: usize) {
        writeln!(self.program, "  printf(\"%s %lu\\n\", \"{label}\", (unsigned long)({expression}));")
            .unwrap();
        self.expected.push(format!("{label} {value}"));
        self.names.insert(name);
    }

    fn text(&mut self, name: &'static str, value: &str) {
        self.expected.push(format!("{name} {value}"));
    }
}

macro_rules! structs {
    ($layout:expr; $($name:ident { $($field:ident $(=> $c:literal)?),+ $(,)? })+) => {$(
        let name = stringify!($name);
        $layout.number(name, &format!("sizeof({name})"), &format!("sizeof {name}"), size_of::<$name>());
        $(
            #[allow(unused_mut, unused_assignments)]
            let mut field = stringify!($field);
            $( field = $c; )?
            let offset = offset_of!($name, $field);
            $layout.number(name, &format!("offsetof({name}, {field})"), &format!("{name}.{field}"), offset);
        )+
    )+};
}

macro_rules! constants {
    ($layout:expr; $($name:ident)+) => {$(
        let name = stringify!($name);
        $layout.number(name, name, name, $name as usize);
    )+};
}

fn mirror() -> Layout {
    let mut layout = Layout::default();
    structs! { layout;
        iso_bytes { ptr, len }
        iso_err { len, msg }
        iso_sink { ctx, write }
        iso_matrix {
            data, rows, cols, row_stride, dtype_code, dtype_bits, dtype_lanes, device_type, device_id, flags,
        }
        iso_column { name, values, offsets, validity, r#type => "type", reserved }
        iso_batch { struct_size, n_views, rows, first_row, views, columns, n_columns, reserved }
        iso_input { struct_size, n_views, cols, rows, seed }
        iso_row { struct_size, reserved, metric, part, status, value, std_err, n }
        iso_series { struct_size, reserved, metric, part, status, values, len, n }
        iso_out { struct_size, reserved, ctx, row, series }
        iso_host { struct_size, abi_major, abi_minor, ctx, log, should_stop, get_extension }
        iso_linalg { struct_size, reserved, ctx, eigh, gemm }
        iso_op_vtable {
            struct_size, flags, id, open, close, begin, end, update, save, merge, finish, apply, state_size,
            get_extension,
        }
        iso_moments {
            struct_size, parts, ctx, n, cols, group, mean, scatter, zero_rows, unit_sum, unit_square_sum, norm_sum,
            norm_min, norm_max, norm_scatter, dim_min, dim_max, cube_sum, fourth_sum, eigen,
        }
        iso_moments_ops { struct_size, reserved, measure }
        iso_enhance_ops { struct_size, reserved, output_cols, affine }
        iso_plugin { struct_size, abi_major, abi_min_minor, manifest, ops, n_ops, reserved }
    }
    constants! { layout;
        ISO_ABI_MAJOR ISO_ABI_MINOR ISO_OK ISO_INVALID ISO_UNSUPPORTED ISO_CANCELLED ISO_RESOURCE ISO_FAILED ISO_PANIC
        ISO_DTYPE_INT ISO_DTYPE_UINT ISO_DTYPE_FLOAT ISO_DTYPE_BFLOAT ISO_DEVICE_CPU ISO_COL_I64 ISO_COL_F64
        ISO_COL_UTF8 ISO_PART_SECOND ISO_PART_DIRECTION ISO_PART_SHAPE ISO_EIGEN_COVARIANCE ISO_EIGEN_SECOND_MOMENT
    }
    layout
}

#[test]
fn the_mirror_has_the_sizes_offsets_and_constants_of_the_header() {
    let mut layout = mirror();
    layout.number("iso_status", "sizeof(iso_status)", "sizeof iso_status", size_of::<iso_status>());
    layout.number("iso_entry_fn", "sizeof(iso_entry_fn)", "sizeof iso_entry_fn", size_of::<iso_entry_fn>());
    layout.program.push_str("  printf(\"ISO_ENTRY_SYMBOL %s\\n\", CALLED(isoscope_plugin_entry_v1));\n");
    layout.text("ISO_ENTRY_SYMBOL", ISO_ENTRY_SYMBOL);
    let dir = tempfile::tempdir().unwrap();
    let (source, program) = (dir.path().join("layout.c"), dir.path().join("layout"));
    let head = "#include <stdio.h>\n#include \"isoscope.h\"\n\
                #define CALLED(name) ((void)sizeof(&name), #name)\nint main(void) {\n";
    fs::write(&source, format!("{head}{}  return 0;\n}}\n", layout.program)).unwrap();
    run(Command::new(compiler("CC", "cc")).arg("-I").arg(include()).arg("-o").arg(&program).arg(&source));
    let said = String::from_utf8(run(&mut Command::new(&program)).stdout).unwrap();
    let said: Vec<_> = said.lines().collect();
    assert_eq!(said, layout.expected);
}

#[test]
fn every_struct_and_constant_of_the_header_is_compared() {
    let text = fs::read_to_string(include().join("isoscope.h")).unwrap();
    let mirrored = mirror().names;
    let structs = text.lines().filter_map(|line| {
        let name = line.strip_prefix("typedef struct ")?.split([' ', ';']).next()?;
        // The two opaque handles have no layout.
        (name != "iso_op" && name != "iso_run").then_some(name)
    });
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let constants = words.filter(|word| {
        let valued = text.contains(&format!("{word} = ")) || text.contains(&format!("#define {word} 1\n"));
        word.starts_with("ISO_") && valued
    });
    let header: BTreeSet<_> = structs.chain(constants).collect();
    assert!(header.len() > 30, "the header was not understood");
    let missing: Vec<_> = header.difference(&mirrored).collect();
    assert!(missing.is_empty(), "not compared: {missing:?}");
}

#[test]
fn the_section_and_the_extensions_have_the_names_of_the_header() {
    let text = fs::read_to_string(include().join("isoscope.h")).unwrap();
    assert!(text.contains(&format!("section(\"{ISO_MANIFEST_SECTION}\")")));
    for id in [ISO_LINALG, ISO_MOMENTS, ISO_ENHANCE] {
        assert!(text.contains(&format!("\"{id}\"")), "{id}");
    }
}

#[test]
fn the_header_compiles_as_strict_c99_and_cpp17() {
    let dir = tempfile::tempdir().unwrap();
    let c = dir.path().join("empty.c");
    let cpp = dir.path().join("empty.cpp");
    let text =
        "#include \"isoscope.h\"\niso_bytes nothing(void) { iso_bytes none = {NULL, 0}; return none; }\n";
    fs::write(&c, text).unwrap();
    fs::write(&cpp, text).unwrap();
    for (compiler, standard, source) in
        [(compiler("CC", "cc"), "-std=c99", &c), (compiler("CXX", "c++"), "-std=c++17", &cpp)]
    {
        run(Command::new(compiler)
            .args([standard, "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I"])
            .arg(include())
            .arg(source));
    }
}

#[test]
fn messages_are_cut_at_a_character_and_lengths_are_bounded() {
    let mut err = iso_err::new();
    err.set(&"ä".repeat(600));
    assert_eq!(err.bytes(), "ä".repeat(510).as_bytes());
    err.set("short");
    assert_eq!(err.bytes(), b"short");
    err.len = 5000;
    assert_eq!(err.bytes().len(), 1020);
}
