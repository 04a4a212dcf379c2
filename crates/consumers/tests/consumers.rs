//! What consumers would do with the documents of the corpus, and with what accidents make of them.

#![cfg(test)]
#![allow(clippy::disallowed_methods, reason = "a test reads its data")]

use std::fs;
use std::sync::LazyLock;

use anchorwatch_consumers::{ConsumerVerdict, element_ranges, read_document};
use anchorwatch_core::bundle::consumer::Consumer;
use anchorwatch_core::bundle::{ParseLimits, parse};
use proptest::prelude::*;
use proptest::sample::Index;

/// Every document of the corpus, by its name.
static DOCUMENTS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let files =
        fs::read_dir("../../tests/data/bundles").unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_none_or(|ending| ending != "expect")).collect();
    files.sort();
    let name = |path: &std::path::Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
});

fn all() -> impl Iterator<Item = Consumer> {
    Consumer::KNOWN.iter().copied().chain([Consumer::Spire])
}

#[test]
fn every_consumer_has_a_verdict_on_every_document_and_it_can_be_stored() {
    let (mut taken, mut refused) = (0, 0);
    for (name, body) in DOCUMENTS.iter() {
        for consumer in all() {
            let reading = read_document(consumer, body);
            let stored = serde_json::to_string(&reading).unwrap();
            assert_eq!(
                serde_json::from_str::<ConsumerVerdict>(&stored).unwrap(),
                reading,
                "{name}"
            );
            // What is secret in the corpus begins with this word.
            assert!(!stored.contains("SECRET"), "{name}");
            match reading {
                ConsumerVerdict::Accepts(_) => taken += 1,
                ConsumerVerdict::Rejects(_) => refused += 1,
            }
        }
    }
    assert!(200 < taken && 200 < refused, "{taken} {refused}");
}

#[test]
fn the_strictest_spire_takes_nothing_that_another_spire_refuses() {
    for (name, body) in DOCUMENTS.iter() {
        let refuses = |consumer: Consumer| read_document(consumer, body).refusal().is_some();
        let some =
            Consumer::KNOWN.iter().copied().filter(|one| matches!(one, Consumer::SpireAt(_)));
        if some.into_iter().any(refuses) {
            assert!(refuses(Consumer::Spire), "{name}");
        }
    }
}

#[test]
fn what_a_consumer_keeps_our_parser_knows() {
    let mut known = 0;
    let (mut unparsed, mut unknown) = (Vec::new(), Vec::new());
    for (name, body) in DOCUMENTS.iter() {
        let ConsumerVerdict::Accepts(read) = read_document(Consumer::GoSpiffe, body) else {
            continue;
        };
        let Ok(parsed) = parse(body, &ParseLimits::default()) else {
            unparsed.push(name.as_str());
            continue;
        };
        let ranges = element_ranges(body);
        for kept in &read.kept {
            assert!(usize::try_from(kept.entry).unwrap() < ranges.len(), "{name}");
            // An RSA key may be one to go-spiffe that none is.
            let Some(id) = kept.id() else { continue };
            if parsed.bundle.authority(id).is_some() {
                known += 1;
            } else {
                unknown.push(name.as_str());
            }
        }
    }
    assert!(100 < known, "{known}");
    // Go's JSON takes names in any case and replaces what is no UTF-8; our depth is bounded.
    let ours = [
        "keys_in_wrong_case_is_no_bundle",
        "latin_1_is_not_utf_8",
        "nesting_beyond_the_limit_is_too_large",
    ];
    assert_eq!(unparsed, ours, "go-spiffe reads them, and we do not");
    // The names in another case again, and a modulus that only we look at.
    let theirs = [
        "a_private_key_in_keys_of_wrong_case_is_redacted",
        "an_even_modulus_is_no_key",
        "keys_beside_keys_in_wrong_case_is_told",
    ];
    assert_eq!(unknown, theirs, "go-spiffe keeps a key of them that we do not know");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_accident_makes_a_consumer_stumble(
        which in any::<Index>(),
        accidents in prop::collection::vec((any::<Index>(), any::<u8>(), 0_usize..40), 1..6),
    ) {
        let mut body = which.get(&DOCUMENTS).1.clone();
        for (place, byte, length) in accidents {
            if body.is_empty() {
                break;
            }
            let at = place.index(body.len());
            let end = (at + length).min(body.len());
            match byte % 4 {
                0 => body[at] = byte,
                1 => body.truncate(at),
                2 => drop(body.drain(at..end)),
                _ => {
                    let part = body[at..end].to_vec();
                    body.splice(at..at, part);
                }
            }
        }
        for consumer in all() {
            let reading = read_document(consumer, &body);
            prop_assert_eq!(reading, read_document(consumer, &body));
        }
        for range in element_ranges(&body) {
            prop_assert!(range.end <= body.len());
        }
    }
}
