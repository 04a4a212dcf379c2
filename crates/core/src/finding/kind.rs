//! The findings' catalogue.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Severity;
use crate::spiffe::TrustDomain;

/// Whether a finding waits for someone, or ends by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Nature {
    /// A fact that someone must look at: it stays open until a decision, or an explanation.
    Event,
    /// It is true now, and ends by itself.
    Condition,
}

/// What a finding is about: one trust domain, a matter of several, or anchorwatch itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// One trust domain, which its `trust_domain` label names.
    TrustDomain,
    /// A matter of several: its `trust_domain` label is empty, and it is reported once, in the
    /// journal of one of them.
    Federation,
    /// Anchorwatch itself: its `trust_domain` label is empty, and no journal has it.
    Watch,
}

macro_rules! catalogue {
    ($($nature:ident $variant:ident $label:literal $severity:ident: $raised:literal, ends $clears:literal;)*) => {
        /// What a finding is about: a closed set, whose labels are a documented contract.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        pub enum FindingKind {
            $(#[doc = $raised] #[serde(rename = $label)] $variant,)*
        }

        impl FindingKind {
            /// All of them, event findings first.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Their labels, in the same order.
            pub const LABELS: &[&'static str] = &[$($label,)*];

            /// The label in metrics and output.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)*
                }
            }

            /// Whether it waits for someone.
            pub fn nature(self) -> Nature {
                match self {
                    $(Self::$variant => Nature::$nature,)*
                }
            }

            /// The most urgent that it is by default.
            pub fn severity(self) -> Severity {
                match self {
                    $(Self::$variant => Severity::$severity,)*
                }
            }

            /// When it is raised, as a sentence.
            pub fn raised(self) -> &'static str {
                match self {
                    $(Self::$variant => $raised,)*
                }
            }

            /// What ends it, as the rest of a sentence.
            pub fn clears(self) -> &'static str {
                match self {
                    $(Self::$variant => $clears,)*
                }
            }
        }
    };
}

