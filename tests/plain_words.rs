//! Users read the words of the field, and each word once: what `plain_words/banned.txt` lists is
//! not in what they read, and no two public types have one name.

#![cfg(test)]

#[path = "architecture/source.rs"]
#[allow(dead_code, reason = "the layers need more of it")]
mod source;
#[path = "plain_words/text.rs"]
mod text;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use regex::bytes::{Regex, RegexBuilder};

const CRATES: [&str; 4] = ["crates/core/src", "crates/consumers/src", "crates/lab/src", "src"];
/// Where the pages and files are that users read, but for the sources.
const PAGES: [&str; 6] = [".", "alerts", "dashboards", "docs", "packaging", "src/web"];
/// What of them is text.
const ENDINGS: [&str; 8] = ["json", "libsonnet", "md", "service", "txt", "yaml", "tpl", "default"];

const BANNED: &str = include_str!("plain_words/banned.txt");
/// The forms that are banned, with what to say instead, and those that are plain English.
struct Rules {
    banned: Vec<(Regex, &'static str)>,
    plain: Vec<Regex>,
}

impl Rules {
    fn read() -> Self {
        let regex = |pattern: &str| {
            let built = RegexBuilder::new(pattern).case_insensitive(true).unicode(false).build();
            built.unwrap_or_else(|error| panic!("{pattern}: {error}"))
        };
        let mut rules = Self { banned: Vec::new(), plain: Vec::new() };
        for line in BANNED.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(pattern) = line.strip_prefix('!') {
                rules.plain.push(regex(pattern));
            } else {
                let (pattern, instead) = line.split_once('\t').unwrap();
                rules.banned.push((regex(pattern), instead));
            }
        }
        assert!(30 < rules.banned.len());
        rules
    }

    /// Each banned form in a text, with what to say instead.
    fn hits(&self, text: &str) -> Vec<String> {
        let mut text = text.as_bytes().to_vec();
        for plain in &self.plain {
            text = plain.replace_all(&text, &b"|"[..]).into_owned();
        }
        let mut found = Vec::new();
        for (regex, instead) in &self.banned {
            for one in regex.find_iter(&text) {
                let from = one.start().saturating_sub(40);
                let until = text.len().min(one.end() + 40);
                let around = String::from_utf8_lossy(&text[from..until]);
                found.push(format!("…{around}… (rather: {instead})"));
            }
        }
        found
    }
}

/// The files of [`PAGES`]; generated tests and copies are none.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for root in PAGES {
        walk(Path::new(root), root != ".", &mut found);
    }
    assert!(30 < found.len(), "{}", found.len());
    found
}

fn walk(folder: &Path, deep: bool, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let path = path.strip_prefix(".").unwrap_or(&path).to_owned();
        if path.is_dir() {
            // The chart's copies.
            if deep && !path.ends_with("anchorwatch/files") {
                walk(&path, deep, found);
            }
        } else if ENDINGS.iter().any(|one| path.extension().is_some_and(|own| own == *one))
            && !path.display().to_string().ends_with(".test.yaml")
        {
            found.push(path);
        }
    }
}

/// The hits of each file that has any.
fn hits() -> BTreeMap<String, Vec<String>> {
    let rules = Rules::read();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut strings = 0;
    for (_, path, code) in source::texts(&CRATES) {
        let texts = text::of_rust(&path, &source::without_tests(&code));
        strings += texts.len();
        let hits: Vec<String> = texts.iter().flat_map(|text| rules.hits(text)).collect();
        found.insert(path.display().to_string(), hits);
    }
    assert!(3000 < strings, "the search found almost nothing: {strings}");
    for path in pages() {
        let page = text::folded(&fs::read_to_string(&path).unwrap());
        found.insert(path.display().to_string(), rules.hits(&page));
    }
    found.retain(|_, hits| !hits.is_empty());
    found
}

#[test]
fn users_read_plain_words() {
    let hits = hits();
    assert!(hits.is_empty(), "words that tests/plain_words/banned.txt lists: {hits:#?}");
}

#[test]
fn a_banned_form_is_found_and_plain_english_is_not() {
    let rules = Rules::read();
    for banned in ["the key that went", "Judged anew.", "Who holds the key is", "it stands twice"] {
        assert_eq!(rules.hits(banned).len(), 1, "{banned}");
    }
    for plain in ["the lines are all the same", "Who holds the key?", "a watchdog", "whole"] {
        assert_eq!(rules.hits(plain), Vec::<String>::new(), "{plain}");
    }
}

/// The public types by name, each with the files that define it. Errors, and the arguments of a
/// command, are named alike on purpose.
fn public_types() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in source::sources(&CRATES) {
        for line in source.code.lines().map(str::trim_start) {
            let Some(item) = line.strip_prefix("pub ") else { continue };
            let keyword = ["struct ", "enum ", "trait ", "type ", "union "];
            let Some(rest) = keyword.iter().find_map(|one| item.strip_prefix(one)) else {
                continue;
            };
            let end = rest.find(|one: char| !one.is_ascii_alphanumeric() && one != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            let alike = ["Error", "Arguments", "Command"].contains(&name);
            // What a macro names by a parameter is named where it is called.
            if !alike && !name.is_empty() {
                found.entry(name.to_owned()).or_default().push(source.path.clone());
            }
        }
    }
    assert!(300 < found.len(), "the search found almost nothing: {}", found.len());
    found
}

#[test]
fn no_two_public_types_have_one_name() {
    let mut shared = public_types();
    shared.retain(|_, files| 1 < files.len());
    assert!(shared.is_empty(), "{shared:#?}");
}
