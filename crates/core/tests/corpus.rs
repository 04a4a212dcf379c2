//! The corpus: one document for each claim of its name, and beside it what the parser reads of it.
//! `UPDATE_EXPECT=1` rewrites the expectations, which are then reviewed like code.

#![cfg(test)]
#![allow(clippy::disallowed_methods, reason = "a test reads its data")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anchorwatch_core::bundle::{
    Irregularity, Memory, ParseError, ParseLimits, ParsedBundle, StatedNumber, diff, parse,
    parse_with,
};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::value::RawValue;

const FOLDER: &str = "../../tests/data/bundles";
/// What the private members of the corpus begin with, and those that the properties plant.
const SECRET: &str = "SECRET";
/// Names of private members as a document may write them.
const PRIVATE: [&str; 12] =
    ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv", r"\u0064", r"\u006b", r"p\u0072iv"];

type Document = (PathBuf, Vec<u8>);

static DOCUMENTS: LazyLock<Vec<Document>> = LazyLock::new(|| {
    let files = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| !is(path, "expect")).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
});

/// The documents that give a bundle.
static BUNDLES: LazyLock<Vec<Document>> =
    LazyLock::new(|| DOCUMENTS.iter().filter(|(_, body)| read(body).is_ok()).cloned().collect());

fn is(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found == ending)
}

fn read(body: &[u8]) -> Result<ParsedBundle, ParseError> {
    parse(body, &ParseLimits::default())
}

/// What may be stored of a body.
fn stored<'a>(body: &'a [u8], parsed: &'a ParsedBundle) -> &'a [u8] {
    parsed.redacted.as_deref().unwrap_or(body)
}

fn holds_a_secret(text: &[u8]) -> bool {
    text.windows(SECRET.len()).any(|part| part == SECRET.as_bytes())
}

/// The reading of a document in lines that a reviewer can follow.
fn told(body: &[u8]) -> String {
    let parsed = match read(body) {
        Ok(parsed) => parsed,
        Err(fault) => return format!("no bundle: {fault}\n"),
    };
    let mut text = String::new();
    let bundle = &parsed.bundle;
    let empty = if bundle.is_effectively_empty() { ", effectively empty" } else { "" };
    writeln!(text, "a bundle{empty}").unwrap();
    writeln!(text, "sequence: {}", number(&bundle.sequence)).unwrap();
    writeln!(text, "refresh hint: {}", number(&bundle.refresh_hint)).unwrap();
    writeln!(text, "authorities: {}", bundle.authorities().len()).unwrap();
    for authority in bundle.authorities() {
        let (svid_type, short) = (authority.id.svid_type.label(), authority.id.fingerprint.short());
        write!(text, "  {svid_type} {short} {}", authority.key_type).unwrap();
        match &authority.kid {
            Some(kid) => writeln!(text, " {kid:?}").unwrap(),
            None => writeln!(text).unwrap(),
        }
    }
    writeln!(text, "irregularities: {}", parsed.irregularities.len()).unwrap();
    for Irregularity { entry, kind } in &parsed.irregularities {
        let place = entry.map_or("document".to_owned(), |entry| format!("keys[{entry}]"));
        writeln!(text, "  {place} {} ({}): {kind}", kind.label(), kind.clause()).unwrap();
    }
    let redacted = if parsed.redacted.is_some() { "yes" } else { "no" };
    writeln!(text, "redacted: {redacted}").unwrap();
    text
}

fn number(stated: &StatedNumber) -> String {
    match stated {
        StatedNumber::Absent => "absent".to_owned(),
        StatedNumber::Given(number) => number.to_string(),
        StatedNumber::Unusable(text) => format!("unusable: {text}"),
    }
}

