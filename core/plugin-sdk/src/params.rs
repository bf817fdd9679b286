//! Parameters: a struct, its defaults, a reader that refuses what it does not know, and metadata for the schema.

use serde_json::Value;

use crate::{Error, Result};

/// Parameters of an op; made by [`params!`](crate::params!).
pub trait Params: Default + Sized {
    /// The fields in the order of the struct.
    const FIELDS: &'static [ParamMeta];

    /// Reads a JSON object; the empty text and `{}` give the defaults.
    ///
    /// # Errors
    /// [`Error::Invalid`] for text that is not a JSON object, an unknown name (the nearest known one is named), a
    /// value of another type, and a parameter that is given twice (by its name and an alias).
    fn from_json(json: &str) -> Result<Self>;
}

/// Type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamType {
    /// `bool`.
    Bool,
    /// `u64`.
    U64,
    /// `i64`.
    I64,
    /// `f64`.
    F64,
    /// `String`.
    Text,
    /// `Vec<f64>`.
    Numbers,
    /// `Option<u64>`.
    OptionalU64,
}

impl ParamType {
    const fn expected(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::U64 => "a whole number of at least 0",
            Self::I64 => "a whole number",
            Self::F64 => "a number",
            Self::Text => "a text",
            Self::Numbers => "a list of numbers",
            Self::OptionalU64 => "a whole number of at least 0 or null",
        }
    }
}

/// Describes a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParamMeta {
    /// Name of the field.
    pub name: &'static str,
    /// Type of the field.
    pub ty: ParamType,
    /// The default as it is written in the source.
    pub default: &'static str,
    /// Lines of the doc comment.
    pub doc: &'static [&'static str],
    /// Other names that the reader takes.
    pub aliases: &'static [&'static str],
}

/// A type that a parameter may have.
pub trait ParamValue: Sized {
    /// Its name for the schema.
    const TYPE: ParamType;

    /// Reads a value; `None` when it has another type.
    fn read(value: &Value) -> Option<Self>;
}

/// Turns the literal of a default into the field's type. One implementation per type, so that inference is exact.
pub trait FromLiteral<L>: Sized {
    /// Converts the literal.
    fn from_literal(literal: L) -> Self;
}

macro_rules! plain_param {
    ($type:ty, $tag:ident, $read:expr) => {
        impl ParamValue for $type {
            const TYPE: ParamType = ParamType::$tag;

            fn read(value: &Value) -> Option<Self> {
                let read: fn(&Value) -> Option<Self> = $read;
                read(value)
            }
        }

        impl FromLiteral<$type> for $type {
            fn from_literal(literal: $type) -> Self {
                literal
            }
        }
    };
}

plain_param!(bool, Bool, Value::as_bool);
plain_param!(u64, U64, Value::as_u64);
plain_param!(i64, I64, Value::as_i64);
plain_param!(f64, F64, Value::as_f64);
plain_param!(Option<u64>, OptionalU64, |value| if value.is_null() {
    Some(None)
} else {
    value.as_u64().map(Some)
});

impl ParamValue for String {
    const TYPE: ParamType = ParamType::Text;

    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl FromLiteral<&'static str> for String {
    fn from_literal(literal: &'static str) -> Self {
        literal.to_owned()
    }
}

impl ParamValue for Vec<f64> {
    const TYPE: ParamType = ParamType::Numbers;

    fn read(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(Value::as_f64).collect()
    }
}

impl<const N: usize> FromLiteral<[f64; N]> for Vec<f64> {
    fn from_literal(literal: [f64; N]) -> Self {
        literal.to_vec()
    }
}

/// The parameters as given, matched with the fields; [`params!`](crate::params!) reads from it.
#[derive(Debug)]
pub struct Given {
    fields: &'static [ParamMeta],
    values: Vec<Option<Value>>,
}

impl Given {
    /// Parses the text and matches every name with a field.
    ///
    /// # Errors
    /// As [`Params::from_json`].
    pub fn parse(json: &str, fields: &'static [ParamMeta]) -> Result<Self> {
        let mut values = vec![None; fields.len()];
        for (name, value) in object(json)? {
            let index = fields
                .iter()
                .position(|field| field.name == name || field.aliases.contains(&name.as_str()))
                .ok_or_else(|| unknown(&name, fields))?;
            if values[index].replace(value).is_some() {
                let field = fields[index].name;
                return Err(Error::Invalid(format!(
                    "parameter \"{field}\" is given twice, once as \"{name}\": give it once"
                )));
            }
        }
        Ok(Self { fields, values })
    }

