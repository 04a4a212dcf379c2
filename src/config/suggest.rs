//! What an unknown word was meant to be.

use super::schema::{Scope, one_of};

/// The most names that a hint lists.
const MOST_NAMES: usize = 8;

/// What would be right where `unknown` is written in `scope`. `top` is the scope of the whole file,
/// from which every other is found.
pub(super) fn key(unknown: &str, scope: &Scope, top: Option<&'static Scope>) -> String {
    if unknown == "<<" {
        return "merging is not supported: put what holds for all under defaults".to_owned();
    }
    let names: Vec<_> = scope.keys().map(|key| key.name).collect();
    if let Some(near) = nearest(unknown, &names) {
        return format!("did you mean {near}?");
    }
    let scopes = top.map(Scope::with_all_below).unwrap_or_default();
    // What holds for every relationship is meant before what one section has.
    let settings = scopes.iter().filter(|scope| scope.name == "defaults");
    if let Some(home) = settings.chain(&scopes).find(|scope| scope.key(unknown).is_some()) {
        return match home.name {
            "the file" => "it belongs at the top of the file, without indentation".to_owned(),
            "defaults" => "it belongs to a relationship, or under defaults".to_owned(),
            name => format!("it belongs under {name}"),
        };
    }
    match names.as_slice() {
        _ if scope.name == "tls_server_config" => {
            "docs/web-config.md lists those that are allowed here".to_owned()
        }
        [] => "no key is known here".to_owned(),
        names if names.len() <= MOST_NAMES => format!("known here: {}", one_of(names)),
        _ => "docs/configuration.md lists those that are allowed here".to_owned(),
    }
}

/// The word that `unknown` was meant to be, where one is near enough.
pub(super) fn nearest<'w>(unknown: &str, words: &[&'w str]) -> Option<&'w str> {
    // Longer than any key: nothing is near to it, and the distance is quadratic.
    if 64 < unknown.len() {
        return None;
    }
    let folded = unknown.to_ascii_lowercase().replace('-', "_");
    let distance = |word: &&'w str| (strsim::osa_distance(&folded, word), *word);
    let near = words.iter().map(distance).min()?;
    // A third of the letters: `timeot` is near to `timeout`, `port` is not to `probe`.
    (near.0 <= (near.1.len() / 3).max(1)).then_some(near.1)
}

#[cfg(test)]
mod tests {
    use super::super::table::{RELATIONSHIP, STORE, TOP};
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
    }

    #[test]
    fn the_hint_for_a_misplaced_key_names_its_section() {
        let hint = |unknown, scope| key(unknown, scope, Some(&TOP));
        assert_eq!(hint("timeout", &TOP), "it belongs to a relationship, or under defaults");
        assert_eq!(
            hint("store", &RELATIONSHIP),
            "it belongs at the top of the file, without indentation"
        );
        assert_eq!(hint("key_type", &TOP), "it belongs under federates_with.*.announced[]");
        assert_eq!(hint("zzz", &STORE), "known here: path");
    }
}
