//! As much of PromQL as it takes to say which metrics and labels an expression names. Whether it
//! is PromQL at all is for `promtool` to say.

/// Words that are no metrics.
const WORDS: &[&str] = &["and", "bool", "by", "group_left", "group_right", "on", "or", "unless"];
/// What stands before a list of labels.
const LISTS: &[&str] = &["by", "group_left", "group_right", "ignoring", "on", "without"];

/// A series selector, and what stands around it.
#[derive(Debug, Default)]
pub(crate) struct Selector {
    pub(crate) metric: String,
    /// Label, operator, value.
    pub(crate) matchers: Vec<(String, String, String)>,
    /// What stands between brackets behind it.
    pub(crate) range: Option<String>,
    /// The innermost function or aggregation around it.
    pub(crate) within: String,
}

/// What an expression names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) selectors: Vec<Selector>,
    /// The labels of `by`, `on` and `group_left`.
    pub(crate) labels: Vec<String>,
}

impl Selector {
    pub(crate) fn matcher(&self, label: &str) -> Option<(&str, &str)> {
        let found = self.matchers.iter().find(|(name, ..)| name == label);
        found.map(|(_, operator, value)| (operator.as_str(), value.as_str()))
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// What `expr` names; `Err` says what cannot be read.
pub(crate) fn names(expr: &str) -> Result<Names, String> {
    let mut names = Names::default();
    let mut around: Vec<String> = Vec::new();
    let mut function = String::new();
    let mut rest = expr;
    while let Some(next) = rest.chars().next() {
        if next.is_ascii_alphabetic() || next == '_' {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end);
            rest = behind.trim_start();
            if LISTS.contains(&word) && rest.starts_with('(') {
                let (list, behind) = rest[1..].split_once(')').ok_or("a list that does not end")?;
                let labels = list.split(',').map(str::trim).filter(|label| !label.is_empty());
                names.labels.extend(labels.map(str::to_owned));
                rest = behind;
            } else if rest.starts_with('(') || starts_with_list(rest) {
                function = word.to_owned();
            } else if !WORDS.contains(&word) {
                let within = around.last().cloned().unwrap_or_default();
                let mut selector =
                    Selector { metric: word.to_owned(), within, ..Selector::default() };
                rest = behind_selector(&mut selector, rest)?;
                names.selectors.push(selector);
            }
        } else {
            match next {
                '(' => around.push(std::mem::take(&mut function)),
                ')' => drop(around.pop().ok_or("a parenthesis too many")?),
                '{' | '[' | '"' => return Err(format!("no metric before {rest}")),
                _ => (),
            }
            // A number goes whole: 1e3 is no metric.
            let end = if next.is_ascii_digit() {
                rest.find(|c| !is_word(c) && c != '.').unwrap_or(rest.len())
            } else {
                next.len_utf8()
            };
            rest = &rest[end..];
        }
    }
    if around.is_empty() { Ok(names) } else { Err("a parenthesis that stays open".to_owned()) }
}

/// `sum by (…) (…)`: the list comes between.
fn starts_with_list(rest: &str) -> bool {
    let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    ["by", "without"].contains(&&rest[..end])
}

/// Reads the matchers and the range behind a metric, and gives what is left.
fn behind_selector<'a>(selector: &mut Selector, rest: &'a str) -> Result<&'a str, String> {
    let mut rest = rest;
    if let Some(mut inner) = rest.strip_prefix('{') {
        loop {
            inner = inner.trim_start_matches([' ', ',', '\n']);
            if let Some(behind) = inner.strip_prefix('}') {
                rest = behind;
                break;
            }
            let end = inner.find(|c| !is_word(c)).ok_or("matchers that do not end")?;
            let (label, behind) = inner.split_at(end);
            let (operator, behind) = behind.split_once('"').ok_or("a matcher without a value")?;
            let (value, behind) = behind.split_once('"').ok_or("a value that does not end")?;
            if label.is_empty() || !["=", "!=", "=~", "!~"].contains(&operator.trim()) {
                return Err(format!("an odd matcher: {inner}"));
            }
            selector.matchers.push((label.into(), operator.trim().into(), value.into()));
            inner = behind;
        }
    }
    if let Some(inner) = rest.strip_prefix('[') {
        let (range, behind) = inner.split_once(']').ok_or("a range that does not end")?;
        selector.range = Some(range.to_owned());
        rest = behind;
    }
    Ok(rest)
}

#[test]
fn an_expression_is_read() {
    let read = names(
        "sum by (a, b) (rate(x_total{c=~\"$c\", d!=\"{}\"}[5m])) / on (a) group_left () (y - 1e3)",
    )
    .unwrap();
    assert_eq!(read.labels, ["a", "b", "a"]);
    let [x, y] = &read.selectors[..] else { panic!("{read:?}") };
    assert_eq!((x.metric.as_str(), x.within.as_str()), ("x_total", "rate"));
    assert_eq!((x.range.as_deref(), x.matcher("d")), (Some("5m"), Some(("!=", "{}"))));
    assert_eq!((y.metric.as_str(), &y.range), ("y", &None));
    for broken in ["sum(x", "x)", "{a=\"b\"}", "x{a}", "x{a=\"b\"", "x[5m"] {
        assert!(names(broken).is_err(), "{broken}");
    }
}
