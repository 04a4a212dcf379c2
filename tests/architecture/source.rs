//! The source files, without their tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A source file.
#[derive(Debug)]
pub(crate) struct Source {
    /// The folder of its crate: `crates/core/src`.
    pub(crate) root: &'static str,
    /// The top module that it belongs to.
    pub(crate) module: String,
    /// Where it is, from the top of the repository.
    pub(crate) path: String,
    /// Its text without comments and tests.
    pub(crate) code: String,
    /// Its lines before its first inline tests.
    pub(crate) lines: usize,
}

/// The source files of these crates. A file that only tests declare is none.
pub(crate) fn sources(roots: &[&'static str]) -> Vec<Source> {
    let with_text = |(root, path, text): (&'static str, PathBuf, String)| {
        let relative = path.strip_prefix(root).unwrap();
        let first = relative.iter().next().unwrap().to_str().unwrap();
        let module = first.strip_suffix(".rs").unwrap_or(first).to_owned();
        let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        let code = without_comments(&without_tests(&text));
        Source { root, module, path: path.display().to_string(), code, lines }
    };
    texts(roots).into_iter().map(with_text).collect()
}

/// The root, the path and the whole text of each source file of these crates.
pub(crate) fn texts(roots: &[&'static str]) -> Vec<(&'static str, PathBuf, String)> {
    let mut found = Vec::new();
    for root in roots {
        let mut files = Vec::new();
        walk(Path::new(root), &mut files);
        assert!(!files.is_empty(), "{root} holds no source");
        let read: Vec<(PathBuf, String)> = files
            .into_iter()
            .map(|path| {
                let text = fs::read_to_string(&path).unwrap();
                (path, text)
            })
            .collect();
        let tests: BTreeSet<PathBuf> =
            read.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
        for (path, text) in read {
            let stem = path.with_extension("");
            if tests.iter().any(|test| stem.starts_with(test)) || text.contains("#![cfg(test)]") {
                continue;
            }
            found.push((*root, path, text));
        }
    }
    found
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

/// Where a file's children are.
pub(crate) fn folder_of_children(path: &Path) -> PathBuf {
    let own = path.file_stem().unwrap();
    if own == "mod" || own == "lib" || own == "main" {
        path.parent().unwrap().to_owned()
    } else {
        path.with_extension("")
    }
}

/// The files, without their endings, that a file declares for tests alone.
fn test_modules(path: &Path, text: &str) -> Vec<PathBuf> {
    let folder = folder_of_children(path);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let declared = lines.windows(2).filter_map(|pair| {
        let [mark, item] = pair else { return None };
        let name = item.strip_prefix("mod ")?.strip_suffix(';')?;
        (*mark == "#[cfg(test)]").then(|| folder.join(name))
    });
    declared.collect()
}

/// A text without the items that follow `#[cfg(test)]`, wherever in the file they are.
pub(crate) fn without_tests(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            let indentation = &line[..line.len() - line.trim_start().len()];
            let last = format!("{indentation}}}");
            for item in lines.by_ref() {
                let whole = item.ends_with(';') && item.starts_with(indentation);
                let one_line = item.ends_with('}') && item.contains('{');
                if item == last
                    || (whole && !item.starts_with(&format!("{indentation} ")))
                    || one_line
                {
                    break;
                }
            }
            continue;
        }
        code.push_str(line);
        code.push('\n');
    }
    code
}

/// A text without its comments. What a string has behind `//` goes too.
fn without_comments(text: &str) -> String {
    let code = |line: &str| format!("{}\n", line.split("//").next().unwrap_or_default());
    text.lines().map(code).collect()
}

#[test]
fn code_after_a_test_item_is_code() {
    let text = "a\n#[cfg(test)]\nmod rules;\nb\n#[cfg(test)]\nmod tests {\n    c\n}\nd // e\n";
    assert_eq!(without_comments(&without_tests(text)), "a\nb\nd \n");
}
