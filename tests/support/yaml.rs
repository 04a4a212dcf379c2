//! YAML as an editor reads it: scalars have the types of the core schema (YAML 1.2, 10.3.2).

#![expect(clippy::wildcard_enum_match_arm, reason = "an event that is not named is no value")]

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// The one document of a text; `None` where it is no YAML, or has an alias or a tag.
pub(crate) fn value(text: &str) -> Option<Value> {
    let mut parser = Parser::new_from_str(text);
    let mut documents = Vec::new();
    loop {
        match parser.next_event()?.ok()?.0 {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            event => documents.push(node(event, &mut parser)?),
        }
    }
    if documents.len() == 1 { documents.pop() } else { None }
}

fn node<'t>(
    event: Event<'t>,
    parser: &mut Parser<'t, saphyr_parser::StrInput<'t>>,
) -> Option<Value> {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, _, None) => Some(plain(&text)),
        Event::Scalar(text, _, _, None) => Some(Value::from(text.into_owned())),
        Event::SequenceStart(_, None) => {
            let mut list = Vec::new();
            loop {
                match parser.next_event()?.ok()?.0 {
                    Event::SequenceEnd => return Some(Value::Array(list)),
                    event => list.push(node(event, parser)?),
                }
            }
        }
        Event::MappingStart(_, None) => {
            let mut mapping = Map::new();
            loop {
                let key = match parser.next_event()?.ok()?.0 {
                    Event::MappingEnd => return Some(Value::Object(mapping)),
                    Event::Scalar(text, ..) => text.into_owned(),
                    _ => return None,
                };
                let event = parser.next_event()?.ok()?.0;
                // A key that is repeated is no YAML (1.2, 3.2.1.3).
                if mapping.insert(key, node(event, parser)?).is_some() {
                    return None;
                }
            }
        }
        _ => None,
    }
}

fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => {
            let number = text.starts_with(|first: char| first.is_ascii_digit() || first == '-');
            let number = number.then(|| serde_json::from_str(text).ok()).flatten();
            number.filter(Value::is_number).unwrap_or_else(|| Value::from(text))
        }
    }
}
