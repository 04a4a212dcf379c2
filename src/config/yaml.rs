//! YAML as a tree in which every node knows its place.
//!
//! A subset of YAML 1.2: mappings with text as keys, lists and scalars. Aliases and tags are
//! refused: a configuration is read by people, `defaults` says once what holds for all, and an
//! alias of an alias is how ten lines become ten gigabytes.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::fault::Report;
use super::place::Place;

/// The most bytes of a file: ten thousand relationships take 1.8 MiB.
pub(super) const MAX_BYTES: usize = 16 << 20;
/// The most nodes of a file: ten thousand relationships with every key take half of it.
const MAX_NODES: usize = 1_000_000;
/// The deepest key lies five levels down.
const MAX_DEPTH: usize = 16;

/// A node and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) kind: NodeKind,
}

#[derive(Clone, Debug)]
pub(super) enum NodeKind {
    List(Vec<Node>),
    Mapping(Vec<Entry>),
    /// Nothing, as after `key:`.
    Null,
    /// A node that a fault speaks of already.
    Refused,
    Scalar(Box<str>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Box<str>,
    pub(super) place: Place,
    pub(super) value: Node,
}

/// Reads the one document of a file, which says something. What cannot be read is in the report.
pub(super) fn parse(text: &str, report: &mut Report) -> Option<Node> {
    let root = document(text, report)?;
    if root.is_none() {
        let hint = "it needs at least `federates_with`";
        report.fault(Place::START, "", "the file says nothing", hint);
    }
    root
}

/// As [`parse`], of a file that may say nothing; the outer `None` is a fault.
#[expect(clippy::option_option, reason = "a fault, or nothing, or something")]
pub(super) fn document(text: &str, report: &mut Report) -> Option<Option<Node>> {
    let mut builder = Builder { open: Vec::new(), root: None, nodes: 0, documents: 0, report };
    let mut parser = Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    while let Some(event) = parser.next_event() {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                let marker = error.marker();
                let place = Place { line: marker.line().max(1), column: marker.col() + 1 };
                let message = format!("this is not YAML: {}", error.info());
                builder.report.fault(place, "", message, "mind the indentation, and quote text");
                return None;
            }
        };
        if !builder.add_event(event, place(span)) {
            return None;
        }
    }
    Some(builder.root)
}

fn place(span: Span) -> Place {
    Place { line: span.start.line().max(1), column: span.start.col().saturating_add(1) }
}

struct Builder<'r> {
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    documents: usize,
    report: &'r mut Report,
}

/// A collection whose end has not come.
struct Open {
    place: Place,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Mapping { entries: Vec<Entry>, next: Next },
}

/// What comes next in a mapping.
enum Next {
    Key,
    Value {
        key: Box<str>,
        place: Place,
    },
    /// The value of a key that was refused.
    Skipped,
}

impl Builder<'_> {
    /// Adds one event. Returns whether more events are wanted.
    fn add_event(&mut self, event: Event<'_>, place: Place) -> bool {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if 1 < self.documents {
                    let hint = "a configuration is one document, so remove the `---`";
                    self.report.fault(place, "", "a second document begins here", hint);
                    return false;
                }
            }
            Event::Alias(_) => {
                let hint = "write the value out, or put it under `defaults`";
                self.report.fault(place, "", "aliases are not supported", hint);
                return self.count(place) && self.attach(Node { place, kind: NodeKind::Refused });
            }
            Event::Scalar(text, style, _, tag) => {
                self.refuse(tag.as_deref(), place);
                let kind = scalar(text, style);
                return self.count(place) && self.attach(Node { place, kind });
            }
            Event::SequenceStart(_, tag) => {
                self.refuse(tag.as_deref(), place);
                return self.begin(place, Content::List(Vec::new()));
            }
            Event::MappingStart(_, tag) => {
                self.refuse(tag.as_deref(), place);
                let content = Content::Mapping { entries: Vec::new(), next: Next::Key };
                return self.begin(place, content);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { place, content }) = self.open.pop() {
                    let kind = match content {
                        Content::List(nodes) => NodeKind::List(nodes),
                        Content::Mapping { entries, .. } => NodeKind::Mapping(entries),
                    };
                    return self.attach(Node { place, kind });
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => (),
        }
        true
    }

    fn refuse(&mut self, tag: Option<&Tag>, place: Place) {
        if tag.is_some() {
            self.report.fault(place, "", "tags are not supported", "remove the `!` and its name");
        }
    }

    fn count(&mut self, place: Place) -> bool {
        self.nodes += 1;
        if MAX_NODES < self.nodes {
            let message = format!("the file has more than {MAX_NODES} values");
            self.report.fault(place, "", message, "split the configuration");
            return false;
        }
        true
    }

    fn begin(&mut self, place: Place, content: Content) -> bool {
        if self.open.len() == MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            self.report.fault(place, "", message, "no key of a configuration lies so deep");
            return false;
        }
        self.open.push(Open { place, content });
        self.count(place)
    }

    fn attach(&mut self, node: Node) -> bool {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return true;
        };
        match &mut open.content {
            Content::List(nodes) => nodes.push(node),
            Content::Mapping { entries, next } => match std::mem::replace(next, Next::Key) {
                Next::Key => match node.kind {
                    NodeKind::Scalar(key) => *next = Next::Value { key, place: node.place },
                    NodeKind::Null => {
                        *next = Next::Value { key: "".into(), place: node.place };
                    }
                    NodeKind::Refused => *next = Next::Skipped,
                    NodeKind::List(_) | NodeKind::Mapping(_) => {
                        *next = Next::Skipped;
                        let hint = "a list or a mapping cannot be one";
                        self.report.fault(node.place, "", "a key must be text", hint);
                    }
                },
                Next::Value { key, place } => entries.push(Entry { key, place, value: node }),
                Next::Skipped => (),
            },
        }
        true
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> NodeKind {
    let is_null =
        style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
    if is_null { NodeKind::Null } else { NodeKind::Scalar(text.into()) }
}
