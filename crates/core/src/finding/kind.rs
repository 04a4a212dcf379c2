//! The findings' catalogue.

use std::fmt;

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
pub enum FindingScope {
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
        closed_set! {
            /// What a finding is about: a closed set, whose labels are a documented contract.
            /// Event findings come first.
            pub enum FindingKind {
                $(#[doc = $raised] $variant => $label,)*
            }
        }

        impl FindingKind {
            /// Whether it waits for someone.
            pub fn nature(self) -> Nature {
                match self {
                    $(Self::$variant => Nature::$nature,)*
                }
            }

            /// The most urgent severity that the judgement drafts for it, unless the operator's
            /// `severity` says otherwise.
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
        "A new authority appeared that no scheduled rotation, announcement or approval explains.",
        ends "when the authority is approved or announced, or is denied and no longer published";
    Event KeyRebound "key_rebound" Critical:
        "A known key ID now belongs to another key, or the bundle lists one key ID for two keys.",
        ends "by `ack`, or when the key is approved";
    Event Equivocation "equivocation" Critical:
        "Two key sets were served under one sequence number.",
        ends "by `ack`";
    Event Rollback "rollback" Critical:
        "The sequence number decreased, or an earlier key set was served again, for longer than `replica_lag` allows.",
        ends "by `ack`, which moves the high-water mark";
    Event AuthorityResurrected "authority_resurrected" Critical:
        "A removed authority is published again.",
        ends "by `ack`, or when the key is approved";
    Event PrivateKeyPublished "private_key_published" Critical:
        "The bundle contains a private key or a symmetric key.",
        ends "by `ack`, once the key is no longer published";
    Event ForeignAuthority "foreign_authority" Critical:
        "An authority names another trust domain, or the endpoint serves another trust domain's key set.",
        ends "by `ack`, or when the key is approved";
    Event AuthorityShared "authority_shared" Warning:
        "One public key is published by several trust domains, or under two uses.",
        ends "by `ack`, or when the key is approved";
    Event EarlyRemoval "early_removal" Warning:
        "An authority was removed before everything that it had signed can have expired.",
        ends "by `ack`";
    Event RotationViolated "rotation_violated" Warning:
        "A completed hand-over broke one of the two laws of rotation.",
        ends "by `ack`";
    Event HiddenChange "hidden_change" Warning:
        "The sequence number increased by more than the observed changes account for.",
        ends "by `ack`";
    Event EndpointChanged "endpoint_changed" Warning:
        "The endpoint's key type, web issuer, redirect target or network changed together with keys.",
        ends "by `ack`";
    Event UnlistedSigner "unlisted_signer" Critical:
        "A token was sighted, and no bundle of its trust domain listed its key ID in time.",
        ends "by `ack`";
    Event TokenLifetime "token_lifetime" Warning:
        "A token was sighted whose lifetime is longer than `max_jwt_svid_ttl`.",
        ends "by `ack`";
    Event Churn "churn" Critical:
        "The trust domain exceeds its daily budget: its changes are recorded in reduced form.",
        ends "by `ack`";
    Event FindingsFlood "findings_flood" Critical:
        "There are more findings of one kind than are listed one by one: the rest are only counted.",
        ends "by `ack`, or when all of them are listed";
    Event EndpointBundleMismatch "endpoint_bundle_mismatch" Warning:
        "The served bundle lacks the authority that its own endpoint's certificate chains to.",
        ends "by `ack`";
    Event IssuerChanged "issuer_changed" Warning:
        "A rotation at its expected time published a key with another lifetime than the keys before it.",
        ends "by `ack`";
    Event IssuerUnlearned "issuer_unlearned" Warning:
        "The issuer's schedule is not learned yet, so new authorities cannot be compared with it.",
        ends "by itself once the schedule is learned, or by `ack`";
    Event ObservationGap "observation_gap" Info:
        "Polling was interrupted, and changes may have been missed.",
        ends "by `ack`, or unreviewed after 30 days";
    Condition InFlightRisk "in_flight_risk" Critical:
        "Unexpired tokens may exist that a removed key signed.",
        ends "when the last of them has expired";
    Condition RotationOverdue "rotation_overdue" Critical:
        "The next authority of a lineage was not published by its deadline.",
        ends "with the lineage's next authority, its replacement, its end, or `retire-lineage`";
    Condition AuthorityLifetime "authority_lifetime" Critical:
        "The newest explained X.509 authority of the bundle expires soon.",
        ends "with a newer one";
    Condition LeadTooShort "lead_too_short" Critical:
        "A published key will sign before a declared consumer is certain to have fetched it.",
        ends "when the key signs";
    Condition LockoutImminent "lockout_imminent" Critical:
        "Polls fail, and the authorities that can authenticate the endpoint expire soon.",
        ends "with the next good poll; once the lockout has passed, `locked_out` replaces it";
    Condition LockedOut "locked_out" Critical:
        "The stored authorities may no longer authenticate the endpoint, and no poll has succeeded since.",
        ends "with `rebootstrap`, or a poll that authenticates the endpoint after all";
    Condition SourceStale "source_stale" Warning:
        "No poll has succeeded for three poll intervals.",
        ends "with the next good poll";
    Condition TrustDomainBlind "trust_domain_blind" Critical:
        "No poll has succeeded for so long that changes may have been missed.",
        ends "with the next good poll";
    Condition EndpointUnauthenticated "endpoint_unauthenticated" Critical:
        "The endpoint could not be authenticated in two consecutive polls, or only a denied key authenticates an answer.",
        ends "with the next good poll; for a denied key, after ten intervals of good polls without it";
    Condition BootstrapUnusable "bootstrap_unusable" Critical:
        "No usable trust anchor is left to authenticate the endpoint with.",
        ends "with a usable bootstrap file";
    Condition BaselineMissing "baseline_missing" Warning:
        "No confirmed first bundle exists to compare the bundle with.",
        ends "by `baseline`, or `baseline: trust_on_first_use`";
    Condition BundleEmpty "bundle_empty" Critical:
        "The bundle has no usable authority.",
        ends "with a usable authority";
    Condition SvidTypeVanished "svid_type_vanished" Critical:
        "The bundle no longer has an authority of a use that it had before.",
        ends "with an authority of that use, or by `ack`";
    Condition ReplicasDisagree "replicas_disagree" Warning:
        "The endpoint's answers differ for longer than `replica_lag` allows.",
        ends "when they agree";
    Condition ConsumerRejects "consumer_rejects" Critical:
        "A consumer would refuse this document.",
        ends "with a document that the consumer accepts";
    Condition RefreshHint "refresh_hint" Warning:
        "The refresh hint is missing, unusable, longer than a day, or was raised a lot.",
        ends "with a usable refresh hint";
    Condition PruningStalled "pruning_stalled" Info:
        "Expired authorities stay in the bundle.",
        ends "when they are removed";
    Condition WeakAuthority "weak_authority" Warning:
        "An authority's key is too weak: consumers refuse it, or should.",
        ends "when the authority is removed";
    Condition IrregularDocument "irregular_document" Info:
        "The document departs from the standard.",
        ends "with a regular document";
    Condition ClockSkew "clock_skew" Warning:
        "The issuer's clock and the monitor's differ by more than `clock_skew`.",
        ends "when they agree";
    Condition SchedulerStalled "scheduler_stalled" Critical:
        "The scheduler has stopped: no trust domain is polled.",
        ends "once the scheduler runs again";
    Condition StateNotPersisted "state_not_persisted" Critical:
        "The store cannot be written: new events are held in memory only, and a restart would lose them.",
        ends "once all waiting events are written";
    Condition StoreDamaged "store_damaged" Critical:
        "Stored data differs from what was written, or another process changed a file of the store while it was open.",
        ends "with a check of the whole store that finds no fault, an hour or more after the last fault";
}

impl FindingKind {
    /// Whether it is about one trust domain, about several, or about none.
    pub fn scope(self) -> FindingScope {
        if self == Self::AuthorityShared {
            FindingScope::Federation
        } else if self.is_about_the_watch() {
            FindingScope::Watch
        } else {
            FindingScope::TrustDomain
        }
    }

    /// The `trust_domain` label of such a finding of this trust domain's journal.
    pub fn trust_domain_label(self, recorded_by: &TrustDomain) -> &str {
        match self.scope() {
            FindingScope::TrustDomain => recorded_by.as_str(),
            FindingScope::Federation | FindingScope::Watch => "",
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
    #[expect(clippy::too_many_lines, reason = "one sentence for each kind")]
    pub fn first_step(self) -> &'static str {
        match self {
            Self::UnexpectedAuthority => {
                "ask the partner, out of band, whether the authority with this whole fingerprint is theirs; `anchorwatch show FINGERPRINT` has all that is recorded. Then `approve` or `deny` it."
            }
            Self::AuthorityShared => {
                "`anchorwatch show SUBJECT` lists every trust domain that publishes the key; ask their operators whether they share it on purpose, and declare that in `shared_authorities`."
            }
            Self::KeyRebound | Self::ForeignAuthority | Self::AuthorityResurrected => {
                "compare the fingerprint with the partner's, out of band; `anchorwatch show FINGERPRINT` lists where and when it was published."
            }
            Self::Equivocation | Self::Rollback | Self::ReplicasDisagree | Self::HiddenChange => {
                "ask the partner whether there was a restore, a failover or a taint at that time; `anchorwatch events --trust-domain NAME` has the sequence numbers."
            }
            Self::PrivateKeyPublished => {
                "tell the partner to revoke that authority now: anyone who has the key can forge what it signs."
            }
            Self::EarlyRemoval | Self::RotationViolated | Self::InFlightRisk => {
                "tell the partner that tokens may be refused until the time in the evidence, and ask what was revoked."
            }
            Self::EndpointChanged | Self::EndpointBundleMismatch => {
                "ask the partner whether the endpoint was moved, and compare its address and certificate with theirs."
            }
            Self::UnlistedSigner | Self::TokenLifetime => {
                "find out who issued the token: the relying party that reported it has the token."
            }
            Self::Churn => {
                "find out what changes so often: `anchorwatch events --trust-domain NAME`."
            }
            Self::FindingsFlood => {
                "the evidence has the number of findings that are not listed; ask the partner what is being published. `anchorwatch authorities --trust-domain NAME` lists the keys themselves."
            }
            Self::IssuerChanged | Self::IssuerUnlearned => {
                "ask the partner for its `ca_ttl` and mode, and set `issuer`."
            }
            Self::ObservationGap => {
                "find out why polling was interrupted; the daemon's log may say."
            }
            Self::RotationOverdue | Self::AuthorityLifetime => {
                "ask the partner whether its server rotates: `spire-server healthcheck`, and its logs for `Unable to rotate`; run `anchorwatch retire-lineage` where a server was removed on purpose."
            }
            Self::LeadTooShort => {
                "lengthen the partner's `ca_ttl`, or let the consumer poll more often."
            }
            Self::LockoutImminent
            | Self::LockedOut
            | Self::EndpointUnauthenticated
            | Self::BootstrapUnusable => {
                "get the partner's bundle out of band (`spire-server bundle show -format spiffe`), compare its fingerprints, and run `anchorwatch rebootstrap`."
            }
            Self::SourceStale | Self::TrustDomainBlind => {
                "look at the failure that the evidence names: name resolution, network, certificate or answer."
            }
            Self::BaselineMissing => {
                "compare the listed fingerprints with the partner's, then run `anchorwatch baseline DOMAIN`."
            }
            Self::BundleEmpty | Self::SvidTypeVanished => {
                "ask the partner whether this was intended: consumers refuse every SVID of that use."
            }
            Self::ConsumerRejects | Self::IrregularDocument | Self::RefreshHint => {
                "run `anchorwatch lint URL`, which names the place in the document and the clause of the standard."
            }
            Self::PruningStalled | Self::WeakAuthority => {
                "tell the partner: consumers must load expired and weak authorities too, and other changes are harder to see among them."
            }
            Self::ClockSkew => "check NTP on both sides.",
            Self::SchedulerStalled => "keep the daemon's log, and restart the daemon.",
            Self::StateNotPersisted => {
                "check the disk: space, permissions, errors. Do not restart the daemon before it can write: a restart loses the waiting events."
            }
            Self::StoreDamaged => {
                "keep a copy of the store's directory, then run `anchorwatch store verify`, and check the disk and the permissions of the directory."
            }
        }
    }
}
