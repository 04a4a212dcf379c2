//! What the code and the pages cite is in the repository: the page, its heading, and the names that
//! pages give to the code.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Where is looked. `crates` may be absent: the layout of the sources is free to change.
const ROOTS: &[&str] =
    &["src", "crates", "tests", "docs", "README.md", "ARCHITECTURE.md", "SECURITY.md"];
/// This file has examples of what it forbids.
const OWN: &str = "citations.rs";
/// Pages that were never part of the repository, and that only their authors could look up.
const ABSENT: &[&str] = &[
    "design",
    "measured",
    "observability",
    "peers",
    "plain-words",
    "review",
    "rust-stack",
    "spiffe",
    "style",
];
/// Pages whose tables and `In the code:` lines name what the code has.
const SPECIFICATION: &[&str] = &["docs/glossary.md", "docs/judgement.md", "docs/rotation-model.md"];

/// A file of the repository, by its path from the root.
struct Text {
    path: PathBuf,
    content: String,
}

impl Text {
    fn is(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|own| own == extension)
    }
}

/// The sources and pages, in the order of their paths.
fn texts() -> Vec<Text> {
    let mut texts = Vec::new();
    for root in ROOTS {
        collect(Path::new(root), &mut texts);
    }
    texts.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(texts.iter().any(|text| text.is("rs")) && texts.iter().any(|text| text.is("md")));
    texts
}

fn collect(path: &Path, texts: &mut Vec<Text>) {
    if path.is_dir() {
        let built = path.file_name().is_some_and(|name| name == "target");
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        for entry in entries.filter(|_| !built) {
            collect(&entry, texts);
        }
        return;
    }
    let read = path.extension().is_some_and(|own| own == "rs" || own == "md");
    let own = path.file_name().is_some_and(|name| name == OWN);
    if read && !own && path.is_file() {
        let content = fs::read_to_string(path).unwrap();
        texts.push(Text { path: path.to_owned(), content });
    }
}

/// A page, and the heading in it that is meant.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Citation {
    page: PathBuf,
    anchor: Option<String>,
}

impl Citation {
    fn of(target: &str) -> Self {
        let (page, anchor) = match target.split_once('#') {
            Some((page, anchor)) => (page, Some(anchor.to_owned())),
            None => (target, None),
        };
        Self { page: page.into(), anchor }
    }
}

/// The citations of the form `docs/page.md` or `docs/page.md#anchor`, wherever they stand. What is
/// part of a longer path is another repository's page.
fn named_pages(content: &str) -> Vec<Citation> {
    const FOLDER: &str = "docs/";
    let mut found = Vec::new();
    for (start, _) in content.match_indices(FOLDER) {
        let before = content[..start].chars().next_back();
        if before.is_some_and(|one| one.is_ascii_alphanumeric() || "/_.-".contains(one)) {
            continue;
        }
        let rest = &content[start..];
        let of_a_path = |one: char| one.is_ascii_alphanumeric() || "/_.-".contains(one);
        let end = rest.find(|one| !of_a_path(one)).unwrap_or(rest.len());
        let path = rest[..end].trim_end_matches('.');
        if Path::new(path).extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let after = rest[path.len()..].strip_prefix('#').unwrap_or_default();
        let of_an_anchor = |one: char| one.is_ascii_alphanumeric() || one == '_' || one == '-';
        let end = after.find(|one| !of_an_anchor(one)).unwrap_or(after.len());
        let anchor = (0 < end).then(|| after[..end].to_owned());
        found.push(Citation { page: path.into(), anchor });
    }
    found
}

/// The relative links of a page, from the root of the repository.
fn links(text: &Text) -> Vec<Citation> {
    let folder = text.path.parent().unwrap();
    let mut found = Vec::new();
    for (start, opening) in text.content.match_indices("](") {
        let rest = &text.content[start + opening.len()..];
        let target = rest.split([')', ' ', '\n']).next().unwrap();
        if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let Citation { page, anchor } = Citation::of(target);
        let page = if page.as_os_str().is_empty() { text.path.clone() } else { folder.join(page) };
        found.push(Citation { page: normal(&page), anchor });
    }
    found
}

/// The same path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut parts: Vec<&std::ffi::OsStr> = Vec::new();
    for part in path {
        match part.to_str() {
            Some(".") => (),
            Some("..") => drop(parts.pop()),
            Some(_) | None => parts.push(part),
        }
    }
    parts.iter().collect()
}

/// The anchors that GitHub gives to headings: lower case, spaces to hyphens, no punctuation,
/// and a number for what occurs again.
fn anchors(page: &str) -> HashSet<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = HashSet::new();
    let mut fenced = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        let title = line.get(level..).and_then(|rest| rest.strip_prefix(' '));
        let (Some(title), false, 1..=6) = (title, fenced, level) else { continue };
        let kept = |one: &char| one.is_alphanumeric() || " -_".contains(*one);
        let plain: String = title.trim().to_lowercase().chars().filter(kept).collect();
        let anchor = plain.replace(' ', "-");
        let count = counts.entry(anchor.clone()).or_default();
        anchors.insert(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
        *count += 1;
    }
    anchors
}

/// What is wrong with a citation; `None` where the page and its heading are there.
fn fault(citation: &Citation, beside: &Path) -> Option<String> {
    let near = beside.parent().unwrap().join(&citation.page);
    let page = if citation.page.exists() { citation.page.clone() } else { near };
    if !page.exists() {
        return Some(format!("there is no {}", citation.page.display()));
    }
    let anchor = citation.anchor.as_ref()?;
    if page.extension().is_none_or(|extension| extension != "md") {
        return None;
    }
    let known = anchors(&fs::read_to_string(&page).unwrap());
    (!known.contains(anchor)).then(|| format!("{} has no heading #{anchor}", page.display()))
}

