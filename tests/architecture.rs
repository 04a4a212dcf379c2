//! The layers of ARCHITECTURE.md, held by a machine. What a crate may use is in its manifest, and
//! which ways of the standard library the core may not take is in `crates/core/clippy.toml`; this
//! test holds what neither can say: the order of the modules within a crate, and of the files
//! within a module.

#![cfg(test)]

#[path = "architecture/cycles.rs"]
mod cycles;
#[path = "architecture/source.rs"]
mod source;

use source::{Source, sources};

/// Each module of a crate and the modules of the same crate that it may name, lowest layer first.
const MAY_USE: &[(&str, &str, &[&str])] = &[
    (CORE, "macros", &[]),
    (CORE, "untrusted", &[]),
    (CORE, "time", &[]),
    (CORE, "spiffe", &[]),
    (CORE, "bundle", &["time", "untrusted"]),
    (CORE, "finding", &["bundle", "spiffe", "time", "untrusted"]),
    (CORE, "alerts", &["finding"]),
    (CORE, "decision", &["bundle", "finding", "spiffe", "time", "untrusted"]),
    (CORE, "watch", &["bundle", "decision", "finding", "spiffe", "time", "untrusted"]),
    (CORE, "journal", &["bundle", "decision", "finding", "spiffe", "time", "untrusted", "watch"]),
    (CORE, "judge", &["bundle", "decision", "finding", "spiffe", "time", "untrusted", "watch"]),
    (
        CORE,
        "replay",
        &[
            "bundle",
            "decision",
            "finding",
            "journal",
            "judge",
            "spiffe",
            "time",
            "untrusted",
            "watch",
        ],
    ),
    (
        CORE,
        "view",
        &["bundle", "decision", "finding", "judge", "spiffe", "time", "untrusted", "watch"],
    ),
    (LAB, "issuer", &[]),
    (LAB, "simulate", &["issuer"]),
    (LAB, "score", &["issuer", "simulate"]),
    // What two boxes of the shell share is a type of the core.
    (SHELL, "config", &[]),
    (SHELL, "resolver", &[]),
    (SHELL, "fetch", &["resolver"]),
    (SHELL, "store", &[]),
    (SHELL, "metrics", &[]),
    (SHELL, "notify", &["resolver"]),
    (SHELL, "web", &["metrics"]),
    (SHELL, "daemon", &["config", "fetch", "metrics", "notify", "resolver", "store", "web"]),
    (SHELL, "demo", &["config", "daemon", "fetch", "metrics", "notify", "store", "web"]),
    (
        SHELL,
        "cli",
        &["config", "daemon", "demo", "fetch", "metrics", "notify", "resolver", "store", "web"],
    ),
];

const CORE: &str = "crates/core/src";
const CONSUMERS: &str = "crates/consumers/src";
const LAB: &str = "crates/lab/src";
const SHELL: &str = "src";
const CRATES: [&str; 4] = [CORE, CONSUMERS, LAB, SHELL];

/// What only some modules may name, though the crate's manifest has it: the name, and who may.
const RESERVED: &[(&str, &[(&str, &str)])] = &[
    // Nothing of the simulator's truth reaches the judgement: only the score sees both.
    ("anchorwatch_core::judge", &[(LAB, "score"), (SHELL, "*")]),
    // The daemon knows of no simulation.
    ("anchorwatch_lab", &[(SHELL, "cli"), (SHELL, "demo")]),
];

/// Where text is shown: what others sent is shown by `Display`, which escapes it.
const SHOW: &[&str] = &["alerts", "cli", "demo", "journal", "judge", "metrics", "notify", "web"];
/// Where one of those compares what was sent, or keeps it, and does not show it.
const COMPARE: &[(&str, usize)] = &[
    // Whether a key's key ID is that of a sighted token; a finding's subject as it is hashed.
    ("crates/core/src/judge/draft.rs", 1),
    ("crates/core/src/judge/sighting.rs", 3),
    // Whether a URI name is of another trust domain.
    ("src/cli/lint/report.rs", 1),
];

/// The most lines of a source file before its tests.
const LONGEST_FILE: usize = 400;

/// The names that follow `prefix` in a text.
fn named<'a>(code: &'a str, prefix: &str) -> Vec<&'a str> {
    code.split(prefix)
        .skip(1)
        .map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            &rest[..end.unwrap_or(rest.len())]
        })
        .collect()
}

#[test]
fn modules_name_only_the_layers_below() {
    let mut seen = 0;
    for Source { root, module, path, code, .. } in sources(&CRATES) {
        if matches!(module.as_str(), "lib" | "main") || root == CONSUMERS {
            continue;
        }
        let place = MAY_USE.iter().find(|(at, name, _)| *at == root && *name == module);
        let (_, _, allowed) =
            place.unwrap_or_else(|| panic!("{path}: {module} has no place among the layers"));
        for name in named(&code, "crate::") {
            seen += 1;
            let fine = name == module || allowed.contains(&name);
            assert!(fine, "{path}: {module} must not use {name}");
        }
    }
    assert!(30 < seen, "the search found almost nothing: {seen}");
}

#[test]
fn what_is_reserved_is_named_by_those_who_may() {
    for (name, allowed) in RESERVED {
        let mut seen = 0;
        for Source { root, module, path, code, .. } in sources(&CRATES) {
            if !code.contains(name) || module == "lib" {
                continue;
            }
            seen += 1;
            let may =
                allowed.iter().any(|(at, who)| *at == root && (*who == "*" || *who == module));
            assert!(may, "{path} must not name {name}");
        }
        assert!(0 < seen, "nothing names {name}: it moved, and this test with it");
    }
}

#[test]
fn no_two_files_of_a_module_need_each_other() {
    let sources = sources(&CRATES);
    let graph = cycles::graph(&sources);
    assert!(300 < graph.edges(), "the search found almost nothing: {}", graph.edges());
    assert_eq!(graph.cycles(), Vec::<String>::new(), "files that need each other");
}

#[test]
fn what_others_sent_is_not_shown_as_it_was_received() {
    let mut found = Vec::new();
    for Source { module, path, code, .. } in sources(&CRATES) {
        let count = code.matches("as_received").count();
        if SHOW.contains(&module.as_str()) && 0 < count {
            found.push((path, count));
        }
    }
    found.sort_unstable();
    let mut allowed: Vec<_> =
        COMPARE.iter().map(|(path, count)| ((*path).to_owned(), *count)).collect();
    allowed.sort_unstable();
    assert_eq!(found, allowed, "show it by its Display, or say here why it is not shown");
}

/// The pages are written by `maud::html!`, which escapes what is no literal; these go around it.
#[test]
fn nothing_goes_around_the_escaping_of_the_pages() {
    let mut uses = 0;
    for Source { path, code, .. } in sources(&CRATES) {
        uses += code.matches("html! {").count();
        for way in ["PreEscaped", "Render for", "render_to"] {
            assert!(!code.contains(way), "{path}: {way}");
        }
    }
    assert!(30 < uses, "the search found almost nothing: {uses}");
}

#[test]
fn no_file_outgrows_its_noun() {
    for Source { path, lines, .. } in sources(&CRATES) {
        if !path.ends_with("tests.rs") {
            assert!(lines <= LONGEST_FILE, "{path}: {lines} lines");
        }
    }
}
