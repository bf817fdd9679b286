//! The templates of `plugin new`: files of the tree that become a plugin once the name is put in.

use clap::ValueEnum;
use std::path::Path;

/// What the op of a new plugin does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Values from a pass over the rows.
    Metric,
    /// Values from the moments of all rows: no pass.
    Moments,
    /// Fitted on the moments, maps rows.
    Enhancement,
    /// Trained on one part of the rows and judged on the other, pass after pass.
    Probe,
    /// Values from two clouds.
    Comparison,
}

/// Language of a new plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// A crate on the SDK.
    Rust,
    /// A file on the header alone.
    C,
}

/// A file of a new plugin.
pub(super) struct TemplateFile {
    /// Path in the new directory.
    pub(super) path: &'static str,
    /// Its text.
    pub(super) text: String,
}

/// Name that the templates have in the place of the plugin's.
const NAME: &str = "my_plugin";

macro_rules! template {
    ($file:literal) => {
        include_str!(concat!("../../../core/plugin-sdk/templates/", $file))
    };
}

const HEADER: &str = include_str!("../../../core/plugin-abi/include/isoscope.h");

impl Kind {
    /// Source and test in Rust.
    fn rust(self) -> [&'static str; 2] {
        match self {
            Self::Metric => [template!("rust/metric.rs"), template!("rust/metric_test.rs")],
            Self::Moments => [template!("rust/moments.rs"), template!("rust/moments_test.rs")],
            Self::Enhancement => [template!("rust/enhancement.rs"), template!("rust/enhancement_test.rs")],
            Self::Probe => [template!("rust/probe.rs"), template!("rust/probe_test.rs")],
            Self::Comparison => [template!("rust/comparison.rs"), template!("rust/comparison_test.rs")],
        }
    }

    fn c(self) -> &'static str {
        match self {
            Self::Metric => template!("c/metric.c"),
            Self::Moments => template!("c/moments.c"),
            Self::Enhancement => template!("c/enhancement.c"),
            Self::Probe => template!("c/probe.c"),
            Self::Comparison => template!("c/comparison.c"),
        }
    }

    /// What the README says of trying it on data.
    fn note(self) -> &'static str {
        match self {
            Self::Metric | Self::Moments => {
                "\nTry it on a matrix with `isoscope plugin run FILE.so --on X.npy`. A study asks for it with\n\n\
                 ```\n[[metric]]\nid = \"my_plugin\"\n```\n\nonce the file lies in the plugin directory of the workers."
            }
            Self::Enhancement => {
                "\nTry it on a matrix with `isoscope measure X.npy --enhance my_plugin --plugins DIR`. A study asks for it with\n\n\
                 ```\n[[enhancement]]\nid = \"my_plugin\"\n```\n\nonce the file lies in the plugin directory of the workers."
            }
            Self::Probe => {
                "\nTry it on a matrix with\n\n```\nisoscope measure X.npy --metric my_plugin --column split=PARTS.txt --column gold=SCORES.txt \
                 --plugins DIR\n```\n\nwhere PARTS.txt says `train` or `test` in each line. A study whose dataset has gold scores and a training part \
                 asks for it with\n\n```\n[[probe]]\nid = \"my_plugin\"\n```\n\nonce the file lies in the plugin directory of the workers."
            }
            Self::Comparison => {
                "\nTry it on two matrices with `isoscope measure A.npy B.npy --metric my_plugin --plugins DIR`. A study of two encoders \
                 asks for it with\n\n```\n[[comparison]]\nid = \"my_plugin\"\n```\n\nonce the file lies in the plugin directory of the workers."
            }
        }
    }
}

/// Lists the files of a new plugin. `sdk` is the directory of the SDK, for Rust.
pub(super) fn files(kind: Kind, language: Language, name: &str, sdk: &Path) -> Vec<TemplateFile> {
    let named = |text: &str| text.replace("KIND_NOTE", kind.note()).replace(NAME, name);
    let file = |path, text: &str| TemplateFile { path, text: named(text) };
    match language {
        Language::Rust => {
            let [source, test] = kind.rust();
            // A JSON string is a TOML string.
            let sdk = serde_json::Value::from(sdk.display().to_string()).to_string();
            let manifest = named(template!("rust/Cargo.toml.in")).replace("\"SDK_PATH\"", &sdk);
            vec![
                TemplateFile { path: "Cargo.toml", text: manifest },
                file("README.md", template!("rust/README.md")),
                file("src/lib.rs", source),
                file("tests/values.rs", test),
            ]
        }
        Language::C => vec![
            file("Makefile", template!("c/Makefile.in")),
            file("README.md", template!("c/README.md")),
            file("plugin.c", kind.c()),
            TemplateFile { path: "isoscope.h", text: HEADER.to_owned() },
        ],
    }
}