#[test]
fn every_document_reads_as_expected() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    assert!(150 < DOCUMENTS.len(), "the search found almost nothing: {}", DOCUMENTS.len());
    for (path, body) in DOCUMENTS.iter() {
        let expectation = path.with_extension("expect");
        let told = told(body);
        if update {
            fs::write(&expectation, &told).unwrap();
        }
        match fs::read_to_string(&expectation) {
            Ok(expected) if expected == told => (),
            Ok(expected) => {
                wrong.push(format!("{}\n-- expected\n{expected}-- read\n{told}", path.display()));
            }
            Err(_) => wrong.push(format!("{}: no expectation\n{told}", path.display())),
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_expectation_is_without_its_document() {
    let known: Vec<&PathBuf> = DOCUMENTS.iter().map(|(path, _)| path).collect();
    for entry in fs::read_dir(FOLDER).unwrap() {
        let path = entry.unwrap().path();
        let document = |ending: &str| known.contains(&&path.with_extension(ending));
        assert!(document("json") != document("bin"), "{}", path.display());
    }
}

#[test]
fn no_secret_of_the_corpus_outlives_the_parser() {
    let mut redacted = 0;
    for (path, body) in DOCUMENTS.iter() {
        let Ok(parsed) = read(body) else { continue };
        redacted += usize::from(parsed.redacted.is_some());
        assert!(!holds_a_secret(stored(body, &parsed)), "{}", path.display());
        assert!(!holds_a_secret(format!("{parsed:?}").as_bytes()), "{}", path.display());
    }
    assert!(15 < redacted, "{redacted}");
}

/// One accident that befalls a document.
#[derive(Clone, Debug)]
enum Accident {
    Flip(Index, u8),
    Cut(Index),
    Remove(Index, usize),
    Repeat(Index, usize, Index),
    Insert(Index, &'static str),
}

impl Accident {
    fn befall(&self, body: &mut Vec<u8>) {
        if body.is_empty() {
            return;
        }
        let length = body.len();
        let end = |start: usize, wanted: usize| length.min(start.saturating_add(wanted));
        match self {
            Self::Flip(at, byte) => body[at.index(length)] ^= byte,
            Self::Cut(at) => body.truncate(at.index(length)),
            Self::Remove(at, wanted) => {
                let start = at.index(length);
                body.drain(start..end(start, *wanted));
            }
            Self::Repeat(from, wanted, to) => {
                let start = from.index(length);
                let part = body[start..end(start, *wanted)].to_vec();
                let to = to.index(length);
                body.splice(to..to, part);
            }
            Self::Insert(at, token) => {
                let at = at.index(length);
                body.splice(at..at, token.bytes());
            }
        }
    }
}

fn accidents() -> impl Strategy<Value = Vec<Accident>> {
    const TOKENS: [&str; 20] = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "null",
        "1e999",
        "-",
        "\\ud800",
        "\"d\":\"x\",",
        "\"keys\":[],",
        "\"kid\":",
        "\"oct\"",
        "{\"d\":1},",
        "\u{feff}",
        "\0",
        "\"spiffe_sequence\":1,",
    ];
    let one = prop_oneof![
        (any::<Index>(), 1..=u8::MAX).prop_map(|(at, byte)| Accident::Flip(at, byte)),
        any::<Index>().prop_map(Accident::Cut),
        (any::<Index>(), 1..200_usize).prop_map(|(at, wanted)| Accident::Remove(at, wanted)),
        (any::<Index>(), 1..2_000_usize, any::<Index>())
            .prop_map(|(from, wanted, to)| Accident::Repeat(from, wanted, to)),
        (any::<Index>(), proptest::sample::select(&TOKENS[..]))
            .prop_map(|(at, token)| Accident::Insert(at, token)),
    ];
    proptest::collection::vec(one, 1..6)
}

/// Where an object of a text begins, outside of strings.
fn objects(text: &str) -> Vec<usize> {
    let (mut in_string, mut escaped) = (false, false);
    let mut places = Vec::new();
    for (place, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            '{' if !in_string => places.push(place + 1),
            _ => (),
        }
    }
    places
}

/// A private value, as plain or as wrapped as a publisher may write it.
fn secrets() -> impl Strategy<Value = String> {
    let plain = Just(format!("\"{SECRET}\""));
    plain.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|value| format!("[1, {value}]")),
            inner.clone().prop_map(|value| format!("{{\"a\" : {value}}}")),
            inner.prop_map(|value| format!("{{\"}}\\\"\":[], \"d\":{value} }}")),
        ]
    })
}

