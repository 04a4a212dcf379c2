//! The way from a tree to typed values: every key is looked up in the table, and every fault is
//! gathered, never only the first.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use super::fault::Report;
use super::place::{Place, quoted};
use super::schema::{Absent, Choose, Key, Scope};
use super::suggest;
use super::yaml::{Entry, Node, NodeKind};

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
        self.fault(report, format!("{found} is where {noun} is expected"), hint);
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

    /// What is written under this key of a mapping.
    pub(super) fn below(&self, name: &str) -> Option<Self> {
        let NodeKind::Mapping(entries) = &self.node.kind else { return None };
        let entry = entries.iter().find(|entry| *entry.key == *name)?;
        Some(Self { node: &entry.value, path: join(&self.path, name) })
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
    /// is repeated. `what` names what a key means.
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
                    let message = format!("this {what} is written twice");
                    let hint = format!("it is in line {} already, so remove one", line.get());
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

/// The keys of a mapping, each of them in the table.
#[derive(Debug)]
pub(super) struct Fields<'t> {
    known: Vec<(&'static str, Value<'t>)>,
}

impl<'t> Fields<'t> {
    /// The keys of a mapping; a fault where it is none, for every unknown key, for every key that
    /// is repeated, and for every required one that is missing.
    pub(super) fn open(
        value: &Value<'t>,
        scope: &'static Scope,
        report: &mut Report,
    ) -> Option<Self> {
        let entries = value.entries("key", scope.example, report)?;
        let mut known = Vec::with_capacity(entries.len());
        for (entry, value) in entries {
            if let Some(key) = scope.key(&entry.key) {
                known.push((key.name, value));
                continue;
            }
            let top = report.top();
            let hint = (!report.is_full()).then(|| suggest::key(&entry.key, scope, top));
            let hint = hint.unwrap_or_default();
            report.fault(entry.place, &value.path, "there is no such key", hint);
        }
        let fields = Self { known };
        for key in scope.keys() {
            if key.absent == Absent::Fault && fields.get(key).is_none() {
                let path = join(&value.path, key.name);
                report.fault(value.place(), &path, "it is missing", key.kind.example());
            }
        }
        Some(fields)
    }

    /// The one key of a mapping of which exactly one is allowed. `what` names what a key means.
    pub(super) fn open_one(
        value: &Value<'t>,
        scope: &'static Scope,
        what: &str,
        report: &mut Report,
    ) -> Option<(&'static str, Value<'t>)> {
        debug_assert_eq!(scope.choose, Choose::One, "{}", scope.name);
        let mut known = Self::open(value, scope, report)?.known;
        match (known.pop(), known.is_empty(), &value.node.kind) {
            (Some(one), true, _) => return Some(one),
            (Some(_), false, _) => {
                value.fault(report, format!("two {what}s are written here"), "keep one of them");
            }
            (None, _, NodeKind::Mapping(entries)) if entries.is_empty() => {
                value.fault(report, format!("no {what} is written here"), scope.example);
            }
            // What is written instead has its own fault already.
            (None, ..) => (),
        }
        None
    }

    /// What is written under a key.
    pub(super) fn get(&self, key: &Key) -> Option<&Value<'t>> {
        self.named(key.name)
    }

    /// What is written under the key of this name.
    pub(super) fn named(&self, name: &str) -> Option<&Value<'t>> {
        self.known.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}