#[test]
fn every_page_and_heading_that_is_cited_is_there() {
    let mut faults = BTreeSet::new();
    let mut checked = 0;
    for text in texts() {
        let mut cited = named_pages(&text.content);
        if text.is("md") {
            cited.extend(links(&text));
        }
        for citation in &cited {
            checked += 1;
            let fault = fault(citation, &text.path);
            faults.extend(fault.map(|fault| format!("{}: {fault}", text.path.display())));
        }
    }
    assert!(100 < checked, "only {checked} citations were found");
    assert!(faults.is_empty(), "{faults:#?}");
}

/// A text in which a sentence that is wrapped over comment lines is one line.
fn unwrapped(content: &str) -> String {
    let mut whole = String::with_capacity(content.len());
    for line in content.lines() {
        let line = line.trim_start();
        let marks = ["///", "//!", "//", "#"];
        let line = marks.iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line);
        whole.push_str(line.trim());
        whole.push(' ');
    }
    whole
}

/// Citations of pages that are not in the repository: "design, 5", "measured.md".
fn absent_pages(content: &str) -> Vec<String> {
    let mut found = Vec::new();
    let whole = unwrapped(content);
    for name in ABSENT {
        for (start, _) in whole.match_indices(name) {
            let joined = |one: char| one.is_alphanumeric() || "/_-.:#".contains(one);
            if whole[..start].chars().next_back().is_some_and(joined) {
                continue;
            }
            let rest = &whole[start + name.len()..];
            let after_page = rest.strip_prefix(".md");
            let names_a_page = after_page.is_some_and(|rest| {
                !rest.starts_with(|one: char| one.is_alphanumeric() || one == '#')
            });
            let place = after_page.unwrap_or(rest).strip_prefix(", ");
            let place =
                place.map(|place| place.trim_start_matches("section ").trim_start_matches('§'));
            let numbered =
                place.is_some_and(|place| place.starts_with(|one: char| one.is_ascii_digit()));
            if names_a_page || numbered {
                found.push(whole[start..].chars().take(40).collect());
            }
        }
    }
    found
}

#[test]
fn nothing_cites_a_page_that_is_not_in_the_repository() {
    let mut faults = Vec::new();
    for text in texts() {
        let found = absent_pages(&text.content);
        faults.extend(found.iter().map(|found| format!("{}: {found}", text.path.display())));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The names of the code that a specification page gives: on its `In the code:` lines, in the last
/// column of a table whose head says `in the code` or `decided in`.
fn names(page: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut in_code_table = false;
    let mut in_code_line = false;
    for line in page.lines() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split(" | ").collect();
        let last = cells.last().copied().unwrap_or_default().trim();
        in_code_line = line.starts_with("In the code: ") || (in_code_line && !line.is_empty());
        if in_code_line {
            names.extend(quoted(line));
        } else if !line.starts_with('|') {
            in_code_table = false;
        } else if matches!(last, "in the code" | "decided in") {
            in_code_table = true;
        } else if in_code_table && !last.starts_with("---") {
            names.extend(quoted(last));
        }
    }
    names
}

/// The words between backticks, without a call's parentheses and a path before the last name.
fn quoted(line: &str) -> impl Iterator<Item = String> {
    let quoted = line.split('`').skip(1).step_by(2);
    quoted.map(|name| {
        let name = name.trim_end_matches("()");
        name.rsplit("::").next().unwrap_or(name).to_owned()
    })
}

#[test]
fn the_names_that_the_specification_gives_are_in_the_code() {
    let texts = texts();
    let mut words: HashSet<&str> = HashSet::new();
    for text in
        texts.iter().filter(|text| text.is("rs") && !text.path.iter().any(|part| part == "tests"))
    {
        words.extend(text.content.split(|one: char| !one.is_alphanumeric() && one != '_'));
    }
    let mut faults = Vec::new();
    for page in SPECIFICATION {
        let content = fs::read_to_string(page).unwrap();
        let names = names(&content);
        assert!(5 < names.len(), "{page}: {names:?}");
        let missing = names.iter().filter(|name| !words.contains(name.as_str()));
        faults.extend(missing.map(|name| format!("{page}: the code has no `{name}`")));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn what_is_looked_for_is_found() {
    let page = |page: &str, anchor: Option<&str>| Citation {
        page: page.into(),
        anchor: anchor.map(str::to_owned),
    };
    let cited = named_pages("see docs/a.md#b-c, and docs/d.md. https://x.example/docs/e.md");
    assert_eq!(cited, [page("docs/a.md", Some("b-c")), page("docs/d.md", None)]);
    let headings = anchors("# A `b`'s c\n```\n# no\n```\n## A bs c\n#no\n");
    assert_eq!(headings, HashSet::from(["a-bs-c".to_owned(), "a-bs-c-1".to_owned()]));
    for absent in
        ["(design, 5)", "// (design,\n    // 5)", "peers.md, 6.4", "in measured.md:", "spiffe, 5.4"]
    {
        assert_eq!(absent_pages(absent).len(), 1, "{absent}");
    }
    for present in
        ["by design, and", "tests/review.md", "a design of 5", "spiffe_sequence, 5", "peers, then"]
    {
        assert!(absent_pages(present).is_empty(), "{present}");
    }
    assert!(
        fault(&page("docs/rotation-model.md", Some("no-such")), Path::new("README.md")).is_some()
    );
    assert!(fault(&page("docs/no-such.md", None), Path::new("README.md")).is_some());
}
