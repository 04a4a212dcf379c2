//! The keys of issuer models and of consumers.

use std::time::Duration;

use super::{days, seconds};
use crate::config::fault::Report;
use crate::config::reader::Fields;
use crate::config::schema::{Choose, Key, Kind, Scope};
use crate::config::setting::{self, Coherence as _, Record, Setting as _, record};
use crate::config::tree::Tree;
use anchorwatch_core::watch::IssuerMode;

/// `issuer`
pub static ISSUER_MODELS: Scope = Scope {
    name: "issuer",
    example: "write {spire: {ca_ttl: 24h}} or {declared: {interval: 30d}}",
    intro: "One of these, where a word is not enough.",
    keys: &[&[
        Key::new("spire", Kind::Mapping(&ISSUER_SPIRE), "A SPIRE server.").or_else("the other"),
        Key::new(
            "declared",
            Kind::Mapping(&ISSUER_DECLARED),
            "An issuer that publishes a key in each interval.",
        )
        .or_else("the other"),
    ]],
    choose: Choose::One,
};

/// `issuer.spire`
pub static ISSUER_SPIRE: Scope = Scope {
    name: "issuer.spire",
    example: "write for example {ca_ttl: 24h}",
    intro: "A SPIRE server.",
    keys: &[SPIRE_KEYS],
    choose: Choose::Any,
};

/// The keys of `issuer.spire`.
#[derive(Debug)]
pub(in crate::config) struct SpireIssuer {
    pub(in crate::config) ca_ttl: Option<Duration>,
    pub(in crate::config) mode: Option<IssuerMode>,
    pub(in crate::config) lead: Option<Duration>,
}

record! {
    SPIRE_KEYS of SpireIssuer {
        ca_ttl => Key::new(
            "ca_ttl", Kind::Duration { min: seconds(1), max: days(3660) }, "The server's `ca_ttl`.",
        ).or_else("read from its certificates");
        mode => Key::new(
            "mode", Kind::Choice(IssuerMode::LABELS),
            "Whether its X.509 authorities are its own, or come from an upstream authority.",
        ).or_else("guessed, and the verdict states it");
        lead => LEAD;
    }
}

/// `issuer.declared`
pub static ISSUER_DECLARED: Scope = Scope {
    name: "issuer.declared",
    example: "write for example {interval: 30d}",
    intro: "An issuer that publishes a key in each interval.",
    keys: &[DECLARED_KEYS],
    choose: Choose::Any,
};

/// The keys of `issuer.declared`.
#[derive(Debug)]
pub(in crate::config) struct DeclaredIssuer {
    pub(in crate::config) interval: Duration,
    pub(in crate::config) lead: Option<Duration>,
}

record! {
    DECLARED_KEYS of DeclaredIssuer {
        interval => Key::new(
            "interval", Kind::Duration { min: seconds(1), max: days(3660) },
            "The time from one publication to the next.",
        ).required();
        lead => LEAD;
    }
}

pub(super) const LEAD: Key = Key::new(
    "lead",
    Kind::Duration { min: seconds(0), max: days(3660) },
    "The time from a key's publication to its first signature, shorter than the interval.",
)
.or_else("as the model has it");

/// `consumers[].cache`
pub(in crate::config) static CACHE_CONSUMER: Scope = Scope {
    name: "consumers[]",
    example: "write for example {cache: 10m}",
    intro: "A consumer without a profile of its own.",
    keys: &[&[CACHE]],
    choose: Choose::Any,
};

pub(in crate::config) const CACHE: Key = Key::new(
    "cache",
    Kind::Duration { min: seconds(1), max: days(31) },
    "How long it holds a copy before it asks again.",
)
.required();
