//! What must be said of each incident, and by when.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new variant is none of those that are named here"
)]

use std::time::Duration;

use super::{Raised, WorldRun, play};
use crate::issuer::IssuerSettings;
use crate::simulate::{
    Authentication, Incident, KeyPool, PublicationCause, RemovalKind, Scenario, Skip, WorldEvent,
};
use anchorwatch_core::finding::{FindingKind, Severity};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{JudgementPolicy, Policy};

/// By when something must be said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Latest {
    /// At the first poll that shows it.
    FirstPoll,
    /// At the first poll that is `replica_lag` later: only a second look can tell.
    AfterLag,
    /// Once a date was missed: only time can tell.
    MissedDate,
    /// When the key whose date was taken comes: until then nothing tells them apart.
    RealKey,
    /// Whenever: it is true of the end, not of the beginning.
    Eventually,
}

impl Latest {
    /// As the table words it.
    pub fn label(self) -> &'static str {
        match self {
            Self::FirstPoll => "first poll that shows it",
            Self::AfterLag => "first poll after replica_lag",
            Self::MissedDate => "missed date",
            Self::RealKey => "when the real key comes",
            Self::Eventually => "before the end",
        }
    }
}

/// What must be said of an incident.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExpectedFinding {
    /// This finding, at least so urgent, by then.
    Raised(FindingKind, Severity, Latest),
    /// Nothing critical.
    Quiet,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// What happens.
    pub incident: Incident,
    /// Under which policy.
    pub policy: JudgementPolicy,
    /// What must be said.
    pub expected: ExpectedFinding,
    /// Why it is in this list and not in the other, where one may wonder.
    pub why: &'static str,
}

const fn raised(
    incident: Incident,
    kind: FindingKind,
    severity: Severity,
    latest: Latest,
    why: &'static str,
) -> Promise {
    let expected = ExpectedFinding::Raised(kind, severity, latest);
    Promise { incident, policy: JudgementPolicy::Scheduled, expected, why }
}

const fn quiet(incident: Incident, why: &'static str) -> Promise {
    let policy = JudgementPolicy::Scheduled;
    Promise { incident, policy, expected: ExpectedFinding::Quiet, why }
}

use FindingKind as F;
use Incident as I;
use Latest::{AfterLag, Eventually, FirstPoll, MissedDate, RealKey};
use Severity::{Critical, Info, Warning};

