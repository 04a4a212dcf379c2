//! What each consumer takes, rule by rule.

#![cfg(test)]

use serde_json::{Value, json};

use super::{Consumer, ConsumerVerdict, IgnoredReason, read_document};

/// SPIRE before and from 1.15.3 on, go-spiffe and Istio.
const ALL: &[Consumer] = Consumer::KNOWN;
const HINT: &str = r#""spiffe_sequence":7,"spiffe_refresh_hint":300"#;

/// Elements of a real bundle: an X.509 one, and a JWT one with another key.
fn elements() -> (Value, Value) {
    let text = include_str!("../../../tests/data/bundles/a_bundle_of_spire_is_read_in_full.json");
    let document: Value = serde_json::from_str(text).unwrap();
    let of = |wanted: &str| {
        let keys = document["keys"].as_array().unwrap();
        keys.iter().find(|key| key["use"] == wanted).unwrap().clone()
    };
    (of("x509-svid"), of("jwt-svid"))
}

/// An element with some members changed; null removes one.
fn changed(element: &Value, changes: &[(&str, Value)]) -> String {
    let mut element = element.clone();
    for (name, value) in changes {
        let members = element.as_object_mut().unwrap();
        members.remove(*name);
        if !value.is_null() {
            members.insert((*name).to_owned(), value.clone());
        }
    }
    element.to_string()
}

