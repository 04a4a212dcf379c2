//! Which file of a module needs which other, and where two need each other.
//!
//! A file and the folder of its name are one node, beside the other nodes of its folder. The file
//! that declares a folder's modules is none of them: it gathers what they give.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::source::{Source, folder_of_children};

/// A file, or the folder of its name, without an ending.
type Node = PathBuf;

/// The files that need others of the same folder.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    needs: BTreeMap<Node, BTreeSet<Node>>,
}

/// Which file of a folder needs which.
pub(crate) fn graph(sources: &[Source]) -> Graph {
    let nodes: BTreeSet<Node> = sources.iter().map(|source| node(&source.path)).collect();
    let gathered = gathered(sources);
    let mut graph = Graph::default();
    for source in sources {
        let own = module_path(&source.path);
        for target in targets(source, &gathered) {
            // The first folder on the two paths in which they part is where one needs the other.
            let common = own.iter().zip(target.iter()).take_while(|(a, b)| a == b).count();
            let (Some(from), Some(to)) = (part(&own, common), part(&target, common)) else {
                continue;
            };
            if from != to && nodes.iter().any(|node| node.starts_with(&to)) {
                graph.needs.entry(from).or_default().insert(to);
            }
        }
    }
    graph
}

/// The path of a file as a module: the crate's folder and the names of the modules.
fn module_path(path: &str) -> PathBuf {
    let path = Path::new(path);
    let own = path.file_stem().unwrap();
    if own == "mod" || own == "lib" || own == "main" {
        path.parent().unwrap().to_owned()
    } else {
        path.with_extension("")
    }
}

fn node(path: &str) -> Node {
    module_path(path)
}

fn part(path: &Path, common: usize) -> Option<Node> {
    (common < path.iter().count()).then(|| path.iter().take(common + 1).collect())
}

/// What a gathering file gives under which name, and the module that it is from.
fn gathered(sources: &[Source]) -> BTreeMap<PathBuf, BTreeMap<String, PathBuf>> {
    let mut gathered: BTreeMap<PathBuf, BTreeMap<String, PathBuf>> = BTreeMap::new();
    for source in sources {
        let folder = folder_of_children(Path::new(&source.path));
        let names = gathered.entry(folder.clone()).or_default();
        for (path, given) in uses(&source.code) {
            let mut path = path.as_slice();
            if let [first, rest @ ..] = path
                && first == "self"
            {
                path = rest;
            }
            if let [child, ..] = path
                && !matches!(child.as_str(), "super" | "crate")
            {
                let target = folder.join(child);
                if sources.iter().any(|one| module_path(&one.path).starts_with(&target)) {
                    names.insert(given, target);
                }
            }
        }
    }
    gathered
}

/// The modules that a file names.
fn targets(
    source: &Source,
    gathered: &BTreeMap<PathBuf, BTreeMap<String, PathBuf>>,
) -> BTreeSet<PathBuf> {
    let own = module_path(&source.path);
    let mut targets = BTreeSet::new();
    for (path, given) in uses(&source.code) {
        let mut at = own.clone();
        let mut names = path.iter().map(String::as_str).chain([given.as_str()]).peekable();
        match names.peek() {
            Some(&"crate") => {
                names.next();
                at = PathBuf::from(source.root);
            }
            Some(&"super") => {
                while names.peek() == Some(&"super") {
                    names.next();
                    at.pop();
                }
            }
            Some(&"self") => {
                names.next();
            }
            _ => continue,
        }
        for name in names {
            let known = gathered.get(&at).and_then(|given| given.get(name)).cloned();
            at = known.unwrap_or_else(|| at.join(name));
        }
        targets.insert(at);
    }
    targets
}

/// Each path that a text names from `crate`, `super` or `self` on, and each that it imports: the
/// modules before the last name, and that name.
fn uses(code: &str) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    let text: String = code.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    for start in ["use ", "crate::", "super::"] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let rest = if start == "use " { &text[at + 4..] } else { &text[at..] };
            tree(rest, &[], &mut found);
        }
    }
    found
}

/// Reads `a::b::{c, d::e}`, and gives what follows it.
fn tree<'a>(text: &'a str, before: &[String], found: &mut Vec<(Vec<String>, String)>) -> &'a str {
    let mut path = before.to_vec();
    let mut rest = text.trim_start();
    loop {
        if let Some(mut inner) = rest.strip_prefix('{') {
            loop {
                inner = tree(inner, &path, found).trim_start();
                match inner.chars().next() {
                    Some(',') => inner = inner[1..].trim_start(),
                    Some('}') => return &inner[1..],
                    _ => return inner,
                }
                if let Some(after) = inner.strip_prefix('}') {
                    return after;
                }
            }
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if end == 0 {
            return rest;
        }
        let name = rest[..end].to_owned();
        rest = &rest[end..];
        if let Some(after) = rest.strip_prefix("::") {
            path.push(name);
            rest = after.trim_start();
        } else {
            let after = rest.trim_start();
            if let Some(renamed) = after.strip_prefix("as ") {
                let end = renamed.find(|c: char| !c.is_alphanumeric() && c != '_');
                rest = &renamed[end.unwrap_or(renamed.len())..];
            }
            found.push((path, name));
            return rest;
        }
    }
}

impl Graph {
    /// How many arrows there are.
    pub(crate) fn edges(&self) -> usize {
        self.needs.values().map(BTreeSet::len).sum()
    }

    /// Each group of files of one folder that need one another, in words.
    pub(crate) fn cycles(&self) -> Vec<String> {
        let mut groups: BTreeSet<Vec<&Node>> = BTreeSet::new();
        for node in self.needs.keys() {
            let reached = self.reached(node);
            if reached.contains(node) {
                let back = reached.iter().filter(|other| self.reached(other).contains(node));
                groups.insert(back.copied().collect());
            }
        }
        let words = groups.into_iter().map(|group| {
            let names: Vec<String> = group.iter().map(|node| node.display().to_string()).collect();
            names.join(" <-> ")
        });
        words.collect()
    }

    fn reached<'a>(&'a self, from: &Node) -> BTreeSet<&'a Node> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&Node> = self.needs.get(from).into_iter().flatten().collect();
        while let Some(node) = open.pop() {
            if reached.insert(node) {
                open.extend(self.needs.get(node).into_iter().flatten());
            }
        }
        reached
    }
}
