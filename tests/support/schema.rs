//! Whether a value is what a JSON Schema says (draft 2020-12), as far as our own document uses it:
//! a keyword that is not known here is a fault of the test, never passed over.

use serde_json::{Map, Value};

/// What is wrong with a value, each fault with its place; empty where nothing is.
pub(crate) fn faults(value: &Value, schema: &Value, document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(value, schema, document, "", &mut found);
    found
}

fn check(value: &Value, schema: &Value, document: &Value, at: &str, found: &mut Vec<String>) {
    for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
        let holds = match keyword.as_str() {
            "description" | "format" | "default" => format_holds(value, keyword, wanted),
            "$ref" => {
                let target = document.pointer(wanted.as_str().unwrap().trim_start_matches('#'));
                check(value, target.unwrap_or_else(|| panic!("{wanted}")), document, at, found);
                true
            }
            "type" => is_of(value, wanted.as_str().unwrap()),
            "enum" => wanted.as_array().unwrap().contains(value),
            "pattern" => value.as_str().is_none_or(|text| matches(text, wanted.as_str().unwrap())),
            "minimum" => value.as_f64().is_none_or(|number| wanted.as_f64().unwrap() <= number),
            "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()),
            "maxLength" => value.as_str().is_none_or(|text| text.chars().count() <= size(wanted)),
            "minItems" => value.as_array().is_none_or(|list| size(wanted) <= list.len()),
            "maxItems" => value.as_array().is_none_or(|list| list.len() <= size(wanted)),
            "anyOf" => passing(value, wanted, document).count() != 0,
            "oneOf" => passing(value, wanted, document).count() == 1,
            "items" => {
                for (place, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(item, wanted, document, &format!("{at}/{place}"), found);
                }
                true
            }
            "properties" => {
                for (name, of) in wanted.as_object().unwrap() {
                    if let Some(part) = value.get(name) {
                        check(part, of, document, &format!("{at}/{name}"), found);
                    }
                }
                true
            }
            "required" => {
                let names = wanted.as_array().unwrap();
                !value.is_object()
                    || names.iter().all(|one| value.get(one.as_str().unwrap()).is_some())
            }
            "additionalProperties" => {
                *wanted == Value::Bool(true) || closed(value.as_object(), schema)
            }
            other => panic!("{other} is not known here"),
        };
        if !holds {
            found.push(format!("{at}: {keyword} {wanted}: {value}"));
        }
    }
}

fn format_holds(value: &Value, keyword: &str, wanted: &Value) -> bool {
    if keyword != "format" {
        return true;
    }
    assert_eq!(wanted, "date-time", "no other format is known here");
    let moment = |text: &str| {
        text.ends_with('Z') && text.parse::<anchorwatch_core::time::Timestamp>().is_ok()
    };
    value.as_str().is_none_or(moment)
}

fn size(wanted: &Value) -> usize {
    usize::try_from(wanted.as_u64().unwrap()).unwrap()
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("{other} is no type"),
    }
}

fn passing<'a>(
    value: &'a Value,
    wanted: &'a Value,
    document: &'a Value,
) -> impl Iterator<Item = &'a Value> {
    let all = wanted.as_array().unwrap().iter();
    all.filter(move |one| faults(value, one, document).is_empty())
}

fn closed(object: Option<&Map<String, Value>>, schema: &Value) -> bool {
    let known = schema["properties"].as_object().unwrap();
    object.is_none_or(|object| object.keys().all(|name| known.contains_key(name)))
}

/// Whether a text is what a pattern of our document says: literals, classes, and counts of those.
fn matches(text: &str, pattern: &str) -> bool {
    let inner = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix('$')).unwrap();
    let (mut rest, mut pattern) = (text, inner);
    while !pattern.is_empty() {
        let Some(class) = pattern.strip_prefix('[') else {
            let literal = pattern.chars().next().unwrap();
            let Some(after) = rest.strip_prefix(literal) else { return false };
            (rest, pattern) = (after, &pattern[literal.len_utf8()..]);
            continue;
        };
        let (class, after) = class.split_once("]{").unwrap();
        let (counts, after) = after.split_once('}').unwrap();
        let (least, most) = counts.split_once(',').unwrap_or((counts, counts));
        let taken =
            rest.chars().take_while(|one| is_in(*one, class)).count().min(most.parse().unwrap());
        if taken < least.parse().unwrap() {
            return false;
        }
        (rest, pattern) = (&rest[taken..], after);
    }
    rest.is_empty()
}

fn is_in(one: char, class: &str) -> bool {
    let class: Vec<char> = class.chars().collect();
    let mut place = 0;
    while place < class.len() {
        if class.get(place + 1) == Some(&'-') && place + 2 < class.len() {
            if (class[place]..=class[place + 2]).contains(&one) {
                return true;
            }
            place += 3;
        } else if class[place] == one {
            return true;
        } else {
            place += 1;
        }
    }
    false
}

#[test]
fn the_schemas_are_held_to() {
    let schema = serde_json::json!({
        "type": "object", "required": ["a"], "additionalProperties": false,
        "properties": {"a": {"type": "string", "pattern": "^i[0-9a-f._-]{2,3}$"}, "b": {"type": "integer"}},
    });
    let count = |value: Value| faults(&value, &schema, &Value::Null).len();
    assert_eq!(count(serde_json::json!({"a": "i0-"})), 0);
    assert_eq!(count(serde_json::json!({"a": "i0-_."})), 1, "too long");
    assert_eq!(count(serde_json::json!({"a": "ig0"})), 1);
    assert_eq!(count(serde_json::json!({"b": 1.5, "c": 0})), 3);
    assert_eq!(count(serde_json::json!([])), 1);
}
