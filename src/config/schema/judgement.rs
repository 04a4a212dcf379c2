//! The keys that only the judgement of rotation uses.

use super::{Key, Kind, Scope, days, hours, minutes, seconds};
use anchorwatch_core::watch::{IssuerMode, JudgementPolicy};

/// `consumers`
pub static CONSUMERS: Key = Key::new(
    "consumers",
    Kind::Consumers,
    "Who uses the bundle; the slowest one's delay is how early a key must be published. `spire` is \
     the strictest profile, `spire@1.15.3` a version, `go-spiffe`, `istio`, `{cache: 10m}` \
     anything that holds a copy for so long.",
)
.or("[spire]");

/// `issuer`
pub static ISSUER: Key = Key::new(
    "issuer",
    Kind::Issuer(&ISSUER_MODELS),
    "How the partner's server rotates: `spire`, `learned`, or a mapping with one key.",
)
.or("spire");

/// `policy`
pub static POLICY: Key = Key::new(
    "policy",
    Kind::Choice(JudgementPolicy::LABELS),
    "What an unexplained authority is: `pinned` accepts approved and announced ones alone, \
     `scheduled` also those on a lineage's date, `lenient` warns of a consistent one instead of \
     paging, `observe` only records.",
)
.or("scheduled");

/// `severity`
pub static SEVERITY: Key = Key::new(
    "severity",
    Kind::Severities,
    "Severities that differ from the findings' own, by kind: `info`, `warning` or `critical`. \
     Those of a relationship count before those of `defaults`.",
)
.or("{}");

/// `approved`
pub static APPROVED: Key = Key::new(
    "approved",
    Kind::List { scope: &APPROVAL, max: 4096 },
    "Authorities that are explained, by full fingerprint. A line that goes away is a withdrawal.",
)
.or("[]");

/// `announced`
pub static ANNOUNCED: Key = Key::new(
    "announced",
    Kind::List { scope: &ANNOUNCEMENT, max: 4096 },
    "Authorities that are to come. The first that matches consumes the announcement.",
)
.or("[]");

/// `outages`
pub static OUTAGES: Key = Key::new(
    "outages",
    Kind::List { scope: &OUTAGE, max: 4096 },
    "When the endpoint is to be away: `source_stale` and `trust_domain_blind` are held back \
     meanwhile, and for three intervals after.",
)
.or("[]");

/// `issuer`
pub static ISSUER_MODELS: Scope = Scope {
    name: "issuer",
    example: "write {spire: {ca_ttl: 24h}} or {declared: {interval: 30d}}",
    intro: "One of these, where a word is not enough.",
    keys: &[&[&ISSUER_SPIRE_SECTION, &ISSUER_DECLARED_SECTION]],
};

/// `issuer.spire`
pub static ISSUER_SPIRE_SECTION: Key =
    Key::new("spire", Kind::Mapping(&ISSUER_SPIRE), "A SPIRE server.").or_else("the other");

/// `issuer.declared`
pub static ISSUER_DECLARED_SECTION: Key = Key::new(
    "declared",
    Kind::Mapping(&ISSUER_DECLARED),
    "An issuer that publishes a key in each interval.",
)
.or_else("the other");

/// `issuer.spire`
pub static ISSUER_SPIRE: Scope = Scope {
    name: "issuer.spire",
    example: "write for example {ca_ttl: 24h}",
    intro: "A SPIRE server.",
    keys: &[&[&CA_TTL, &MODE, &LEAD]],
};

/// `issuer.spire.ca_ttl`
pub static CA_TTL: Key = Key::new(
    "ca_ttl",
    Kind::Duration { min: seconds(1), max: days(3660) },
    "The server's `ca_ttl`.",
)
.or_else("read from its certificates");

/// `issuer.spire.mode`
pub static MODE: Key = Key::new(
    "mode",
    Kind::Choice(IssuerMode::LABELS),
    "Whether its X.509 authorities are its own, or come from an upstream authority.",
)
.or_else("guessed, and the verdict says so");

