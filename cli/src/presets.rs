//! Studies of published papers that come with the program: `isoscope run paper:NAME`.

/// A study file in the tree.
pub(crate) struct Preset {
    /// What follows `paper:`.
    pub(crate) name: &'static str,
    /// The file.
    pub(crate) text: &'static str,
}

macro_rules! preset {
    ($name:literal) => {
        Preset { name: $name, text: include_str!(concat!("../../presets/", $name, ".toml")) }
    };
}

/// All of them.
pub(crate) const PRESETS: [Preset; 5] = [
    preset!("rajaee2021"),
    preset!("rajaee2021-acl"),
    preset!("ethayarajh2019"),
    preset!("timkey2021"),
    preset!("su2021"),
];

/// Finds the preset that `paper:NAME` means; none when the argument is a path.
pub(crate) fn named(argument: &str) -> Option<Result<&'static Preset, String>> {
    let name = argument.strip_prefix("paper:")?;
    let known = || PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ");
    Some(
        PRESETS
            .iter()
            .find(|preset| preset.name == name)
            .ok_or_else(|| format!("there is no study of the paper `{name}`; there are: {}", known())),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_preset_is_found_by_its_name_and_an_unknown_one_is_told_the_others() {
        assert_eq!(named("paper:su2021").unwrap().unwrap().name, "su2021");
        assert!(named("study.toml").is_none());
        assert!(named("paper:su").unwrap().err().unwrap().contains("timkey2021"));
    }
}
