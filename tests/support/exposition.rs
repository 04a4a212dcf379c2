//! Reads what Prometheus reads, and takes nothing that the formats do not allow.

use std::collections::{BTreeMap, BTreeSet};

/// A series: its name and its labels.
pub(crate) type Series = (String, BTreeMap<String, String>);

/// A sample: its name, its labels in their order, and the value.
pub(crate) type Sample = (String, Vec<(String, String)>, f64);

/// One family as it stands in the text.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadFamily {
    /// As the metadata lines spell it.
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) help: String,
    pub(crate) unit: Option<String>,
    pub(crate) samples: Vec<Sample>,
}

impl ReadFamily {
    pub(crate) fn series(&self) -> impl Iterator<Item = (Series, f64)> {
        self.samples
            .iter()
            .map(|(name, labels, value)| ((name.clone(), labels.iter().cloned().collect()), *value))
    }
}

/// Reads a text; `openmetrics` says by which rules.
#[track_caller]
pub(crate) fn read(text: &str, openmetrics: bool) -> Vec<ReadFamily> {
    let body =
        if openmetrics { text.strip_suffix("# EOF\n").expect("# EOF ends it") } else { text };
    assert!(body.ends_with('\n'), "a line that does not end");
    let mut families: Vec<ReadFamily> = Vec::new();
    let mut seen = BTreeSet::new();
    for line in body.split_terminator('\n') {
        if let Some(rest) = line.strip_prefix("# ") {
            let [word, name, text] = rest.splitn(3, ' ').collect::<Vec<_>>()[..] else {
                panic!("odd comment: {line}");
            };
            if word == "HELP" {
                assert!(families.iter().all(|family| family.name != name), "{name} twice");
                families.push(ReadFamily { name: name.to_owned(), ..ReadFamily::default() });
            }
            let family = families.last_mut().expect("HELP comes first");
            assert_eq!(family.name, name, "metadata of another family");
            assert!(family.samples.is_empty(), "metadata after samples: {line}");
            match word {
                "HELP" => family.help = unescape(text, openmetrics),
                "TYPE" => text.clone_into(&mut family.kind),
                "UNIT" if openmetrics => family.unit = Some(text.to_owned()),
                _ => panic!("odd comment: {line}"),
            }
            continue;
        }
        let family = families.last_mut().expect("samples follow their family");
        let (name, labels, value) = sample(line);
        let suffix = name.strip_prefix(&family.name).unwrap_or_else(|| panic!("astray: {line}"));
        let allowed: &[&str] = match (family.kind.as_str(), openmetrics) {
            ("counter", true) => &["_total"],
            ("info", true) => &["_info"],
            ("histogram", _) => &["_bucket", "_sum", "_count"],
            ("counter" | "gauge", _) => &[""],
            (kind, _) => panic!("{name} is of type {kind:?}"),
        };
        assert!(allowed.contains(&suffix), "{line}: suffix {suffix:?} of a {}", family.kind);
        let sorted: BTreeMap<_, _> = labels.iter().cloned().collect();
        assert_eq!(sorted.len(), labels.len(), "a label twice: {line}");
        assert!(seen.insert((name.clone(), sorted)), "a series twice: {line}");
        family.samples.push((name, labels, value));
    }
    families
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("no value: {line}"));
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            let end = closing(after).unwrap_or_else(|| panic!("open quotes: {line}"));
            labels.push((label.to_owned(), unescape(&after[..end], true)));
            rest = &after[end + 1..];
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').unwrap_or_else(|| panic!("open braces: {line}"));
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("no blank: {line}"));
    let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    (name.to_owned(), labels, value)
}

/// Where the quotes close.
fn closing(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(place, c)| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(place)
    })
}

fn unescape(text: &str, quotes: bool) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => plain.push('\n'),
                Some('\\') => plain.push('\\'),
                Some('"') if quotes => plain.push('"'),
                other => panic!("odd escape {other:?} in {text:?}"),
            },
            '"' if quotes => panic!("bare quotes in {text:?}"),
            c => plain.push(c),
        }
    }
    plain
}
