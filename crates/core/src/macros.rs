//! Names on the wire, written once each.
//!
//! Kept because `strum` would have each name written twice, for itself and for `serde`, and would
//! give no `label` in a constant.

/// An enum without fields whose variants have names on the wire: in JSON, in metrics, in the
/// configuration and in output.
#[doc(hidden)]
#[macro_export]
macro_rules! closed_set {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident => $label:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd,
            ::serde::Deserialize, ::serde::Serialize,
        )]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $label)] $variant,)*
        }

        impl $name {
            /// How many there are.
            pub const COUNT: usize = Self::LABELS.len();

            /// All of them, in their order.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$variant,)*];

            /// Their names, in the same order.
            pub const LABELS: &'static [&'static str] = &[$($label,)*];

            /// The name on the wire.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)*
                }
            }

            /// The one that has this name. Case counts.
            pub fn from_label(label: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|one| one.label() == label)
            }
        }
    };
}

/// An enum of what is wrong with a document: each fault has a name on the wire, the clause that
/// the document departs from, and a sentence about its fields.
#[doc(hidden)]
#[macro_export]
macro_rules! document_faults {
    (
        $(#[$meta:meta])*
        pub enum $name:ident tagged $tag:literal {
            $($(#[$doc:meta])* $variant:ident $({ $($field:ident : $type:ty),* })?
                => $label:literal, $clause:literal, $text:literal;)*
        }
    ) => {
        $(#[$meta])*
        #[derive(
            Clone, Debug, Eq, Ord, PartialEq, PartialOrd, ::serde::Deserialize, ::serde::Serialize,
        )]
        #[serde(tag = $tag)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $label)] $variant $({
                $(#[doc = "The value in the document, its count, or what is wrong with it."]
                $field: $type),*
            })?,)*
        }

        impl $name {
            /// The name in the journal and in output.
            pub fn label(&self) -> &'static str {
                match self {
                    $(Self::$variant $({ $($field: _),* })? => $label,)*
                }
            }

            /// The clause that the document departs from, or that its reader is stricter than.
            pub fn clause(&self) -> &'static str {
                match self {
                    $(Self::$variant $({ $($field: _),* })? => $clause,)*
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                match self {
                    $(Self::$variant $({ $($field),* })? => write!(f, $text),)*
                }
            }
        }
    };
}

/// Serialises types as the text that `Display` writes and `FromStr` reads.
#[doc(hidden)]
#[macro_export]
macro_rules! serde_as_text {
    ($($name:ty),*) => {$(
        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <::std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }
    )*};
}
