//! The layers of ARCHITECTURE.md, held by a machine.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

/// Each module and the modules of this crate that it may name, lowest layer first.
const MAY_USE: &[(&str, &[&str])] = &[
    ("untrusted", &[]),
    ("time", &[]),
    ("spiffe", &[]),
    ("bundle", &["time", "untrusted"]),
    ("finding", &["bundle", "spiffe", "time", "untrusted"]),
    ("alerts", &["finding"]),
    ("decision", &["bundle", "finding", "spiffe", "time", "untrusted"]),
    ("watch", &["bundle", "decision", "finding", "spiffe", "time", "untrusted"]),
    ("journal", &["bundle", "decision", "finding", "spiffe", "time", "untrusted", "watch"]),
    ("issuer", &["bundle", "time"]),
    ("judge", &["bundle", "decision", "finding", "spiffe", "time", "untrusted", "watch"]),
    (
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
    ("simulate", &["bundle", "issuer", "spiffe", "time", "untrusted", "watch"]),
    ("score", &["bundle", "finding", "issuer", "judge", "simulate", "spiffe", "time", "watch"]),
    ("view", &["bundle", "decision", "finding", "judge", "spiffe", "time", "untrusted", "watch"]),
    // The shell: what two of its boxes share is a core type.
    ("config", CORE),
    ("resolver", &["time"]),
    ("fetch", WITH_RESOLVER),
    ("store", CORE),
    ("metrics", CORE),
    ("notify", WITH_RESOLVER),
    (
        "web",
        &[
            "alerts",
            "bundle",
            "decision",
            "finding",
            "issuer",
            "journal",
            "judge",
            "spiffe",
            "time",
            "untrusted",
            "view",
            "watch",
            "metrics",
        ],
    ),
    ("daemon", ANY),
    ("demo", ANY),
    ("cli", ANY),
];

const CORE: &[&str] = &[
    "alerts",
    "bundle",
    "decision",
    "finding",
    "issuer",
    "journal",
    "judge",
    "replay",
    "score",
    "simulate",
    "spiffe",
    "time",
    "untrusted",
    "view",
    "watch",
];
const WITH_RESOLVER: &[&str] = &[
    "alerts",
    "bundle",
    "decision",
    "finding",
    "issuer",
    "journal",
    "judge",
    "replay",
    "resolver",
    "score",
    "simulate",
    "spiffe",
    "time",
    "untrusted",
    "view",
    "watch",
];
const ANY: &[&str] = &[
    "alerts",
    "bundle",
    "cli",
    "config",
    "daemon",
    "decision",
    "demo",
    "fetch",
    "finding",
    "issuer",
    "journal",
    "judge",
    "metrics",
    "notify",
    "replay",
    "resolver",
    "score",
    "simulate",
    "spiffe",
    "store",
    "time",
    "untrusted",
    "view",
    "watch",
    "web",
];

/// What the core may not name: I/O, a clock, chance, a runtime.
const FORBIDDEN_IN_THE_CORE: &[&str] = &[
    "SystemTime",
    "Instant::now",
    "tokio",
    "reqwest",
    "hyper",
    "rusqlite",
    "tracing",
    "prometheus",
    "std::fs",
    "std::env",
    "std::process",
    "std::io",
    "std::thread",
    "TcpStream",
    "UdpSocket",
    "UnixStream",
    "rand::",
    "getrandom",
    "async fn",
    ".await",
];

/// Where text is shown: what others sent is shown by `Display`, which escapes it.
const SHOW: &[&str] = &["alerts", "cli", "demo", "journal", "judge", "metrics", "notify", "web"];
/// Where one of those compares what was sent, or keeps it, and does not show it.
const COMPARE: &[(&str, usize)] = &[
    // Whether a key's key ID is that of a sighted token; a finding's subject as it is stored and
    // hashed, and whether it is a fingerprint.
    ("src/judge/draft.rs", 2),
    ("src/judge/key_index/reports.rs", 2),
    ("src/judge/ledger.rs", 3),
    ("src/judge/sighting.rs", 3),
    ("src/judge/unexpected.rs", 1),
    // Whether a URI name is of another trust domain.
    ("src/cli/lint/report.rs", 1),
];

/// The most lines of a source file before its tests.
const LONGEST_FILE: usize = 400;

fn sources() -> Vec<(String, PathBuf, String)> {
    let mut files = Vec::new();
    walk(Path::new("src"), &mut files);
    files
        .into_iter()
        .map(|path| {
            let relative = path.strip_prefix("src").unwrap();
            let first = relative.iter().next().unwrap().to_str().unwrap();
            let module = first.strip_suffix(".rs").unwrap_or(first).to_owned();
            let text = fs::read_to_string(&path).unwrap();
            (module, path, text)
        })
        .collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// The code of a file without its tests and comments.
fn code(text: &str) -> String {
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]");
    let code = lines.map(|line| line.split("//").next().unwrap_or_default());
    code.collect::<Vec<_>>().join("\n")
}

/// The modules that a text names as `crate::NAME`.
fn named(code: &str) -> Vec<&str> {
    code.split("crate::")
        .skip(1)
        .map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            &rest[..end.unwrap_or(rest.len())]
        })
        .collect()
}

fn is_core(module: &str) -> bool {
    CORE.contains(&module)
}

#[test]
fn modules_name_only_the_layers_below() {
    let mut seen = 0;
    for (module, path, text) in sources() {
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let (_, allowed) = MAY_USE.iter().find(|(name, _)| *name == module).unwrap_or_else(|| {
            panic!("{}: {module} has no place among the layers", path.display())
        });
        for name in named(&code(&text)) {
            seen += 1;
            assert!(
                name == module || allowed.contains(&name),
                "{}: {module} must not use {name}",
                path.display()
            );
        }
    }
    assert!(30 < seen, "the search found almost nothing: {seen}");
}

#[test]
fn the_core_does_no_io_and_asks_no_clock() {
    let mut core = 0;
    for (module, path, text) in sources() {
        if !is_core(&module) {
            continue;
        }
        core += 1;
        let text = code(&text);
        for word in FORBIDDEN_IN_THE_CORE {
            assert!(!text.contains(word), "{}: the core must not name {word}", path.display());
        }
    }
    assert!(20 < core, "the search found almost no file: {core}");
}

#[test]
fn what_others_sent_is_not_shown_as_it_was_received() {
    let mut found = Vec::new();
    for (module, path, text) in sources() {
        let count = code(&text).matches("as_received").count();
        if SHOW.contains(&module.as_str()) && 0 < count {
            found.push((path.display().to_string(), count));
        }
    }
    found.sort_unstable();
    let mut allowed: Vec<_> =
        COMPARE.iter().map(|(path, count)| ((*path).to_owned(), *count)).collect();
    allowed.sort_unstable();
    assert_eq!(found, allowed, "show it by its Display, or say here why it is not shown");
}

#[test]
fn no_file_outgrows_its_noun() {
    for (_, path, text) in sources() {
        if path.ends_with("tests.rs") {
            continue;
        }
        let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        assert!(lines <= LONGEST_FILE, "{}: {lines} lines", path.display());
    }
}