catalogue! {
    Event UnexpectedAuthority "unexpected_authority" Critical:
        "A new authority that nothing explains.",
        ends "when it is approved, announced or denied and gone";
    Event KeyRebound "key_rebound" Critical:
        "A known key ID carries another key, or one key ID stands twice in a document.",
        ends "by `ack`, or when the key is approved";
    Event Equivocation "equivocation" Critical:
        "One sequence number, two key sets.",
        ends "by `ack`";
    Event Rollback "rollback" Critical:
        "The sequence fell, or an old state came back, for longer than replicas may lag.",
        ends "by `ack`, which moves the high-water mark";
    Event AuthorityResurrected "authority_resurrected" Critical:
        "A removed authority is published again.",
        ends "by `ack`, or when the key is approved";
    Event PrivateKeyPublished "private_key_published" Critical:
        "A private key, or a symmetric one, stands in the document.",
        ends "by `ack`, once the key is gone";
    Event ForeignAuthority "foreign_authority" Critical:
        "An authority that names another trust domain, or another trust domain's key set served here.",
        ends "by `ack`, or when the key is approved";
    Event AuthorityShared "authority_shared" Warning:
        "One public key in several trust domains, or under two uses.",
        ends "by `ack`, or when the key is approved";
    Event EarlyRemoval "early_removal" Warning:
        "An authority was removed before everything that it had signed can have expired.",
        ends "by `ack`";
    Event RotationViolated "rotation_violated" Warning:
        "A finished hand-over broke one of the two laws of rotation.",
        ends "by `ack`";
    Event HiddenChange "hidden_change" Warning:
        "The sequence moved further than what was seen.",
        ends "by `ack`";
    Event EndpointChanged "endpoint_changed" Warning:
        "The endpoint's key type, its web issuer, its redirect target or its network changed together with keys.",
        ends "by `ack`";
    Event UnlistedSigner "unlisted_signer" Critical:
        "A token was sighted whose key ID no bundle of its trust domain lists in time.",
        ends "by `ack`";
    Event TokenLifetime "token_lifetime" Warning:
        "A token was sighted that lives longer than `max_jwt_svid_ttl` says.",
        ends "by `ack`";
    Event Churn "churn" Critical:
        "The trust domain exceeds its daily budget: changes are recorded in reduced form.",
        ends "by `ack`";
    Event FindingsFlood "findings_flood" Critical:
        "More findings of one kind came up than are listed one by one: the rest is counted.",
        ends "by `ack`, or when all of them are listed";
    Event EndpointBundleMismatch "endpoint_bundle_mismatch" Warning:
        "The served bundle lacks the authority that its own endpoint's certificate chains to.",
        ends "by `ack`";
    Event IssuerChanged "issuer_changed" Warning:
        "A rotation on its date brought a key of another lifetime.",
        ends "by `ack`";
    Event IssuerUnlearned "issuer_unlearned" Warning:
        "The issuer's rhythm is not learned yet, so new authorities cannot be judged by it.",
        ends "by itself once the rhythm is learned, or by `ack`";
    Event ObservationGap "observation_gap" Info:
        "The monitor itself was away.",
        ends "by `ack`, or unreviewed after 30 days";
    Condition InFlightRisk "in_flight_risk" Critical:
        "Tokens that a removed key signed may still be alive.",
        ends "when the last of them has expired";
    Condition RotationOverdue "rotation_overdue" Critical:
        "A lineage missed the date of its next authority.",
        ends "with its next authority, its replacement, its end, or `retire-lineage`";
    Condition AuthorityLifetime "authority_lifetime" Critical:
        "The newest explained X.509 authority of the bundle runs out.",
        ends "with a newer one";
    Condition LeadTooShort "lead_too_short" Critical:
        "A published key will sign before a declared consumer is sure to hold it.",
        ends "when the key signs";
    Condition LockoutImminent "lockout_imminent" Critical:
        "Polls fail, and soon the endpoint cannot be authenticated any more.",
        ends "with the next good poll";
    Condition SourceStale "source_stale" Warning:
        "No good poll for three intervals.",
        ends "with the next good poll";
    Condition TrustDomainBlind "trust_domain_blind" Critical:
        "No good poll for so long that changes may have been missed.",
        ends "with the next good poll";
    Condition EndpointUnauthenticated "endpoint_unauthenticated" Critical:
        "In two polls running the endpoint could not prove who it is, or an answer rests on a denied key.",
        ends "with the next good poll; for a denied key, once good polls were made without it for ten intervals";
    Condition BootstrapUnusable "bootstrap_unusable" Critical:
        "There is nothing to authenticate the endpoint with.",
        ends "with a usable bootstrap file";
    Condition BaselineMissing "baseline_missing" Warning:
        "There is nothing to compare the bundle with.",
        ends "by `baseline`, or `baseline: trust_on_first_use`";
    Condition BundleEmpty "bundle_empty" Critical:
        "The bundle has no usable authority.",
        ends "with a usable authority";
    Condition SvidTypeVanished "svid_type_vanished" Critical:
        "The bundle has no authority of a use that it had.",
        ends "with an authority of that use, or by `ack`";
    Condition ReplicasDisagree "replicas_disagree" Warning:
        "The endpoint's answers differ for longer than replicas may lag.",
        ends "when they agree";
    Condition ConsumerRejects "consumer_rejects" Critical:
        "A consumer would refuse this document.",
        ends "with a document that it takes";
    Condition RefreshHint "refresh_hint" Warning:
        "The refresh hint is missing, unusable, over a day, or was raised a lot.",
        ends "with a good hint";
    Condition PruningStalled "pruning_stalled" Warning:
        "Expired authorities stay in the bundle.",
        ends "when they are gone";
    Condition WeakAuthority "weak_authority" Warning:
        "An authority's key is one that consumers refuse or should.",
        ends "when it is gone";
    Condition IrregularDocument "irregular_document" Info:
        "The document departs from the standard.",
        ends "with a regular document";
    Condition ClockSkew "clock_skew" Warning:
        "The issuer's clock and the monitor's differ by more than `clock_skew`.",
        ends "when they agree";
    Condition SchedulerStalled "scheduler_stalled" Critical:
        "The scheduler has stopped: no trust domain is polled.",
        ends "once the scheduler turns again";
    Condition StateNotPersisted "state_not_persisted" Critical:
        "The store cannot be written: what happens is unrecorded, and a restart would forget it.",
        ends "once all that waits was written";
    Condition StoreDamaged "store_damaged" Critical:
        "Something stored is not as it was written, or a file of the store was touched while it was open.",
        ends "with a check of the whole store that finds nothing, an hour or more after a fault was last seen";
}

