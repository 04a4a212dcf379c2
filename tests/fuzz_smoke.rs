//! The bodies of the fuzz targets over the corpus and the recordings: what `make fuzz` asserts,
//! without a fuzzer.

#![cfg(test)]

use std::fs;

#[expect(unreachable_pub, reason = "public to the fuzz crate")]
#[path = "../fuzz/src/lib.rs"]
mod targets;

/// Every document of the corpus, and every line of the recordings.
fn seeds() -> Vec<Vec<u8>> {
    let bodies = |folder: &str| {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.map(|path| fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    let recordings = bodies("tests/data/spire");
    let lines = recordings.iter().flat_map(|text| text.split(|byte| *byte == b'\n'));
    let lines = lines.filter(|line| !line.is_empty());
    let mut seeds = bodies("tests/data/bundles");
    seeds.extend(lines.map(<[u8]>::to_vec));
    assert!(500 < seeds.len(), "the search found almost nothing: {}", seeds.len());
    seeds
}

/// Every document that a SPIRE server served, as it stands in its recording.
fn served() -> Vec<Vec<u8>> {
    let lines = seeds().into_iter().filter_map(|seed| serde_json::from_slice(&seed).ok());
    let bundles = lines.filter_map(|line: serde_json::Value| line.get("bundle").cloned());
    bundles.map(|bundle| serde_json::to_vec(&bundle).unwrap()).collect()
}

#[test]
fn parse_bundle_holds_over_the_corpus_and_the_recordings() {
    let served = served();
    assert!(100 < served.len(), "{}", served.len());
    for seed in seeds().iter().chain(&served) {
        targets::parse_bundle(seed);
    }
}

#[test]
fn diff_holds_over_the_corpus_and_the_recordings() {
    for seed in &seeds() {
        targets::diff(seed);
    }
}

#[test]
fn step_holds_over_the_corpus_and_the_recordings() {
    for seed in &seeds() {
        targets::step(seed);
    }
}

#[test]
fn endpoint_url_holds_over_the_corpus_and_for_urls() {
    for seed in &seeds() {
        targets::endpoint_url(seed);
    }
    for url in [
        "https://spire.example:8443",
        "https://[2001:db8::1]:8443/b?c=d#e",
        "https://user:word@spire.example/",
        "https://spire.example@elsewhere.example/",
        "https:\\\\spire.example\\bundle",
        "HTTPS://SPIRE.EXAMPLE./a/../b",
        "https://1.2.3/",
        "https://0x7f.1:443/",
        "//elsewhere.example/b",
        "/b",
        "?b",
        "http://spire.example/",
        "https://bücher.example/ü",
        "https://spire.example:0/%zz",
        "https://",
    ] {
        targets::endpoint_url(url.as_bytes());
    }
}

#[test]
fn replay_lines_hold_over_the_recordings() {
    for recording in fs::read_dir("tests/data/spire").unwrap() {
        let text = fs::read(recording.unwrap().path()).unwrap();
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        // A few at a time, as a fuzzer would give them.
        for lines in lines.chunks(16).take(20) {
            targets::replay_lines(&lines.join(&b'\n'));
        }
    }
    for line in [&b"{"[..], b"", b"null", br#"{"at":"2026-11-23T00:00:00Z","trust_domain":"a"}"#] {
        targets::replay_lines(line);
    }
}

#[test]
fn admin_requests_hold_over_requests_and_the_corpus() {
    let deny = serde_json::json!({
        "by": "j.doe", "reason": "INC-1",
        "decisions": [{ "decision": "deny", "fingerprint": format!("sha256:{}", "0".repeat(64)) }],
    });
    let bundle = fs::read_to_string("tests/data/bundles/spire-x509-jwt.json").unwrap_or_default();
    let rebootstrap = serde_json::json!({
        "trust_domain": "a.example", "bundle": bundle, "by": "j.doe", "reason": "INC-1",
    });
    let sighting = r#"{"trust_domain":"a.example","kid":"x","iat":1799999000,"exp":1799999300}"#;
    for request in [deny.to_string(), rebootstrap.to_string(), sighting.to_owned(), "{}".to_owned()]
    {
        targets::admin_request(request.as_bytes());
    }
    for seed in &seeds() {
        targets::admin_request(seed);
    }
}

#[test]
fn config_import_holds_over_what_spire_writes() {
    let server_conf = r#"server { trust_domain = "a.example" federation { federates_with "b.example" {
        bundle_endpoint_url = "https://b.example:8443"
        bundle_endpoint_profile "https_spiffe" { endpoint_spiffe_id = "spiffe://b.example/spire/server" } } } }"#;
    let resource = "apiVersion: spire.spiffe.io/v1alpha1\nkind: ClusterFederatedTrustDomain\n\
        spec:\n  trustDomain: b.example\n  bundleEndpointURL: https://b.example\n  \
        bundleEndpointProfile: {type: https_web}\n";
    let list = r#"{"federation_relationships":[{"trust_domain":"b.example",
        "bundle_endpoint_url":"https://b.example","https_web":{}}]}"#;
    for text in [server_conf, resource, list, "", "\u{202e}", "server {", "---\n---\n"] {
        targets::config_import(text.as_bytes());
    }
}

#[test]
fn web_config_holds_over_what_the_toolkit_takes() {
    for text in [
        "",
        "{",
        "tls_server_config: {cert_file: a.pem, key_file: b.pem}",
        "basic_auth_users: {a: $2y$10$0000000000000000000000000000000000000000000000000000.}",
        "http_server_config: {headers: {X-Frame-Options: deny}}",
        "tls_server_config: {cert: x, key: y, min_version: TLS12}",
    ] {
        targets::web_config(text.as_bytes());
    }
}