/// The table: attacks, twins that look like them, and what must not page.
pub const ROWS: &[Promise] = &[
    raised(I::InjectedJwtNaive, F::UnexpectedAuthority, Critical, FirstPoll, ""),
    raised(I::InjectedJwtMatched, F::UnexpectedAuthority, Critical, FirstPoll, ""),
    raised(I::InjectedPair, F::UnexpectedAuthority, Critical, FirstPoll, ""),
    raised(
        I::InjectedJwtTimed,
        F::UnexpectedAuthority,
        Critical,
        RealKey,
        "it looks scheduled until the real key finds its date taken",
    ),
    Promise {
        incident: I::InjectedJwtTimed,
        policy: JudgementPolicy::Pinned,
        expected: ExpectedFinding::Raised(F::UnexpectedAuthority, Critical, FirstPoll),
        why: "under pinned a date explains nothing",
    },
    raised(I::InjectedRoot, F::UnexpectedAuthority, Critical, FirstPoll, ""),
    raised(I::ReboundKid, F::KeyRebound, Critical, FirstPoll, ""),
    raised(I::ForeignKey, F::ForeignAuthority, Critical, FirstPoll, ""),
    raised(
        I::ShortLivedKey,
        F::HiddenChange,
        Warning,
        FirstPoll,
        "the key itself is never seen, its two sequence numbers are",
    ),
    raised(I::KeyFlood, F::UnexpectedAuthority, Critical, FirstPoll, ""),
    raised(I::Rollback, F::Rollback, Critical, AfterLag, "a replica may lag"),
    raised(I::Freeze, F::RotationOverdue, Warning, MissedDate, "an unchanged bundle is none"),
    raised(I::Equivocation, F::Equivocation, Critical, FirstPoll, ""),
    raised(I::MixAndMatch, F::Equivocation, Critical, FirstPoll, ""),
    raised(I::EarlyRevokeByAttacker, F::EarlyRemoval, Warning, FirstPoll, ""),
    // The same on the wire as an attack.
    raised(I::RestartKeysLost, F::UnexpectedAuthority, Critical, FirstPoll, ""),
    raised(I::ScaleOut, F::UnexpectedAuthority, Critical, FirstPoll, ""),
    raised(I::ForcedRotation, F::UnexpectedAuthority, Critical, FirstPoll, ""),
    raised(I::ForcedRotationX509, F::UnexpectedAuthority, Critical, FirstPoll, ""),
    raised(I::RootChange, F::UnexpectedAuthority, Critical, FirstPoll, ""),
    raised(I::DatabaseRestore, F::Rollback, Critical, AfterLag, ""),
    raised(I::DatabaseRestoreRecent, F::UnexpectedAuthority, Critical, FirstPoll, ""),
    raised(I::SplitBrain, F::UnexpectedAuthority, Critical, FirstPoll, ""),
    raised(I::ForkedDatabase, F::ReplicasDisagree, Warning, Eventually, "each poll sees one side"),
    raised(I::ReAppend, F::AuthorityResurrected, Critical, FirstPoll, ""),
    raised(
        I::ConstantSequence,
        F::Equivocation,
        Critical,
        Eventually,
        "the next rotation shows it",
    ),
    raised(I::EmptiedBundle, F::BundleEmpty, Critical, FirstPoll, ""),
    raised(I::ReusedKid, F::KeyRebound, Critical, FirstPoll, ""),
    raised(I::SwappedUrl, F::ForeignAuthority, Critical, FirstPoll, ""),
    raised(
        I::StallOfOne,
        F::RotationOverdue,
        Warning,
        MissedDate,
        "the other replicas go on, and its own endpoint fails when its last key ends",
    ),
    raised(
        I::LagBeyond,
        F::ReplicasDisagree,
        Warning,
        Eventually,
        "it lags by more than replica_lag says",
    ),
    raised(
        I::ClockStepAhead,
        F::ObservationGap,
        Info,
        FirstPoll,
        "a monitor whose clock is ten minutes off misdates what it sees, and may page",
    ),
    raised(
        I::ClockStepBack,
        F::ObservationGap,
        Info,
        Eventually,
        "as the step ahead; the way back is a step ahead",
    ),
    raised(I::EarlyRevoke, F::EarlyRemoval, Warning, Eventually, "its revocation comes later"),
    raised(
        I::StallOfAll,
        F::RotationOverdue,
        Critical,
        MissedDate,
        "an endpoint that cannot rotate ends",
    ),
    raised(I::CaTtlTenfold, F::UnexpectedAuthority, Critical, Eventually, "over fourfold"),
    raised(I::ScaleIn, F::RotationOverdue, Warning, MissedDate, "as a stall, until it is retired"),
    // What must not page.
    quiet(I::RestartKeysKept, ""),
    quiet(I::ScaleIn, ""),
    quiet(I::StallOfJwt, "the other replicas go on"),
    quiet(I::PreparationRetried, ""),
    quiet(
        I::LongAbsence,
        "its server kept its keys, and comes back late; but for two polls that meet what it signs first",
    ),
    quiet(I::Taint, ""),
    quiet(I::RevokeAfterExpiry, ""),
    quiet(I::CaTtlHalved, ""),
    quiet(I::CaTtlDoubled, ""),
    quiet(I::CaTtlFourfold, ""),
    quiet(I::LagWithin, ""),
    quiet(I::CdnLag, "where replica_lag allows for it: three minutes here"),
    quiet(I::MissedPolls, ""),
    quiet(
        I::EndpointOutage,
        "but for the outage itself, which pages as it lasts, and what runs out in it",
    ),
    quiet(
        I::MonitorOutage,
        "but for a lockout that it found after the interruption, and what ran out meanwhile",
    ),
    quiet(I::IssuerClockAhead, ""),
    quiet(I::IssuerClockBehind, ""),
    quiet(I::LatePrune, ""),
    quiet(I::Nested, ""),
    quiet(I::Upstream, ""),
];

/// How a row did.
#[derive(Clone, Copy, Debug, Default)]
pub struct IncidentRow {
    /// How many worlds were played.
    pub worlds: usize,
    /// In how many of them the promise was kept.
    pub kept: usize,
    /// Findings that were ever critical, in all of them.
    pub critical: usize,
}

impl IncidentRow {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            worlds: self.worlds + other.worlds,
            kept: self.kept + other.kept,
            critical: self.critical + other.critical,
        }
    }
}

/// How long an incident goes on to change the state.
const SETTLES: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

impl Promise {
    /// The scenario of it under a seed: three replicas, and a day's `ca_ttl`.
    pub fn scenario(&self, name: &TrustDomain, seed: u64) -> Scenario {
        let mut scenario = Scenario::clean(name.clone(), 3, IssuerSettings::spire(DAY));
        scenario.lasts = DAY * 6;
        scenario.observer.skip = Some(Skip { sparse: DAY / 48, lone_failures: true });
        // What a live client would be locked out of is judged as a recording is, where the row asks
        // what is said of the bundle.
        if matches!(self.incident, I::Rollback | I::SwappedUrl | I::StallOfAll | I::EndpointOutage)
        {
            scenario.observer.authentication = Authentication::Recorded;
        }
        if self.incident == I::CdnLag {
            scenario.observer.replica_lag = Duration::from_mins(5);
        }
        let after = DAY * 3 + Duration::from_secs(seed.wrapping_mul(104_729) % 43_200);
        scenario.with(after, self.incident)
    }