impl FindingKind {
    /// The kind of this label.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.label() == label)
    }

    /// Whether it is about one trust domain, about several, or about none.
    pub fn scope(self) -> Scope {
        if self == Self::AuthorityShared {
            Scope::Federation
        } else if self.is_about_the_watch() {
            Scope::Watch
        } else {
            Scope::TrustDomain
        }
    }

    /// The `trust_domain` label of such a finding of this trust domain's journal.
    pub fn trust_domain_label(self, recorded_by: &TrustDomain) -> &str {
        match self.scope() {
            Scope::TrustDomain => recorded_by.as_str(),
            Scope::Federation | Scope::Watch => "",
        }
    }

    /// Whether it is about anchorwatch itself, and so about no trust domain.
    pub fn is_about_the_watch(self) -> bool {
        matches!(self, Self::SchedulerStalled | Self::StateNotPersisted | Self::StoreDamaged)
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl FindingKind {
    /// What to do first, as a sentence.
    pub fn first_step(self) -> &'static str {
        match self {
            Self::UnexpectedAuthority => {
                "ask the partner, over another way, whether this whole fingerprint is theirs; `anchorwatch show FINGERPRINT` has all that is on record, then `approve` or `deny`."
            }
            Self::AuthorityShared => {
                "`anchorwatch show SUBJECT` lists every trust domain that publishes the key; ask their operators whether they share it on purpose, and declare that in `shared_authorities`."
            }
            Self::KeyRebound | Self::ForeignAuthority | Self::AuthorityResurrected => {
                "compare the fingerprint with the partner's over another way; `anchorwatch show FINGERPRINT` says where it stood and when."
            }
            Self::Equivocation | Self::Rollback | Self::ReplicasDisagree | Self::HiddenChange => {
                "ask the partner for a restore, a failover or a taint at that time; `anchorwatch events --trust-domain NAME` has the sequence numbers."
            }
            Self::PrivateKeyPublished => {
                "tell the partner to revoke that authority now; what it signed cannot be told from a forgery."
            }
            Self::EarlyRemoval | Self::RotationViolated | Self::InFlightRisk => {
                "tell the partner which workloads may see refused tokens until the moment named, and ask what was revoked."
            }
            Self::EndpointChanged | Self::EndpointBundleMismatch => {
                "ask the partner whether the endpoint was moved; compare its address and certificate with theirs."
            }
            Self::UnlistedSigner | Self::TokenLifetime => {
                "find out who issued the token: the relying party that reported it has it."
            }
            Self::Churn => {
                "look at what changes so often: `anchorwatch events --trust-domain NAME`."
            }
            Self::FindingsFlood => {
                "its evidence counts what is not listed by kind; ask the partner what is being published, and `anchorwatch authorities --trust-domain NAME` lists the keys themselves."
            }
            Self::IssuerChanged | Self::IssuerUnlearned => {
                "ask the partner for its `ca_ttl` and mode, and set `issuer`."
            }
            Self::ObservationGap => "look at why the monitor was away.",
            Self::RotationOverdue | Self::AuthorityLifetime => {
                "ask the partner whether its server rotates: `spire-server healthcheck`, and its logs for `Unable to rotate`; `retire-lineage` where a server was taken away on purpose."
            }
            Self::LeadTooShort => {
                "lengthen the partner's `ca_ttl`, or let the consumer poll more often."
            }
            Self::LockoutImminent | Self::EndpointUnauthenticated | Self::BootstrapUnusable => {
                "get the partner's bundle by another way (`spire-server bundle show -format spiffe`), compare its fingerprints, and `anchorwatch rebootstrap`."
            }
            Self::SourceStale | Self::TrustDomainBlind => {
                "look at the failure that the evidence names: name, network, certificate or answer."
            }
            Self::BaselineMissing => {
                "compare the listed fingerprints with the partner's, then `anchorwatch baseline DOMAIN`."
            }
            Self::BundleEmpty | Self::SvidTypeVanished => {
                "ask the partner whether that was meant: consumers refuse every SVID of it."
            }
            Self::ConsumerRejects | Self::IrregularDocument | Self::RefreshHint => {
                "`anchorwatch lint URL` names the place and the clause."
            }
            Self::PruningStalled | Self::WeakAuthority => {
                "tell the partner; expired and weak authorities cost consumers and hide others."
            }
            Self::ClockSkew => "look at NTP on both sides.",
            Self::SchedulerStalled => "keep the daemon's log, and restart the daemon.",
            Self::StateNotPersisted => {
                "look at the disk: space, permissions, errors; do not restart before it can be written, since a restart forgets what waits."
            }
            Self::StoreDamaged => {
                "keep a copy of the store's directory, then run `anchorwatch store verify`, and look at the disk and at who may write there."
            }
        }
    }
}
