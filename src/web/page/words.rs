//! How moments, spans and severities are said on a page.

use maud::{Markup, html};

use anchorwatch_core::finding::Severity;
use anchorwatch_core::time::{Bracket, Timestamp, Window, span};

/// What stands where there is nothing to say.
pub(super) const NOTHING: &str = "–";

/// A moment to the second, as text: the microseconds are the API's.
pub(super) fn second(at: Timestamp) -> String {
    Timestamp::from_unix(at.as_unix()).to_string().replace('T', " ")
}

/// A moment, as a program can read it too.
pub(super) fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(Timestamp::from_unix(at.as_unix())) { (second(at)) } }
}

/// A moment or nothing.
pub(super) fn maybe(at: Option<Timestamp>) -> Markup {
    at.map_or_else(|| html! { (NOTHING) }, moment)
}

/// How far a moment is from now, in at most two units: `3 min 12 s ago`, `in 2 h 5 min`.
pub(super) fn distance(at: Timestamp, now: Timestamp) -> String {
    match (now.since(at), at.since(now)) {
        (Some(age), _) => format!("{} ago", span(age)),
        (None, Some(wait)) => format!("in {}", span(wait)),
        (None, None) => NOTHING.to_owned(),
    }
}

/// A moment with its distance from now.
pub(super) fn near(at: Option<Timestamp>, now: Timestamp) -> Markup {
    let Some(at) = at else { return maybe(None) };
    html! { (moment(at)) " " span.dim { (distance(at, now)) } }
}

/// A stretch of time as text.
pub(super) fn stretch(window: Window) -> String {
    let (from, until) = (second(window.from), second(window.until));
    if from == until {
        return from;
    }
    // Within one day, the day is said once.
    match (from.split_once(' '), until.split_once(' ')) {
        (Some((a, _)), Some((b, time))) if a == b => format!("{from} to {time}"),
        _ => format!("{from} to {until}"),
    }
}

/// A stretch or nothing.
pub(super) fn maybe_stretch(window: Option<Window>) -> String {
    window.map_or_else(|| NOTHING.to_owned(), stretch)
}

/// When something happened between two polls, as text.
pub(super) fn bracket(bracket: Bracket) -> String {
    match bracket.after {
        Some(after) if second(after) != second(bracket.until) => {
            stretch(Window::new(after, bracket.until))
        }
        Some(_) => second(bracket.until),
        None => format!("before {}", second(bracket.until)),
    }
}

/// The class of a severity.
pub(super) fn tone(severity: Severity) -> &'static str {
    severity.label()
}

/// A label of the catalogue as words: `unexpected_authority` is `unexpected authority`.
pub(super) fn words(label: &str) -> String {
    label.replace('_', " ")
}

/// The noun for a count: `1 key`, `2 keys`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_795_384_800 + seconds)
    }

    #[test]
    fn distances_have_two_units_at_most() {
        assert_eq!(distance(at(-3_725), at(0)), "1 h 2 min ago");
        assert_eq!(distance(at(59), at(0)), "in 59 s");
        assert_eq!(distance(at(0), at(0)), "0 s ago");
    }

    #[test]
    fn a_stretch_within_a_day_says_the_day_once() {
        assert_eq!(stretch(Window::new(at(0), at(60))), "2026-11-22 22:00:00Z to 22:01:00Z");
        assert_eq!(stretch(Window::point(at(0))), "2026-11-22 22:00:00Z");
        let long = stretch(Window::new(at(0), at(86_400)));
        assert_eq!(long, "2026-11-22 22:00:00Z to 2026-11-23 22:00:00Z");
        assert_eq!(bracket(Bracket::new(None, at(0))), "before 2026-11-22 22:00:00Z");
    }
}
