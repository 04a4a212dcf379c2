//! The way from a tree to typed values: every key is looked up in the schema's table, and every
//! fault is gathered, never only the first.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use super::fault::{Report, quoted};
use super::schema::{self, Absent, Key, Scope};
use super::suggest;
use super::yaml::{Entry, Node, NodeKind, Place};

/// A node with the path that leads to it.
#[derive(Clone, Debug)]
pub(super) struct Value<'t> {
    pub(super) node: &'t Node,
    pub(super) path: String,
}

impl<'t> Value<'t> {
    /// The whole file.
    pub(super) fn root(node: &'t Node) -> Self {
        Self { node, path: String::new() }
    }

    pub(super) fn place(&self) -> Place {
        self.node.place
    }

    pub(super) fn fault(
        &self,
        report: &mut Report,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        report.fault(self.node.place, &self.path, message, hint);
    }

    /// Says that the node is of another form than `noun`.
    pub(super) fn misplaced(&self, noun: &str, hint: &str, report: &mut Report) {
        let found = match &self.node.kind {
            NodeKind::Refused => return,
            NodeKind::Null => {
                let hint = format!("{hint}, or remove the key");
                return self.fault(report, "it has no value", hint);
            }
            NodeKind::List(_) => "a list".to_owned(),
            NodeKind::Mapping(_) => "a mapping".to_owned(),
            NodeKind::Scalar(text) => quoted(text),
        };
        self.fault(report, format!("{found} stands where {noun} is wanted"), hint);
    }

    /// The text of a scalar; a fault where it is none.
    pub(super) fn text(&self, noun: &str, hint: &str, report: &mut Report) -> Option<&'t str> {
        let text = self.as_text();
        if text.is_none() {
            self.misplaced(noun, hint, report);
        }
        text
    }

    /// The text of a scalar, where it is one.
    pub(super) fn as_text(&self) -> Option<&'t str> {
        match &self.node.kind {
            NodeKind::Scalar(text) => Some(text),
            NodeKind::List(_) | NodeKind::Mapping(_) | NodeKind::Null | NodeKind::Refused => None,
        }
    }

    /// The elements of a list; a fault where it is none.
    pub(super) fn elements(
        &self,
        noun: &str,
        hint: &str,
        report: &mut Report,
    ) -> Option<Vec<Value<'t>>> {
        let NodeKind::List(nodes) = &self.node.kind else {
            self.misplaced(noun, hint, report);
            return None;
        };
        let element = |(place, node)| Value { node, path: format!("{}[{place}]", self.path) };
        Some(nodes.iter().enumerate().map(element).collect())
    }

    /// The entries of a mapping, each key once; a fault where it is none, and for every key that
    /// comes again. `what` names what a key stands for.
    pub(super) fn entries(
        &self,
        what: &str,
        hint: &str,
        report: &mut Report,
    ) -> Option<Vec<(&'t Entry, Value<'t>)>> {
        let NodeKind::Mapping(entries) = &self.node.kind else {
            self.misplaced("a mapping", hint, report);
            return None;
        };
        let mut first: HashMap<&str, usize> = HashMap::with_capacity(entries.len());
        let mut unique = Vec::with_capacity(entries.len());
        for entry in entries {
            let path = join(&self.path, &entry.key);
            match first.entry(&entry.key) {
                Slot::Occupied(line) => {
                    let message = format!("this {what} is there twice");
                    let hint = format!("it stands in line {} already, so remove one", line.get());
                    report.fault(entry.place, &path, message, hint);
                }
                Slot::Vacant(slot) => {
                    slot.insert(entry.place.line);
                    unique.push((entry, Value { node: &entry.value, path }));
                }
            }
        }
        Some(unique)
    }
}

/// The path of a key below another.
fn join(path: &str, key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte);
    let is_plain = !key.is_empty() && key.len() <= 255 && key.bytes().all(plain);
    let key = if is_plain { key.to_owned() } else { quoted(key) };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// The keys of a mapping, each of them in the schema.
#[derive(Debug)]
pub(super) struct Fields<'t> {
    path: String,
    place: Place,
    known: Vec<(&'static str, Value<'t>)>,
}

impl<'t> Fields<'t> {
    /// The keys of a mapping; a fault where it is none, for every unknown key, for every key that
    /// comes twice, and for every required one that is missing.
    pub(super) fn open(
        value: &Value<'t>,
        scope: &'static Scope,
        report: &mut Report,
    ) -> Option<Self> {
        let hint = schema::Kind::Mapping(scope).example();
        let entries = value.entries("key", &hint, report)?;
        let mut known = Vec::with_capacity(entries.len());
        for (entry, value) in entries {
            if let Some(key) = scope.key(&entry.key) {
                known.push((key.name, value));
            } else {
                let hint = (!report.is_full()).then(|| suggest::key(&entry.key, scope));
                report.fault(
                    entry.place,
                    &value.path,
                    "there is no such key",
                    hint.unwrap_or_default(),
                );
            }
        }
        let fields = Self { path: value.path.clone(), place: value.node.place, known };
        for key in scope.keys() {
            if key.absent == Absent::Fault && fields.get(key).is_none() {
                let path = join(&fields.path, key.name);
                report.fault(fields.place, &path, "it is missing", key.kind.example());
            }
        }
        Some(fields)
    }

    /// What stands under a key.
    pub(super) fn get(&self, key: &Key) -> Option<&Value<'t>> {
        self.known.iter().find(|(name, _)| *name == key.name).map(|(_, value)| value)
    }

    /// What stands under a key, decoded; `None` where nothing does, or what does is wrong.
    pub(super) fn read<T>(
        &self,
        key: &'static Key,
        report: &mut Report,
        decode: impl FnOnce(&Value<'t>, &'static Key, &mut Report) -> Option<T>,
    ) -> Option<T> {
        decode(self.get(key)?, key, report)
    }
}
