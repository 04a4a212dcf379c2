//! Authorities that are to come.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bundle::{AuthorityId, KeyType, SvidType};
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// Authorities that are to come.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Announcement {
    /// What they sign.
    #[serde(rename = "use")]
    pub svid_type: SvidType,
    /// How many, from 1 up.
    #[serde(default = "one")]
    pub count: u8,
    /// The earliest moment at which they are published.
    pub not_before: Timestamp,
    /// The latest.
    pub not_after: Timestamp,
    /// What their keys are made of, where that differs from those before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_type: Option<KeyType>,
    /// The longest lifetime, where that differs from those before.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "humantime_option")]
    pub max_lifetime: Option<Duration>,
}

impl Announcement {
    /// The longest window of an announcement: one is for a date that is known.
    pub const LONGEST: Duration = Duration::from_hours(366 * 24);
}

fn one() -> u8 {
    1
}

mod humantime_option {
    //! A duration as text, as it is written in a configuration.

    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::ref_option, reason = "serde's form")]
    pub(super) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(duration) => serializer.collect_str(&humantime::format_duration(*duration)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| humantime::parse_duration(&text).map_err(de::Error::custom)).transpose()
    }
}

/// An announcement, and what it has explained.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Announced {
    /// What was announced.
    pub announcement: Announcement,
    /// Who and why, in words.
    pub words: UntrustedText,
    /// The authorities that it explains.
    pub explains: Vec<AuthorityId>,
    /// Whether it was withdrawn: what it explained stays explained.
    pub withdrawn: bool,
}

impl Announced {
    /// Whether one more authority of this use that may have been published within `[from, until]`
    /// is among those announced.
    pub fn covers(&self, svid_type: SvidType, from: Timestamp, until: Timestamp) -> bool {
        let Announcement { count, not_before, not_after, .. } = self.announcement;
        !self.withdrawn
            && self.announcement.svid_type == svid_type
            && self.explains.len() < usize::from(count)
            && not_before <= until
            && from <= not_after
    }
}