/// `issuer.declared`
pub static ISSUER_DECLARED: Scope = Scope {
    name: "issuer.declared",
    example: "write for example {interval: 30d}",
    intro: "An issuer that publishes a key in each interval.",
    keys: &[&[&INTERVAL, &LEAD]],
};

/// `issuer.declared.interval`
pub static INTERVAL: Key = Key::new(
    "interval",
    Kind::Duration { min: seconds(1), max: days(3660) },
    "The time from one publication to the next.",
)
.required();

/// `issuer.*.lead`
pub static LEAD: Key = Key::new(
    "lead",
    Kind::Duration { min: seconds(0), max: days(3660) },
    "The time from a key's publication to its first signature, shorter than the interval.",
)
.or_else("as the model has it");

/// `consumers[].cache`
pub static CACHE_CONSUMER: Scope = Scope {
    name: "consumers[]",
    example: "write for example {cache: 10m}",
    intro: "A consumer that is no named one.",
    keys: &[&[&CACHE]],
};

/// `consumers[].cache`
pub static CACHE: Key = Key::new(
    "cache",
    Kind::Duration { min: seconds(1), max: days(31) },
    "How long it holds a copy before it asks again.",
)
.required();

/// `approved[]`
pub static APPROVAL: Scope = Scope {
    name: "federates_with.*.approved[]",
    example: "write {fingerprint: …, reason: …}",
    intro: "One authority that is explained.",
    keys: &[&[&FINGERPRINT, &REASON, &BY]],
};

/// `fingerprint`
pub static FINGERPRINT: Key = Key::new(
    "fingerprint",
    Kind::Fingerprint,
    "The authority's fingerprint in full: `sha256:` and 64 lower-case hex digits.",
)
.required();

/// `reason`
pub static REASON: Key =
    Key::new("reason", Kind::Text { max: 1024 }, "Why, for whoever reads it at 03:00.").required();

/// `by`
pub static BY: Key =
    Key::new("by", Kind::Text { max: 256 }, "Who decided.").or_else("the configuration");

/// `announced[]`
pub static ANNOUNCEMENT: Scope = Scope {
    name: "federates_with.*.announced[]",
    example: "write {use: jwt-svid, not_before: …, not_after: …, reason: …}",
    intro: "Authorities that are to come.",
    keys: &[&[&USE, &COUNT, &NOT_BEFORE, &NOT_AFTER, &KEY_TYPE, &MAX_LIFETIME, &REASON, &BY]],
};

/// `use`
pub static USE: Key = Key::new(
    "use",
    Kind::Choice(&["x509-svid", "jwt-svid", "wit-svid"]),
    "What they sign, as the bundle's `use` says it.",
)
.required();

/// `count`
pub static COUNT: Key = Key::new("count", Kind::Count { min: 1, max: 64 }, "How many.").or("1");

/// `not_before`
pub static NOT_BEFORE: Key =
    Key::new("not_before", Kind::Moment, "The earliest moment at which they are published.")
        .required();

/// `not_after`
pub static NOT_AFTER: Key = Key::new(
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
    keys: &[&[&AWAY_FROM, &AWAY_UNTIL, &REASON, &BY]],
};

/// `outages[].not_before`
pub static AWAY_FROM: Key =
    Key::new("not_before", Kind::Moment, "When the outage begins.").required();

/// `outages[].not_after`
pub static AWAY_UNTIL: Key =
    Key::new("not_after", Kind::Moment, "When it ends, at most 30 days later.").required();

/// `key_type`
pub static KEY_TYPE: Key = Key::new(
    "key_type",
    Kind::KeyType,
    "What their keys are made of, where that differs from those before: `ec-p256`, `ec-p384`, \
     `ec-p521`, `rsa-2048`, `rsa-3072`, `rsa-4096`, …",
)
.or_else("as before");

/// `max_lifetime`
pub static MAX_LIFETIME: Key = Key::new(
    "max_lifetime",
    Kind::Duration { min: minutes(1), max: days(36_600) },
    "The longest lifetime that they may have, where that differs from those before.",
)
.or_else("as before");

/// The longest time that an announcement may be open.
pub const MAX_WINDOW: std::time::Duration = hours(366 * 24);
