//! Durations and dates as evidence words them.

use std::time::Duration;

use humantime::format_duration;

/// A duration with its two largest units: nobody reads more at 03:00.
pub(super) fn span(duration: Duration) -> String {
    let whole = Duration::from_secs(duration.as_secs());
    let text = format_duration(whole).to_string();
    let mut parts = text.split(' ');
    match (parts.next(), parts.next()) {
        (Some(first), Some(second)) => format!("{first} {second}"),
        _ => text,
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
