//! Durations and dates as evidence words them.

pub(super) use crate::time::span;

/// A share as a percentage, rounded towards the middle: 0 % and 100 % are said of nothing else.
pub(super) fn percent(share: f64) -> String {
    match share {
        share if share <= 0.0 => "0 %".to_owned(),
        share if 1.0 <= share => "100 %".to_owned(),
        share => format!("{:.0} %", (share * 100.0).clamp(1.0, 99.0)),
    }
}
