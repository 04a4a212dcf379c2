//! Durations as people write them.

use std::time::Duration;

pub(super) use anchorwatch_core::time::duration_text as text;

/// Why a text is no duration: what is wrong, and what would be right.
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) hint: String,
}

/// Reads a duration: numbers, each with a unit.
pub(super) fn parse(written: &str) -> Result<Duration, Wrong> {
    // Longer than any sum of units that means something.
    const MAX_LENGTH: usize = 64;
    let quoted = super::place::quoted(written);
    let example = || "write for example 10s or 5m".to_owned();
    if !written.is_empty() && written.bytes().all(|byte| byte.is_ascii_digit()) && written != "0" {
        let hint = match written.len() {
            1..=9 => format!("write {written}s, {written}m or {written}h"),
            _ => example(),
        };
        return Err(Wrong { message: format!("{quoted} has no unit"), hint });
    }
    if let Some(months) = months(written) {
        // humantime reads `1M` as a month of 30.44 days, where a minute is meant.
        return Err(Wrong {
            message: format!("{quoted} counts in months, which have no fixed length"),
            hint: format!("write {months}m for minutes, or days, such as 30d"),
        });
    }
    let wrong = || Wrong { message: format!("{quoted} is not a duration"), hint: example() };
    if MAX_LENGTH < written.len() {
        return Err(wrong());
    }
    humantime::parse_duration(written).map_err(|_| wrong())
}

/// The number before a unit of months.
fn months(written: &str) -> Option<&str> {
    let digits = written.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let unit = written.get(digits.len()..)?.trim();
    let is_month = matches!(unit, "M" | "month" | "months");
    (is_month && !digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_as_it_is_written() {
        for (seconds, written) in [
            (0, "0s"),
            (90, "1m30s"),
            (3_600, "1h"),
            (86_400, "24h"),
            (129_600, "36h"),
            (400 * 86_400, "400d"),
        ] {
            let duration = Duration::from_secs(seconds);
            assert_eq!(text(duration), written);
            assert_eq!(parse(written).ok(), Some(duration), "{written}");
        }
        let odd = Duration::new(61, 1_002_003);
        assert_eq!(text(odd), "1m1s1ms2us3ns");
        assert_eq!(parse(&text(odd)).ok(), Some(odd));
    }

    #[test]
    fn a_duration_without_a_unit_or_in_months_says_what_to_write() {
        for (written, message, hint) in [
            ("10", "\"10\" has no unit", "write 10s, 10m or 10h"),
            (
                "1M",
                "\"1M\" counts in months, which have no fixed length",
                "write 1m for minutes, or days, such as 30d",
            ),
            ("5x", "\"5x\" is not a duration", "write for example 10s or 5m"),
            ("-5s", "\"-5s\" is not a duration", "write for example 10s or 5m"),
            ("", "\"\" is not a duration", "write for example 10s or 5m"),
        ] {
            let wrong = parse(written).err().unwrap();
            assert_eq!((wrong.message.as_str(), wrong.hint.as_str()), (message, hint));
        }
    }
}
