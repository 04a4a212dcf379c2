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
