//! The configuration as it would be written: what `config show` prints.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use anchorwatch_core::untrusted::escape_json;

/// What YAML and JSON are written from, in the order of the documentation.
#[derive(Debug, PartialEq)]
pub(super) enum Tree {
    Flag(bool),
    Number(u64),
    Text(String),
    List(Vec<Tree>),
    Mapping(Vec<(String, Tree)>),
}

impl Tree {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The entries that are not left out.
    pub(super) fn mapping(entries: impl IntoIterator<Item = (&'static str, Option<Tree>)>) -> Self {
        let given = |(key, value): (&str, Option<Tree>)| Some((key.to_owned(), value?));
        Self::Mapping(entries.into_iter().filter_map(given).collect())
    }

    pub(super) fn json(&self) -> String {
        escape_json(&serde_json::to_string_pretty(self).unwrap_or_default()).into_owned() + "\n"
    }

    pub(super) fn yaml(&self) -> String {
        let mut out = String::new();
        self.write(0, &mut out);
        out
    }

    fn write(&self, indent: usize, out: &mut String) {
        match self {
            Self::Mapping(entries) => {
                for (place, (key, value)) in entries.iter().enumerate() {
                    // The first key of a list's element is beside its dash.
                    let beside = place == 0 && out.ends_with("- ");
                    if !beside {
                        out.push_str(&" ".repeat(indent));
                    }
                    out.push_str(&plain(key));
                    out.push(':');
                    value.write_value(indent, out);
                }
            }
            Self::List(elements) => {
                for element in elements {
                    out.push_str(&" ".repeat(indent));
                    out.push_str("- ");
                    match element {
                        Self::Mapping(_) => element.write(indent + 2, out),
                        Self::Flag(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => {
                            out.push_str(&element.inline());
                            out.push('\n');
                        }
                    }
                }
            }
            Self::Flag(_) | Self::Number(_) | Self::Text(_) => out.push_str(&self.inline()),
        }
    }

    fn write_value(&self, indent: usize, out: &mut String) {
        let nested = match self {
            Self::Mapping(entries) => !entries.is_empty(),
            Self::List(elements) => !elements.is_empty(),
            Self::Flag(_) | Self::Number(_) | Self::Text(_) => false,
        };
        if nested {
            out.push('\n');
            self.write(indent + 2, out);
        } else {
            out.push(' ');
            out.push_str(&self.inline());
            out.push('\n');
        }
    }

    fn inline(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => plain(text),
            // JSON is YAML too.
            Self::List(_) | Self::Mapping(_) => quoted(self),
        }
    }
}

/// A text as a YAML scalar: as it is where that cannot be read otherwise, else in JSON's quotes.
fn plain(text: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@".contains(&byte);
    let is_bare =
        text.as_bytes().first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'/')
            && text.bytes().all(bare)
            && !text.ends_with(':')
            && !matches!(text, "null" | "Null" | "NULL");
    if is_bare { text.to_owned() } else { quoted(text) }
}

/// A value as JSON, in which nothing is hidden. YAML reads its escapes too.
fn quoted(value: &(impl Serialize + ?Sized)) -> String {
    escape_json(&serde_json::to_string(value).unwrap_or_default()).into_owned()
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(elements) => serializer.collect_seq(elements),
            Self::Mapping(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}
