//! The JSON Schema of a configuration, for editors: made from the table of keys.
//!
//! It is of draft 7, which the YAML language server reads in full. It cannot tell what is wrong
//! between keys, with a duration's bounds or in a file that is named: `anchorwatch config check`
//! shows the rest.

use serde_json::{Map, Value, json};

use super::schema::{Absent, Choose, Key, Kind, Scope};
use super::table::TOP;
use anchorwatch_core::finding::{FindingKind, Severity};

/// Where the schema of this version is published.
pub const URL: &str =
    "https://raw.githubusercontent.com/anchorwatch/anchorwatch/main/docs/anchorwatch.schema.json";

/// humantime's units but for months, whose length is not fixed.
const DURATION: &str = "^(([0-9]+ *(nanos|nsec|ns|usec|us|µs|millis|msec|ms|seconds|second|secs|sec|s|minutes|minute|mins|min|m|hours|hour|hrs|hr|h|days|day|d|weeks|week|wks|wk|w|years|year|yrs|yr|y) *)+|0)$";
const TRUST_DOMAIN: &str = "^[a-z0-9._-]{1,255}$";

/// The whole document, with a line end.
pub fn render() -> String {
    let mut document = object(&TOP);
    let definitions: Map<_, _> = TOP
        .with_all_below()
        .into_iter()
        .skip(1)
        .map(|scope| (scope.anchor(), Value::Object(object(scope))))
        .collect();
    document.insert("definitions".to_owned(), Value::Object(definitions));
    let head = [
        ("$schema", json!("http://json-schema.org/draft-07/schema#")),
        ("$id", json!(URL)),
        ("title", json!("anchorwatch configuration")),
    ];
    let head = head.into_iter().map(|(name, value)| (name.to_owned(), value));
    let document: Map<_, _> = head.chain(document).collect();
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

/// A mapping with the keys of a scope.
fn object(scope: &Scope) -> Map<String, Value> {
    let keys = scope.keys().map(|key| (key.name.to_owned(), property(key, scope)));
    let mut object = Map::new();
    let mut put = |name: &str, value| object.insert(name.to_owned(), value);
    put("description", json!(scope.intro));
    put("type", json!("object"));
    put("properties", Value::Object(keys.collect()));
    put("additionalProperties", json!(false));
    let required: Vec<_> = required(scope).collect();
    if !required.is_empty() {
        put("required", json!(required));
    }
    if scope.choose == Choose::One {
        put("minProperties", json!(1));
        put("maxProperties", json!(1));
    }
    object
}

fn required(scope: &Scope) -> impl Iterator<Item = &'static str> + use<> {
    scope.keys().filter(|key| key.absent == Absent::Fault).map(|key| key.name)
}

/// What a key may hold, with what it means.
fn property(key: &Key, scope: &Scope) -> Value {
    let mut property = of_kind(&key.kind);
    if let (Choose::One, Kind::Mapping(below)) = (scope.choose, key.kind)
        && required(below).next().is_none()
    {
        // The name alone chooses it: `https_web:`.
        property = json!({"anyOf": [property, {"type": "null"}]});
    }
    let bounds = match (&key.kind, key.kind.bounds()) {
        (Kind::Duration { .. } | Kind::PollInterval { .. }, bounds) => format!(" From {bounds}."),
        _ => String::new(),
    };
    let mut more = Map::new();
    let default = match key.absent {
        Absent::Fault => String::new(),
        Absent::Value(text) => {
            // A default that is no JSON is in the description alone.
            if let Ok(value) = serde_json::from_str::<Value>(text) {
                more.insert("default".to_owned(), value);
            }
            format!(" Default: {text}.")
        }
        Absent::Words(words) => format!(" Without it: {words}."),
    };
    more.insert("description".to_owned(), json!(format!("{}{bounds}{default}", key.meaning)));
    if let Some(property) = property.as_object_mut() {
        property.append(&mut more);
    }
    property
}

fn of_kind(kind: &Kind) -> Value {
    let text = |pattern: &str| json!({"type": "string", "pattern": pattern});
    match *kind {
        Kind::Choice(words) => json!({"type": "string", "enum": words}),
        Kind::Consumers(scope) => {
            let named = text("^(spire(@[0-9]+\\.[0-9]+\\.[0-9]+)?|go-spiffe|istio)$");
            let item = json!({"anyOf": [named, reference(scope)]});
            json!({"type": "array", "items": item, "minItems": 1, "uniqueItems": true})
        }
        Kind::Count { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        // YAML reads `0` as a number.
        Kind::Duration { .. } => json!({"anyOf": [text(DURATION), {"const": 0}]}),
        Kind::PollInterval { .. } => json!({"anyOf": [{"const": "auto"}, text(DURATION)]}),
        Kind::EndpointUrl => text("^https://[^/?#@]+([/?#].*)?$"),
        Kind::ProxyUrl => text("^http://[^/?#]+([/?#].*)?$"),
        Kind::Url => text("^https?://[^/?#@]+(/[^?#]*)?$"),
        Kind::Fingerprint => text("^sha256:[0-9a-f]{64}$"),
        Kind::Issuer(scope) => {
            json!({"anyOf": [{"type": "string", "enum": ["spire", "learned"]}, reference(scope)]})
        }
        Kind::KeyType => text("^(ec-p(256|384|521)|rsa-[0-9]{4,5})$"),
        Kind::List { scope, max } => {
            json!({"type": "array", "items": reference(scope), "maxItems": max})
        }
        Kind::Mapping(scope) => reference(scope),
        Kind::Moment => text(
            "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
        ),
        Kind::Path => json!({"type": "string", "minLength": 1, "maxLength": 4096}),
        Kind::Redirects { max } => {
            json!({"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 0, "maximum": max}]})
        }
        Kind::Relationships(scope) => json!({
            "type": "object",
            "propertyNames": {"pattern": TRUST_DOMAIN},
            "additionalProperties": reference(scope),
        }),
        Kind::Severities => severities(),
        Kind::Size { min, max } => json!({"anyOf": [
            {"type": "integer", "minimum": min, "maximum": max},
            text("^[0-9]+ *([KMG]iB)?$"),
        ]}),
        Kind::SpiffeId => text("^spiffe://[a-z0-9._-]{1,255}/.+$"),
        Kind::Switch => json!({"type": "boolean"}),
        // YAML reads a text of digits as a number.
        Kind::Text { max } => {
            json!({"type": ["string", "number", "boolean"], "minLength": 1, "maxLength": max})
        }
        Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Kind::TrustDomain => text(TRUST_DOMAIN),
        Kind::TrustDomains { max } => json!({
            "type": "array", "items": text(TRUST_DOMAIN),
            "minItems": 2, "maxItems": max, "uniqueItems": true,
        }),
    }
}

fn reference(scope: &Scope) -> Value {
    json!({"$ref": format!("#/definitions/{}", scope.anchor())})
}

fn severities() -> Value {
    let levels = json!({"type": "string", "enum": Severity::ALL.map(Severity::label)});
    let kinds = FindingKind::ALL.iter().filter(|kind| !kind.is_about_the_watch());
    let kinds: Map<_, _> = kinds.map(|kind| (kind.label().to_owned(), levels.clone())).collect();
    json!({"type": "object", "properties": kinds, "additionalProperties": false})
}
