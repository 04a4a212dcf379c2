//! How many findings of one kind are open and listed, and what is left out.

use serde::{Deserialize, Serialize};

use super::{Finding, FindingKind, Severity};
use crate::bundle::SvidType;
use crate::time::Timestamp;

/// Why an authority is unexpected, the most urgent last. Each grade has room of its own, so that
/// keys of one grade never take the place of another's.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Its rotation explains it, and the policy wants a decision all the same; or the finding is
    /// about something else than a new authority.
    #[default]
    Plain,
    /// No date, announcement or approval explains it.
    Unscheduled,
    /// It contradicts what is known.
    Contradicted,
    /// An operator denied its key.
    Denied,
}

impl Grade {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a field by reference")]
    fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}

/// Findings that share a bounded number of places: those of one kind, about one use, of one grade.
/// A flood fills its own room and no other.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Room {
    /// What the findings are about.
    pub kind: FindingKind,
    /// The use that they are about, where they are about one.
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub svid_type: Option<SvidType>,
    /// Why the authority is unexpected, where that is what they are about.
    #[serde(default, skip_serializing_if = "Grade::is_plain")]
    pub grade: Grade,
}

impl Room {
    /// Findings that a room holds: more than a person looks through one by one, and few enough that
    /// all rooms of a trust domain together stay small.
    pub const PLACES: usize = 64;
    /// The same where each finding says that someone else's key is trusted.
    pub const PLACES_OF_STRANGERS: usize = 256;

    /// How many findings this room holds.
    pub fn places(&self) -> usize {
        let strangers =
            matches!(self.kind, FindingKind::KeyRebound | FindingKind::ForeignAuthority)
                || self.grade == Grade::Denied;
        if strangers { Self::PLACES_OF_STRANGERS } else { Self::PLACES }
    }
}

/// What found no place in one room.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LeftOut {
    /// The room that is full.
    #[serde(flatten)]
    pub room: Room,
    /// How many findings were left out, or gave their place to another, since `since`.
    pub count: u64,
    /// How many of them are true now and would be raised if there were room.
    pub waiting: u64,
    /// The most urgent of them.
    pub severity: Severity,
    /// Since when some are left out.
    pub since: Timestamp,
    /// The last time that they were counted; `None` before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Timestamp>,
}

impl LeftOut {
    /// How many are not listed, as far as it is known.
    pub fn unlisted(&self) -> u64 {
        self.count.max(self.waiting)
    }
}

/// How many findings of one kind and use are not listed one by one.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Dropped {
    /// What they are about.
    pub kind: FindingKind,
    /// The use that they are about, where they are about one.
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub svid_type: Option<SvidType>,
    /// How many.
    pub count: u64,
}

impl Dropped {
    /// The counts by kind and use, in the order of the catalogue. Counts of one kind and use add up.
    pub fn by_kind(all: impl IntoIterator<Item = (Room, u64)>) -> Vec<Self> {
        let mut dropped: Vec<Self> = Vec::new();
        for (Room { kind, svid_type, .. }, count) in all {
            match dropped.iter_mut().find(|one| (one.kind, one.svid_type) == (kind, svid_type)) {
                Some(known) => known.count = known.count.saturating_add(count),
                None => dropped.push(Self { kind, svid_type, count }),
            }
        }
        dropped.retain(|one| 0 < one.count);
        dropped.sort_by_key(|one| (one.kind, one.svid_type));
        dropped
    }

    /// Such as `1,900 unexpected_authority jwt-svid`.
    pub fn words(&self) -> String {
        let svid_type = self.svid_type.map(|svid_type| format!(" {}", svid_type.label()));
        format!("{} {}{}", grouped(self.count), self.kind, svid_type.unwrap_or_default())
    }

    /// All of them in one line, such as `1,900 unexpected_authority jwt-svid, 3 key_rebound
    /// jwt-svid`.
    pub fn all_in_words(all: &[Self]) -> String {
        all.iter().map(Self::words).collect::<Vec<_>>().join(", ")
    }
}

/// A number with its thousands apart: `1,900`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if 0 < place && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl Finding {
    /// The room of a finding that is about an authority of this grade.
    pub fn room(&self, grade: Grade) -> Room {
        Room { kind: self.kind, svid_type: self.svid_type, grade }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let texts = [0, 999, 1_000, 21_950, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "21,950", "1,234,567"]);
    }

    #[test]
    fn counts_of_one_kind_and_use_add_up() {
        let room = |svid_type, grade| Room {
            kind: FindingKind::UnexpectedAuthority,
            svid_type: Some(svid_type),
            grade,
        };
        let all = [
            (room(SvidType::Jwt, Grade::Unscheduled), 3),
            (room(SvidType::X509, Grade::Plain), 1),
            (room(SvidType::Jwt, Grade::Contradicted), 4),
            (room(SvidType::Wit, Grade::Plain), 0),
        ];
        assert_eq!(
            Dropped::all_in_words(&Dropped::by_kind(all)),
            "1 unexpected_authority x509-svid, 7 unexpected_authority jwt-svid"
        );
    }
}