    /// Reads a field when it was given, else leaves `target` at its default.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a value of another type.
    pub fn read<T: ParamValue>(&self, name: &str, target: &mut T) -> Result<()> {
        let given = self.fields.iter().zip(&self.values).find(|(field, _)| field.name == name);
        if let Some((_, Some(value))) = given {
            *target = T::read(value).ok_or_else(|| {
                Error::Invalid(format!("parameter \"{name}\" must be {}, got {value}", T::TYPE.expected()))
            })?;
        }
        Ok(())
    }
}

fn object(json: &str) -> Result<serde_json::Map<String, Value>> {
    if json.trim().is_empty() {
        return Ok(serde_json::Map::new());
    }
    match serde_json::from_str(json) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(other) => Err(Error::Invalid(format!("parameters must be a JSON object, got {other}"))),
        Err(error) => Err(Error::Invalid(format!("parameters are not JSON: {error}"))),
    }
}

fn unknown(name: &str, fields: &[ParamMeta]) -> Error {
    let known =
        fields.iter().flat_map(|field| core::iter::once(field.name).chain(field.aliases.iter().copied()));
    let nearest = known
        .map(|known| (strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase()), known))
        .min_by_key(|(distance, _)| *distance);
    let names: Vec<_> = fields.iter().map(|field| field.name).collect();
    let advice = match nearest {
        None => "this op takes none".to_owned(),
        Some((distance, known)) if distance <= 2.max(known.len() / 3) => format!("did you mean \"{known}\"?"),
        Some((_, known)) => format!("the nearest is \"{known}\"; known are {}", names.join(", ")),
    };
    Error::Invalid(format!("unknown parameter \"{name}\": {advice}"))
}

/// Declares the parameters of an op: the struct, its [`Default`] and its [`Params`].
///
/// Types are `bool`, `u64`, `i64`, `f64`, `String` (its default is a `&str` literal), `Vec<f64>` (an array) and
/// `Option<u64>`. Defaults are plain literals: they become part of the manifest at compile time.
///
/// ```
/// use isoscope_plugin_sdk::prelude::*;
///
/// params! {
///     /// Parameters of all-but-the-top.
///     pub struct AbttParams {
///         /// Number of leading principal directions to remove.
///         components: u64 = 3, aliases ["k", "D"];
///     }
/// }
/// assert_eq!(AbttParams::from_json(r#"{"D": 5}"#)?.components, 5);
/// assert!(AbttParams::from_json(r#"{"componets": 5}"#).is_err());
/// # Ok::<(), Error>(())
/// ```
#[macro_export]
macro_rules! params {
    (
        $(#[doc = $struct_doc:expr])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $doc:expr])*
                $field:ident : $type:ty = $default:expr $(, aliases [$($alias:literal),* $(,)?])?
            );* $(;)?
        }
    ) => {
        $(#[doc = $struct_doc])*
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $name {
            $( $(#[doc = $doc])* pub $field: $type, )*
        }

        impl ::core::default::Default for $name {
            fn default() -> Self {
                Self { $( $field: <$type as $crate::params::FromLiteral<_>>::from_literal($default), )* }
            }
        }

        impl $crate::Params for $name {
            const FIELDS: &'static [$crate::ParamMeta] = &[$(
                $crate::ParamMeta {
                    name: ::core::stringify!($field),
                    ty: <$type as $crate::params::ParamValue>::TYPE,
                    default: ::core::stringify!($default),
                    doc: &[$($doc),*],
                    aliases: &[$($($alias),*)?],
                },
            )*];

            #[allow(unused_variables, unused_mut)]
            fn from_json(json: &str) -> $crate::Result<Self> {
                let given = $crate::params::Given::parse(json, <Self as $crate::Params>::FIELDS)?;
                let mut params = <Self as ::core::default::Default>::default();
                $( given.read(::core::stringify!($field), &mut params.$field)?; )*
                Ok(params)
            }
        }
    };
}

params! {
    /// The parameters of an op that has none.
    pub struct NoParams {}
}
