//! Whether a value is what a JSON Schema of our own document says (draft 2020-12).

use serde_json::Value;

/// What is wrong with a value, each fault with its place; empty where nothing is. References in
/// the schema lead into `document`.
pub(crate) fn faults(value: &Value, schema: &Value, document: &Value) -> Vec<String> {
    let mut schema = schema.clone();
    schema["components"] = document["components"].clone();
    let validator = jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap_or_else(|why| panic!("no schema: {why}"));
    let shown =
        |fault: jsonschema::ValidationError<'_>| format!("{}: {fault}", fault.instance_path());
    validator.iter_errors(value).map(shown).collect()
}

#[test]
fn a_value_that_departs_from_its_schema_is_a_fault() {
    let schema = serde_json::json!({
        "type": "object", "required": ["a"], "additionalProperties": false,
        "properties": {"a": {"type": "string", "pattern": "^i[0-9a-f._-]{2,3}$"}, "b": {"$ref": "#/components/b"}},
    });
    let document =
        serde_json::json!({"components": {"b": {"type": "string", "format": "date-time"}}});
    let count = |value: Value| faults(&value, &schema, &document).len();
    assert_eq!(count(serde_json::json!({"a": "i0-", "b": "2026-12-01T00:00:00Z"})), 0);
    assert_eq!(count(serde_json::json!({"a": "i0-_."})), 1, "too long");
    assert_eq!(count(serde_json::json!({"a": "ig0"})), 1);
    assert_eq!(count(serde_json::json!({"a": "i0-", "b": "yesterday"})), 1);
    assert_eq!(count(serde_json::json!({"b": 1.5, "c": 0})), 3);
    assert_eq!(count(serde_json::json!([])), 1);
}
