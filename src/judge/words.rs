//! Durations and dates as evidence words them.

use std::time::Duration;

use humantime::format_duration;

/// A duration with its two largest units: nobody reads more at 03:00.
pub(super) fn span(duration: Duration) -> String {
    let whole = Duration::from_secs(duration.as_secs());
    let text = format_duration(whole).to_string();
    let mut parts = text.split(' ');
    match (parts.next(), parts.next()) {
        (Some(first), Some(second)) => format!("{} {}", apart(first), apart(second)),
        (Some(only), None) => apart(only),
        (None, _) => text,
    }
}

/// `5h` as it is, and `9years` as `9 years`.
fn apart(part: &str) -> String {
    let number = part.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    match part.strip_prefix(number) {
        Some(unit) if 2 < unit.len() => format!("{number} {unit}"),
        _ => part.to_owned(),
    }
}

/// A share as a percentage, rounded towards the middle: 0 % and 100 % are said of nothing else.
pub(super) fn percent(share: f64) -> String {
    match share {
        share if share <= 0.0 => "0 %".to_owned(),
        share if 1.0 <= share => "100 %".to_owned(),
        share => format!("{:.0} %", (share * 100.0).clamp(1.0, 99.0)),
    }
}

/// Foreign text, cut and escaped.
pub(super) fn foreign(text: &str) -> String {
    const LONGEST: usize = 64;
    text.chars().take(LONGEST).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_its_two_largest_units_and_long_ones_stand_apart() {
        let day = 86_400;
        for (seconds, said) in [
            (0, "0s"),
            (7, "7s"),
            (18_720, "5h 12m"),
            (2 * day + 3 * 3600 + 4, "2 days 3h"),
            (day, "1 day"),
            (3652 * day, "9 years 11 months"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), said);
        }
    }
}
