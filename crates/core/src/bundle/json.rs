//! JSON as a hostile peer may write it: members in their order, doubled or not, and bounded.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::fold::folded;

/// The most members of one object that are kept beside those of [`KEPT`]. A JWK has a dozen.
const MOST_MEMBERS: usize = 64;
/// The members that are kept however many stand before them: none may hide a key or a secret.
const KEPT: [&str; 22] = [
    "keys",
    "spiffe_sequence",
    "spiffe_refresh_hint",
    "refresh_hint",
    "kty",
    "use",
    "kid",
    "x5c",
    "crv",
    "x",
    "y",
    "n",
    "e",
    "d",
    "p",
    "q",
    "dp",
    "dq",
    "qi",
    "oth",
    "k",
    "priv",
];

/// An object's members, each name once, in the order of the text and each as it is written.
#[derive(Debug, Default)]
pub(super) struct Members<'a> {
    kept: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// The first name that stands twice.
    doubled: Option<Cow<'a, str>>,
    /// The first name that has a kept one's letters in another case.
    miscased: Option<Cow<'a, str>>,
    /// Whether there is a value that nobody looks at: too late, or replaced by one of its name.
    unseen: bool,
}

impl<'a> Members<'a> {
    /// The last member of this name: the one that counts for every consumer in Go.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        self.kept.iter().find(|(known, _)| known == name).map(|(_, raw)| raw.get())
    }

    /// The string that a member holds; `None` where it is absent or no string.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        string(self.raw(name)?)
    }

    /// The names, in the order in which each first stands.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(|(name, _)| &**name)
    }

    /// The first name that stands twice.
    pub(super) fn doubled(&self) -> Option<&str> {
        self.doubled.as_deref()
    }

    /// The first name that is one of [`KEPT`] but for its case.
    pub(super) fn miscased(&self) -> Option<&str> {
        self.miscased.as_deref()
    }

    /// Whether there may be more members in what stands under other names than `read`: objects
    /// that nest, and values that are not kept.
    pub(super) fn hides(&self, read: &[&str]) -> bool {
        let nests = |raw: &str| raw.starts_with(['{', '[']) && raw.contains('{');
        self.unseen
            || self.kept.iter().any(|(name, raw)| !read.contains(&&**name) && nests(raw.get()))
    }

    fn insert(&mut self, name: Cow<'a, str>, raw: &'a RawValue) {
        if let Some(known) = self.kept.iter_mut().find(|(known, _)| *known == name) {
            known.1 = raw;
            self.unseen = true;
            self.doubled.get_or_insert(name);
            return;
        }
        let counts = KEPT.contains(&&*name);
        if !counts && self.miscased.is_none() && KEPT.contains(&&*folded(&name)) {
            self.miscased = Some(name.clone());
        }
        if counts || self.kept.len() < MOST_MEMBERS {
            self.kept.push((name, raw));
        } else {
            self.unseen = true;
        }
    }
}

/// The text of a JSON string, borrowed where it has no escapes.
pub(super) fn string(raw: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(raw).ok().map(|text| text.0)
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members { kept: Vec::with_capacity(8), ..Members::default() };
        // The name as it is written, so that a control character in it is a fault as elsewhere.
        while let Some(name) = map.next_key::<&RawValue>()? {
            let name = string(name.get()).ok_or_else(|| A::Error::custom("a name is no string"))?;
            members.insert(name, map.next_value()?);
        }
        Ok(members)
    }
}

/// A string, borrowed where it has no escapes. Half a surrogate pair is read as replacement
/// characters, much as consumers in Go read it: it must not hide the member that it stands in.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_bytes<E: Error>(self, text: &'de [u8]) -> Result<Self::Value, E> {
                // The lossy reading alone is slower.
                Ok(Text(match std::str::from_utf8(text) {
                    Ok(text) => Cow::Borrowed(text),
                    Err(_) => String::from_utf8_lossy(text),
                }))
            }
            fn visit_bytes<E: Error>(self, text: &[u8]) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(String::from_utf8_lossy(text).into_owned())))
            }
        }
        deserializer.deserialize_bytes(TextVisitor)
    }
}

/// The elements of an array, each as it is written, up to `most`; `None` where there are more.
pub(super) fn elements(
    raw: &str,
    most: usize,
) -> Result<Option<Vec<&RawValue>>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(raw);
    Elements { most, life: PhantomData }.deserialize(&mut deserializer)
}

struct Elements<'a> {
    most: usize,
    life: PhantomData<&'a RawValue>,
}

impl<'de> DeserializeSeed<'de> for Elements<'de> {
    type Value = Option<Vec<&'de RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'de> {
    type Value = Option<Vec<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::with_capacity(16);
        while let Some(element) = sequence.next_element()? {
            if self.most <= elements.len() {
                while sequence.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(None);
            }
            elements.push(element);
        }
        Ok(Some(elements))
    }
}

/// The deepest nesting of a text, without recursion. It need not be JSON.
pub(super) fn depth(text: &str) -> usize {
    let (mut deepest, mut depth) = (0_usize, 0_usize);
    let mut rest = text;
    let tells = |byte: u8| matches!(byte, b'{' | b'[' | b'}' | b']' | b'"');
    while let Some(place) = rest.bytes().position(tells) {
        let (found, after) =
            rest.get(place..).and_then(|from| from.split_at_checked(1)).unwrap_or_default();
        rest = after;
        match found {
            "{" | "[" => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            "\"" => rest = after_string(after),
            _ => depth = depth.saturating_sub(1),
        }
    }
    deepest
}

/// What follows the string that `text` stands in.
fn after_string(text: &str) -> &str {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('"') {
        // A quote behind an odd number of backslashes is part of the string.
        let escapes = before.bytes().rev().take_while(|byte| *byte == b'\\').count();
        rest = after;
        if escapes % 2 == 0 {
            return rest;
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_of_strings() {
        for (text, expected) in [
            ("", 0),
            ("[]", 1),
            (r#"{"a":[{"b":"]]]}}}"},[[]]]}"#, 4),
            (r#"["[[[\"[[[\\"]"#, 1),
            (r#"["\\",["x"]]"#, 2),
            ("}}}[", 1),
            (r#"["open [["#, 1),
        ] {
            assert_eq!(depth(text), expected, "{text}");
        }
    }

    #[test]
    fn many_members_hide_none_that_counts_and_the_last_of_a_name_counts() {
        let many: Vec<String> = (0..200).map(|i| format!(r#""m{i}":{i},"#)).collect();
        let many = many.concat();
        let text = format!(r#"{{"kid":"first",{many}"kid":"last","Keys":1}}"#);
        let members: Members<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(members.text("kid").as_deref(), Some("last"));
        assert_eq!(members.doubled(), Some("kid"));
        assert_eq!(members.miscased(), Some("Keys"));
        assert!(members.hides(&[]));
        assert!(members.names().count() <= MOST_MEMBERS + KEPT.len());
    }

    #[test]
    fn a_control_character_in_a_name_is_no_json() {
        assert!(serde_json::from_str::<Members<'_>>("{\"a\u{1}\":1}").is_err());
        let escaped: Members<'_> = serde_json::from_str(r#"{"a\u0001\ud800":1}"#).unwrap();
        assert!(escaped.names().all(|name| name.starts_with("a\u{1}")));
    }
}
