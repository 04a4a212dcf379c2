//! What an unknown word was meant to be.

use super::schema::{
    ALERTMANAGER, ANNOUNCEMENT, APPROVAL, HTTPS_SPIFFE, ISSUER_DECLARED, ISSUER_SPIRE, LIMITS,
    METRICS, OUTAGE, PROFILE, RELATIONSHIP, RETENTION, SETTINGS, STORE, Scope, TOP, one_of,
};

/// The scopes that a key may have strayed from.
static ELSEWHERE: [&Scope; 14] = [
    &TOP,
    &RELATIONSHIP,
    &STORE,
    &LIMITS,
    &METRICS,
    &RETENTION,
    &PROFILE,
    &HTTPS_SPIFFE,
    &ISSUER_SPIRE,
    &ISSUER_DECLARED,
    &APPROVAL,
    &ANNOUNCEMENT,
    &OUTAGE,
    &ALERTMANAGER,
];

/// The most names that a hint lists.
const MOST_NAMES: usize = 8;

/// What would be right where `unknown` stands in `scope`.
pub(super) fn key(unknown: &str, scope: &Scope) -> String {
    if unknown == "<<" {
        return "merging is not supported: put what holds for all under defaults".to_owned();
    }
    let names: Vec<_> = scope.keys().map(|key| key.name).collect();
    if let Some(near) = nearest(unknown, &names) {
        return format!("did you mean {near}?");
    }
    let is_setting = SETTINGS.iter().any(|key| key.name == unknown);
    if is_setting {
        return "it belongs to a relationship, or under defaults".to_owned();
    }
    if let Some(home) = ELSEWHERE.iter().find(|scope| scope.key(unknown).is_some()) {
        return match home.name {
            "the file" => "it belongs at the top of the file, without indentation".to_owned(),
            name => format!("it belongs under {name}"),
        };
    }
    match names.as_slice() {
        _ if scope.name == "tls_server_config" => {
            "docs/web-config.md lists those that may stand here".to_owned()
        }
        [] => "no key is known here".to_owned(),
        names if names.len() <= MOST_NAMES => format!("known here: {}", one_of(names)),
        _ => "docs/configuration.md lists those that may stand here".to_owned(),
    }
}

/// The word that `unknown` was meant to be, where one is near enough.
pub(super) fn nearest<'w>(unknown: &str, words: &[&'w str]) -> Option<&'w str> {
    // Longer than any key: nothing is near to it, and the distance is quadratic.
    if 64 < unknown.len() {
        return None;
    }
    let folded = unknown.to_ascii_lowercase().replace('-', "_");
    let near = words.iter().map(|word| (distance(&folded, word), *word)).min()?;
    // A third of the letters: `timeot` is near to `timeout`, `port` is not to `probe`.
    (near.0 <= (near.1.len() / 3).max(1)).then_some(near.1)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (row, letter) in a.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, other) in b.iter().enumerate() {
            let at = |line: &[usize], column: usize| line.get(column).copied().unwrap_or(0);
            let replaced = at(&last, column) + usize::from(letter != other);
            let mut best = replaced.min(at(&last, column + 1) + 1).min(at(&line, column) + 1);
            let swapped = 0 < row
                && 0 < column
                && a.get(row - 1) == Some(other)
                && b.get(column - 1) == Some(letter);
            if swapped {
                best = best.min(at(&before, column - 1) + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut last, line);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keys_is_near_and_another_word_is_not() {
        let words = ["timeout", "probe", "redirects", "poll_interval"];
        for (unknown, near) in [
            ("timeuot", Some("timeout")),
            ("time_out", Some("timeout")),
            ("poll-interval", Some("poll_interval")),
            ("Redirect", Some("redirects")),
            ("port", None),
            ("", None),
        ] {
            assert_eq!(nearest(unknown, &words), near, "{unknown}");
        }
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn a_key_in_the_wrong_place_is_told_where_it_belongs() {
        assert_eq!(key("timeout", &TOP), "it belongs to a relationship, or under defaults");
        assert_eq!(
            key("store", &RELATIONSHIP),
            "it belongs at the top of the file, without indentation"
        );
        assert_eq!(key("fingerprint", &TOP), "it belongs under federates_with.*.approved[]");
        assert_eq!(key("zzz", &STORE), "known here: path");
    }
}