fn bundle(elements: &[&str]) -> String {
    format!(r#"{{"keys":[{}],{HINT}}}"#, elements.join(","))
}

/// A verdict in a word: how many keys are kept, or why the document is refused.
fn told(consumer: Consumer, document: &[u8]) -> String {
    match read_document(consumer, document) {
        ConsumerVerdict::Accepts(acceptance) => acceptance.kept.len().to_string(),
        ConsumerVerdict::Rejects(refusal) => refusal.reason.label().to_owned(),
    }
}

/// The verdicts of [`ALL`]: one word where they agree.
#[track_caller]
fn expect(document: impl AsRef<[u8]>, expected: &str) {
    let told: Vec<_> = ALL.iter().map(|one| told(*one, document.as_ref())).collect();
    let expected: Vec<_> = expected.split(' ').collect();
    let expected = if expected.len() == 1 { vec![expected[0]; ALL.len()] } else { expected };
    assert_eq!(told, expected, "{}", String::from_utf8_lossy(document.as_ref()));
}

#[track_caller]
fn expect_elements(elements: &[&str], expected: &str) {
    expect(bundle(elements), expected);
}

#[test]
fn a_bundle_of_spire_is_taken_by_all() {
    let (x509, jwt) = elements();
    expect_elements(&[&x509.to_string(), &jwt.to_string()], "2 2 2 1");
}

#[test]
fn an_unknown_or_missing_use_is_ignored_by_go_spiffe_and_istio_and_refused_by_spire() {
    let (x509, jwt) = elements();
    let x509 = x509.to_string();
    let unknown = changed(&jwt, &[("use", json!("sig"))]);
    expect_elements(&[&x509, &unknown], "unknown_use unknown_use 1 1");
    let miscased = changed(&jwt, &[("use", json!("JWT-SVID"))]);
    expect_elements(&[&x509, &miscased], "unknown_use unknown_use 1 1");
    let missing = changed(&jwt, &[("use", Value::Null)]);
    expect_elements(&[&x509, &missing], "missing_use missing_use 1 1");
}

#[test]
fn spire_refuses_a_wit_authority_up_to_1_15_2_and_keeps_none_from_1_15_3_on() {
    let (x509, jwt) = elements();
    let wit = changed(&jwt, &[("use", json!("wit-svid"))]);
    expect_elements(&[&x509.to_string(), &wit], "unknown_use 1 2 1");
    let without_kid = changed(&jwt, &[("use", json!("wit-svid")), ("kid", Value::Null)]);
    let expected = "unknown_use missing_key_id missing_key_id 1";
    expect_elements(&[&x509.to_string(), &without_kid], expected);
    // Of any version, SPIRE is as strict as the strictest.
    let document = bundle(&[&x509.to_string(), &wit]);
    assert_eq!(told(Consumer::Spire, document.as_bytes()), "unknown_use");
}

#[test]
fn a_key_that_go_jose_does_not_know_makes_all_refuse_the_document() {
    let (x509, jwt) = elements();
    let x509 = x509.to_string();
    let of = |changes: &[(&str, Value)]| bundle(&[&x509, &changed(&jwt, changes)]);
    expect(of(&[("kty", json!("AKP"))]), "unsupported_key_type");
    expect(of(&[("kty", json!("ec"))]), "unsupported_key_type");
    expect(of(&[("kty", Value::Null)]), "missing_key_type");
    expect(of(&[("crv", json!("secp256k1"))]), "unsupported_curve");
    expect(of(&[("x", Value::Null)]), "invalid_key");
    expect(of(&[("x", json!("AA"))]), "invalid_key");
    expect(of(&[("x", json!("A A"))]), "invalid_encoding");
    expect(of(&[("x", jwt["y"].clone())]), "invalid_key");
    // Even where nobody has a use for the element.
    expect(of(&[("use", json!("sig")), ("kty", json!("X"))]), "unsupported_key_type");
    expect(bundle(&["null"]), "missing_key_type");
    expect(bundle(&["7"]), "wrong_type");
}

#[test]
fn an_x509_element_has_exactly_one_certificate_whose_key_is_its_own() {
    let (x509, jwt) = elements();
    let certificate = &x509["x5c"][0];
    let of = |changes: &[(&str, Value)]| bundle(&[&changed(&x509, changes)]);
    expect(of(&[("x5c", json!([certificate, certificate]))]), "certificate_count");
    expect(of(&[("x5c", json!([]))]), "certificate_count");
    expect(of(&[("x5c", Value::Null)]), "certificate_count");
    expect(of(&[("x5c", certificate.clone())]), "wrong_type");
    expect(of(&[("x5c", json!(["AAAA"]))]), "unreadable_certificate");
    expect(of(&[("x5c", json!(["A"]))]), "invalid_encoding");
    expect(of(&[("x", jwt["x"].clone()), ("y", jwt["y"].clone())]), "key_mismatch");
    // A key ID must not be there, and nobody minds.
    expect(of(&[("kid", json!("x"))]), "1");
    let broken = certificate.as_str().unwrap();
    let (one, two) = broken.split_at(64);
    expect(of(&[("x5c", json!([format!("{one}\r\n{two}")]))]), "1");
}

#[test]
fn a_thumbprint_that_is_stated_is_the_certificates() {
    let (x509, _) = elements();
    let of = |changes: &[(&str, Value)]| bundle(&[&changed(&x509, changes)]);
    expect(of(&[("x5t", json!("A".repeat(27)))]), "wrong_thumbprint");
    expect(of(&[("x5t#S256", json!("A".repeat(43)))]), "wrong_thumbprint");
    expect(of(&[("x5t#S256", json!("AAAA"))]), "wrong_thumbprint");
    expect(of(&[("x5t", json!("="))]), "invalid_encoding");
    expect(of(&[("x5u", json!("https://a b/"))]), "invalid_url");
    expect(of(&[("x5u", json!("https://example.org/")), ("x5t", json!(""))]), "1");
}

#[test]
fn one_certificate_twice_is_one_and_one_kid_twice_is_the_last() {
    let (x509, jwt) = elements();
    let (x509, jwt) = (x509.to_string(), jwt.to_string());
    let document = bundle(&[&x509, &jwt, &x509, &jwt]);
    expect(&document, "2 2 2 1");
    let ConsumerVerdict::Accepts(read) = read_document(Consumer::GoSpiffe, document.as_bytes())
    else {
        panic!()
    };
    let entries: Vec<_> = read.kept.iter().map(|kept| kept.entry).collect();
    assert_eq!(entries, [0, 3]);
    let ignored: Vec<_> = read.ignored.iter().map(|one| (one.entry, one.reason)).collect();
    assert_eq!(ignored, [(1, IgnoredReason::Replaced), (2, IgnoredReason::Duplicate)]);
}

#[test]
fn a_jwt_authority_has_a_kid() {
    let (x509, jwt) = elements();
    for kid in [Value::Null, json!("")] {
        let element = changed(&jwt, &[("kid", kid)]);
        let expected = "missing_key_id missing_key_id missing_key_id 1";
        expect_elements(&[&x509.to_string(), &element], expected);
    }
    let number = changed(&jwt, &[("kid", json!(7))]);
    expect_elements(&[&number], "wrong_type");
}

#[test]
fn a_symmetric_or_private_key_is_an_authority_to_go_spiffe_and_spire_cannot_store_it() {
    let (x509, jwt) = elements();
    let symmetric = r#"{"use":"jwt-svid","kid":"a","kty":"oct","k":"c2VjcmV0"}"#;
    let x509 = x509.to_string();
    expect_elements(&[&x509, symmetric], "not_public not_public 2 1");
    let ConsumerVerdict::Accepts(read) =
        read_document(Consumer::GoSpiffe, bundle(&[symmetric]).as_bytes())
    else {
        panic!()
    };
    assert_eq!(read.kept[0].fingerprint, None);
    let private = changed(&jwt, &[("d", json!("A".repeat(43)))]);
    expect_elements(&[&x509, &private], "not_public not_public 2 1");
    // What a later key replaced is not stored.
    expect_elements(&[&x509, &private, &jwt.to_string()], "2 2 2 1");
    let short = changed(&jwt, &[("d", json!("AAAA"))]);
    expect_elements(&[&x509, &short], "invalid_key");
}

#[test]
fn an_rsa_key_of_nothing_is_stored_by_spire_and_not_read_back() {
    let (x509, _) = elements();
    let x509 = x509.to_string();
    for (n, e) in [("", "AQAB"), ("AQAB", ""), ("AQAB", "_wAAAAAAAAA")] {
        let key = json!({"use": "jwt-svid", "kid": "a", "kty": "RSA", "n": n, "e": e}).to_string();
        expect_elements(&[&x509, &key], "not_read_back not_read_back 2 1");
    }
}

#[test]
fn an_ed25519_key_is_looked_at_from_go_jose_4_1_5_on() {
    let (x509, _) = elements();
    let x509 = x509.to_string();
    let key = |x: &str| {
        json!({"use": "jwt-svid", "kid": "a", "kty": "OKP", "crv": "Ed25519", "x": x}).to_string()
    };
    // RFC 8037, A.2.
    expect_elements(&[&x509, &key("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")], "2 2 2 1");
    expect_elements(&[&x509, &key("AAAA")], "2 2 invalid_key 1");
    expect_elements(&[&x509, &key(&"A".repeat(43))], "2 2 invalid_key 1");
    let document = bundle(&[&x509, &key("AAAA")]);
    assert_eq!(told(Consumer::Spire, document.as_bytes()), "invalid_key");
}

#[test]
fn a_name_that_stands_twice_is_refused_in_an_element_and_the_last_counts_outside() {
    let (x509, jwt) = elements();
    let doubled = jwt.to_string().replacen('{', r#"{"extra":1,"extra":2,"#, 1);
    expect_elements(&[&doubled], "duplicate_member");
    let escaped = jwt.to_string().replacen('{', r#"{"\u006bid":"b","#, 1);
    expect_elements(&[&escaped], "duplicate_member");
    let miscased = jwt.to_string().replacen('{', r#"{"KID":"b","#, 1);
    expect_elements(&[&x509.to_string(), &miscased], "2 2 2 1");
    expect(format!(r#"{{"keys":[{jwt}],"keys":[{x509}]}}"#), "1");
    expect(format!(r#"{{"keys":[{x509}],"KEYS":[]}}"#), "0 0 0 no_x509_authority");
    expect(format!(r#"{{"keys":[{x509}],"keys":null}}"#), "0 0 missing_keys no_x509_authority");
    expect(format!(r#"{{"keys":[7],"keys":[{x509}]}}"#), "wrong_type");
    expect(format!(r#"{{"\u212aey\u017f":[{x509}]}}"#), "1");
}

#[test]
fn a_document_without_keys_is_an_empty_bundle_to_spire() {
    for text in ["{}", r#"{"error":"x"}"#, r#"{"keys":null}"#, "null"] {
        expect(text, "0 0 missing_keys no_x509_authority");
    }
    expect(r#"{"keys":[]}"#, "0 0 0 no_x509_authority");
    for text in [r#"{"keys":{}}"#, r#"{"keys":"x"}"#, "[]", "7", r#""x""#] {
        expect(text, "wrong_type");
    }
}

#[test]
fn a_number_is_written_in_digits() {
    for number in ["\"7\"", "7.0", "1e3", "-1", "18446744073709551616", "true", "[]"] {
        expect(format!(r#"{{"keys":[],"spiffe_sequence":{number}}}"#), "wrong_type");
    }
    for number in ["\"300\"", "300.5", "1e3", "9223372036854775808", "{}"] {
        expect(format!(r#"{{"keys":[],"Spiffe_Refresh_Hint":{number}}}"#), "wrong_type");
    }
    for number in ["-5", "null", "0", "-0", "9223372036854775807"] {
        let text = format!(r#"{{"keys":[],"spiffe_refresh_hint":{number}}}"#);
        expect(text, "0 0 0 no_x509_authority");
    }
    expect(r#"{"keys":[],"spiffe_sequence":18446744073709551615}"#, "0 0 0 no_x509_authority");
}

#[test]
fn what_follows_the_document_is_refused_by_go_spiffe_alone() {
    let (x509, _) = elements();
    let document = bundle(&[&x509.to_string()]);
    for after in ["x", "{}", "\u{feff}", "\0"] {
        expect(format!("{document}{after}"), "1 1 trailing_bytes 1");
    }
    expect(format!(" {document}\r\n\t "), "1");
    expect(format!("\u{feff}{document}"), "not_json");
    expect(&document[..document.len() - 1], "not_json");
    expect("", "not_json");
}

#[test]
fn istio_wants_cas() {
    let text = include_str!("../../../tests/data/bundles/a_certificate_that_is_no_ca_is_told.json");
    expect(text, "3 3 3 not_a_ca");
}

#[test]
fn the_next_poll_follows_from_the_document() {
    let (x509, _) = elements();
    let text = bundle(&[&x509.to_string()]);
    let seconds = |consumer: Consumer, text: &str| match read_document(consumer, text.as_bytes()) {
        ConsumerVerdict::Accepts(acceptance) => acceptance.next_poll.as_secs(),
        ConsumerVerdict::Rejects(refusal) => panic!("{refusal}"),
    };
    assert_eq!(seconds(Consumer::Spire, &text), 75);
    assert_eq!(seconds(Consumer::GoSpiffe, &text), 300);
    assert_eq!(seconds(Consumer::Istio, &text), 1_800);
    // Less than nothing is no hint to SPIRE, and the least one to others.
    let negative = text.replace(":300", ":-300");
    let by_lifetime = seconds(Consumer::Spire, &text.replace(":300", ":0"));
    assert_ne!(by_lifetime, 75);
    assert_eq!(seconds(Consumer::Spire, &negative), by_lifetime);
    assert_eq!(seconds(Consumer::GoSpiffe, &negative), 60);
}

#[test]
fn a_refusal_says_where() {
    let (x509, jwt) = elements();
    let broken = changed(&jwt, &[("crv", json!("P-255"))]);
    let document = bundle(&[&x509.to_string(), &broken]);
    let ConsumerVerdict::Rejects(refusal) = read_document(Consumer::Istio, document.as_bytes())
    else {
        panic!()
    };
    assert_eq!(refusal.entry, Some(1));
    assert!(document[refusal.offset..].starts_with(&broken));
    let text = "keys[1]: the curve \"P-255\" is not supported: the standard says to ignore the element (Bundle, 4.2.1)";
    assert_eq!(refusal.to_string(), text);
    let ranges = crate::element_ranges(document.as_bytes());
    assert_eq!(ranges[1], refusal.offset..refusal.offset + broken.len());
}
