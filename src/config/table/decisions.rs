//! The keys of decisions that are written in the configuration.

use super::{days, minutes};
use crate::config::fault::Report;
use crate::config::intent::{AnnouncementEntry, ApprovalEntry, OutageEntry};
use crate::config::reader::Fields;
use crate::config::schema::{Choose, Key, Kind, Scope};
use crate::config::setting::{self, Coherence as _, Record, Setting as _, record};
use crate::config::tree::Tree;

/// `approved[]`
pub static APPROVAL: Scope = Scope {
    name: "federates_with.*.approved[]",
    example: "write {fingerprint: …, reason: …}",
    intro: "One authority that is explained.",
    keys: &[APPROVAL_KEYS],
    choose: Choose::Any,
};

record! {
    APPROVAL_KEYS of ApprovalEntry {
        fingerprint => FINGERPRINT;
        reason => REASON;
        by => BY;
    }
}

pub(in crate::config) const FINGERPRINT: Key = Key::new(
    "fingerprint",
    Kind::Fingerprint,
    "The authority's fingerprint in full: `sha256:` and 64 lower-case hex digits.",
)
.required();

pub(super) const REASON: Key =
    Key::new("reason", Kind::Text { max: 1024 }, "Why, for those who read it at 03:00.").required();

pub(super) const BY: Key =
    Key::new("by", Kind::Text { max: 256 }, "The person who decided.").or_else("the configuration");

/// `announced[]`
pub static ANNOUNCEMENT: Scope = Scope {
    name: "federates_with.*.announced[]",
    example: "write {use: jwt-svid, not_before: …, not_after: …, reason: …}",
    intro: "Authorities that will be published.",
    keys: &[ANNOUNCEMENT_KEYS],
    choose: Choose::Any,
};

record! {
    ANNOUNCEMENT_KEYS of AnnouncementEntry {
        svid_type => Key::new(
            "use", Kind::Choice(&["x509-svid", "jwt-svid", "wit-svid"]),
            "What they sign, as the bundle's `use` has it.",
        ).required();
        count => Key::new("count", Kind::Count { min: 1, max: 64 }, "The number of authorities.")
            .or("1");
        not_before => NOT_BEFORE;
        not_after => NOT_AFTER;
        key_type => Key::new(
            "key_type", Kind::KeyType,
            "The type of their keys, where that differs from those before: `ec-p256`, `ec-p384`, \
             `ec-p521`, `ed25519`, `rsa-2048`, `rsa-3072`, `rsa-4096`, …",
        ).or_else("as before");
        max_lifetime => Key::new(
            "max_lifetime", Kind::Duration { min: minutes(1), max: days(36_600) },
            "The longest lifetime that they may have, where that differs from those before.",
        ).or_else("as before");
        reason => REASON;
        by => BY;
    }
}

pub(super) const NOT_BEFORE: Key =
    Key::new("not_before", Kind::Moment, "The earliest moment at which they are published.")
        .required();

pub(super) const NOT_AFTER: Key = Key::new(
    "not_after",
    Kind::Moment,
    "The latest moment at which they are published, at most 366 days after the earliest.",
)
.required();

/// `outages[]`
pub static OUTAGE: Scope = Scope {
    name: "federates_with.*.outages[]",
    example: "write {not_before: …, not_after: …, reason: …}",
    intro: "An outage that is announced.",
    keys: &[OUTAGE_KEYS],
    choose: Choose::Any,
};

record! {
    OUTAGE_KEYS of OutageEntry {
        not_before => Key::new("not_before", Kind::Moment, "When the outage begins.").required();
        not_after => Key::new("not_after", Kind::Moment, "When it ends, at most 30 days later.")
            .required();
        reason => REASON;
        by => BY;
    }
}