    /// Whether this finding breaks a promise of quiet.
    fn breaks(&self, raised: &Raised) -> bool {
        // That nothing answers is true, and urgent by its own rules (docs/judgement.md#silence):
        // what is promised
        // is that nothing else is made of it.
        let silence = match self.incident {
            I::EndpointOutage | I::MonitorOutage => matches!(
                raised.finding.kind,
                F::TrustDomainBlind
                    | F::LockoutImminent
                    | F::LockedOut
                    | F::EndpointUnauthenticated
                    | F::AuthorityLifetime
            ),
            // What comes back after its keys have ended signs at once with one that nobody holds:
            // two polls running may meet it, as they may meet a restart without keys.
            I::LongAbsence => {
                matches!(raised.finding.kind, F::EndpointUnauthenticated | F::LockedOut)
            }
            _ => false,
        };
        raised.finding.severity == Critical && !silence
    }

    /// Plays it once.
    pub fn play(&self, name: &TrustDomain, seed: u64, keys: &KeyPool) -> (IncidentRow, WorldRun) {
        let scenario = self.scenario(name, seed);
        let policy = Policy { judgement: self.policy, ..scenario.policy() };
        let world_run = play(&scenario, seed, &policy, keys);
        let kept = match self.expected {
            ExpectedFinding::Quiet => !world_run.raised.iter().any(|raised| self.breaks(raised)),
            ExpectedFinding::Raised(kind, severity, latest) => {
                let limit = limit(&world_run, &scenario, kind, latest);
                world_run.of(kind).any(|raised| {
                    severity <= raised.finding.severity
                        && limit.is_some_and(|limit| raised.at <= limit)
                })
            }
        };
        let row = IncidentRow { worlds: 1, kept: usize::from(kept), critical: world_run.pages() };
        (row, world_run)
    }
}

/// The latest moment at which it must be said.
fn limit(
    world_run: &WorldRun,
    scenario: &Scenario,
    kind: FindingKind,
    latest: Latest,
) -> Option<Timestamp> {
    let began = world_run.truth.iter().find_map(|truth| match truth.what {
        WorldEvent::Began { .. } => Some(truth.at),
        _ => None,
    })?;
    let actions =
        world_run.truth.iter().filter(|truth| began <= truth.at && is_action(&truth.what));
    // A key is told by the poll that shows it, whatever else the incident did before.
    let publications =
        actions.clone().filter(|truth| matches!(truth.what, WorldEvent::Publication { .. }));
    let publication = publications.map(|truth| truth.at).min();
    let first = actions.clone().map(|truth| truth.at).min();
    let of_keys = kind == FindingKind::UnexpectedAuthority;
    let action = publication.filter(|_| of_keys).or(first).unwrap_or(began);
    // A second look must agree with the first: the state must be done changing.
    let settled = actions.map(|truth| truth.at).filter(|at| at.since(action) < Some(SETTLES)).max();
    let action = if latest == AfterLag { settled.unwrap_or(action) } else { action };
    let shown = world_run.good.iter().copied().find(|good| action <= *good)?;
    let period = scenario.issuer.period();
    Some(match latest {
        FirstPoll => shown,
        AfterLag => {
            let lag = scenario.observer.replica_lag;
            let next = world_run
                .good
                .iter()
                .copied()
                .find(|good| good.since(shown).is_some_and(|waited| lag <= waited));
            next?
        }
        MissedDate | RealKey => shown.saturating_add(period).saturating_add(period / 4),
        Eventually => Timestamp::from_unix_micros(i64::MAX),
    })
}

/// Whether this is what the incident does to the bundle.
fn is_action(what: &WorldEvent) -> bool {
    match what {
        WorldEvent::Publication { kind, .. } => match kind {
            PublicationCause::Attack
            | PublicationCause::Restart
            | PublicationCause::ScaleOut
            | PublicationCause::Restore
            | PublicationCause::OtherStore
            | PublicationCause::Forced
            | PublicationCause::Root
            | PublicationCause::Appended => true,
            PublicationCause::Baseline | PublicationCause::Scheduled => false,
        },
        WorldEvent::Return { .. } => true,
        WorldEvent::Removal { why, .. } => !matches!(why, RemovalKind::Pruned),
        _ => false,
    }
}