/// A document with its keys in another order; `None` where it cannot be taken apart.
fn shuffled(body: &[u8], order: &[Index]) -> Option<Vec<u8>> {
    let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(body).ok()?;
    let mut keys: Vec<Box<RawValue>> = serde_json::from_str(members.get("keys")?.get()).ok()?;
    for (place, other) in order.iter().enumerate().take(keys.len()) {
        let other = other.index(keys.len());
        keys.swap(place, other);
    }
    members.insert("keys".to_owned(), serde_json::value::to_raw_value(&keys).ok()?);
    serde_json::to_vec(&members).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(768) })]

    #[test]
    fn no_accident_makes_the_parser_panic(document: Index, accidents in accidents()) {
        let (path, mut body) = document.get(&DOCUMENTS).clone();
        for accident in &accidents {
            accident.befall(&mut body);
        }
        if let Ok(parsed) = read(&body) {
            let authorities = parsed.bundle.authorities();
            prop_assert!(authorities.is_sorted_by(|a, b| a.id < b.id), "{}", path.display());
            // What is stored reads as what was served, and has nothing left to redact.
            let again = read(stored(&body, &parsed)).unwrap();
            prop_assert_eq!(&again.bundle, &parsed.bundle);
            prop_assert!(again.redacted.is_none());
        }
    }

    #[test]
    fn the_order_of_the_keys_changes_nothing(
        document: Index,
        order in proptest::collection::vec(any::<Index>(), 12),
    ) {
        let (path, body) = document.get(&BUNDLES).clone();
        let Some(other) = shuffled(&body, &order) else { return Ok(()) };
        let (one, other) = (read(&body).unwrap().bundle, read(&other).unwrap().bundle);
        prop_assert_eq!(one.content(), other.content(), "{}", path.display());
        prop_assert!(diff(&one, &other).is_empty() && diff(&other, &one).is_empty());
        prop_assert_eq!(one, other);
    }

    #[test]
    fn no_secret_outlives_the_parser_wherever_it_stands(
        document: Index,
        place: Index,
        name in proptest::sample::select(&PRIVATE[..]),
        value in secrets(),
    ) {
        let (_, body) = document.get(&BUNDLES).clone();
        let mut text = String::from_utf8(body).unwrap();
        let at = *place.get(&objects(&text));
        text.insert_str(at, &format!("\"{name}\" :\n{value},"));
        match read(text.as_bytes()) {
            Ok(parsed) => {
                prop_assert!(!holds_a_secret(stored(text.as_bytes(), &parsed)), "{text}");
                prop_assert!(!holds_a_secret(format!("{parsed:?}").as_bytes()), "{text}");
            }
            Err(fault) => {
                prop_assert!(!holds_a_secret(format!("{fault} {fault:?}").as_bytes()), "{text}");
            }
        }
    }
}

#[test]
fn what_is_remembered_changes_nothing() {
    let memory = Memory::default();
    let limits = ParseLimits::default();
    let mut read = 0;
    for _ in 0..2 {
        for entry in fs::read_dir("../../tests/data/bundles").unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "expect") {
                continue;
            }
            let body = fs::read(&path).unwrap();
            let plain = format!("{:?}", parse(&body, &limits));
            for _ in 0..2 {
                let remembered = format!("{:?}", parse_with(&body, &limits, &memory));
                assert_eq!(plain, remembered, "{}", path.display());
            }
            read += 1;
        }
    }
    assert!(100 < read, "{read}");
}
