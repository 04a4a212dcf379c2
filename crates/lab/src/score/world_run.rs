//! One world, judged from its first poll to its last.

#![expect(clippy::similar_names, reason = "the words of the field are alike")]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new variant is none of those that are named here"
)]

use std::collections::BTreeMap;

use crate::simulate::{KeyPool, Scenario, Truth, Turn, World};
use anchorwatch_core::bundle::AuthorityId;
use anchorwatch_core::finding::{Finding, FindingId, FindingKind, Severity};
use anchorwatch_core::judge::{self, Case, JudgedPoll, PublicKeyIndex, SharedKeys};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{DomainState, Event, Facts, Policy, Recall, Standing};

/// A finding that was raised in a world.
#[derive(Clone, Debug)]
pub struct Raised {
    /// The finding, as urgent as it ever was.
    pub finding: Finding,
    /// When it was first said.
    pub at: Timestamp,
    /// When it was last true.
    pub until: Timestamp,
}

/// What a world brought, and what was said of it.
#[derive(Debug)]
pub struct WorldRun {
    /// Every finding that was raised, in the order of their time.
    pub raised: Vec<Raised>,
    /// What really happened.
    pub truth: Vec<Truth>,
    /// What each new authority was found to be when it came.
    pub standings: Vec<(AuthorityId, Standing)>,
    /// What was known at the end.
    pub state: DomainState,
    /// The good polls that were judged one by one, which are all that show anything new.
    pub good: Vec<Timestamp>,
}

impl WorldRun {
    /// The findings of a kind.
    pub fn of(&self, kind: FindingKind) -> impl Iterator<Item = &Raised> {
        self.raised.iter().filter(move |raised| raised.finding.kind == kind)
    }

    /// How many findings were ever critical.
    pub fn pages(&self) -> usize {
        self.raised.iter().filter(|one| one.finding.severity == Severity::Critical).count()
    }
}

/// Plays a world to its end and judges it, poll by poll.
pub fn play(scenario: &Scenario, seed: u64, policy: &Policy, keys: &KeyPool) -> WorldRun {
    let mut world = World::with_keys(scenario, seed, keys);
    let endpoint = endpoint(scenario);
    let mut state = DomainState::default();
    if let Some(endpoint) = &endpoint {
        let configured = Event::EndpointConfigured { endpoint: endpoint.clone(), previous: None };
        judge::record(&mut state, scenario.begins, configured, policy);
    }
    let mut raised: BTreeMap<FindingId, Raised> = BTreeMap::new();
    let mut good = Vec::new();
    let mut seen = Seen::default();
    for turn in world.by_ref() {
        let Some(endpoint) = &endpoint else { break };
        let shared = seen.judge_turn(&mut state, &turn, policy);
        if state.poll_state.last_success == Some(turn.at) {
            good.push(turn.at);
        }
        let case =
            Case { endpoint, state: &state, policy, bootstrap_fault: None, shared: Some(&shared) };
        look(&case, turn.at, &mut raised);
    }
    let mut raised: Vec<Raised> = raised.into_values().collect();
    raised.sort_by_key(|one| (one.at, one.finding.id));
    WorldRun { raised, truth: world.truth().to_vec(), standings: seen.standings, state, good }
}

/// What is carried from poll to poll beside the state.
#[derive(Default)]
struct Seen {
    keys: PublicKeyIndex,
    recall: Recall,
    standings: Vec<(AuthorityId, Standing)>,
}

impl Seen {
    fn judge_turn(&mut self, state: &mut DomainState, turn: &Turn, policy: &Policy) -> SharedKeys {
        turn.catch_up(state);
        let mut poll = turn.poll();
        self.recall.bring_back(&mut poll, &state.facts);
        let keys = &mut self.keys;
        let mut shared = |facts: &Facts, change| match facts.trust_domain() {
            Some(name) => keys.answer(name, facts, change),
            None => SharedKeys::default(),
        };
        let JudgedPoll { state: next, events, shared_keys, .. } =
            judge::judge_poll(std::mem::take(state), poll, turn.at, policy, 0.5, &mut shared);
        *state = next;
        if !events.is_empty() {
            self.recall.note(&state.facts);
        }
        self.standings.extend(events.into_iter().filter_map(|event| match event {
            Event::AuthorityJudged { authority, standing } => Some((authority, standing)),
            _ => None,
        }));
        shared_keys
    }
}

fn look(case: &Case<'_>, at: Timestamp, raised: &mut BTreeMap<FindingId, Raised>) {
    for finding in judge::assess(case, at).findings {
        let known = raised.entry(finding.id).or_insert_with(|| Raised {
            finding: finding.clone(),
            at,
            until: at,
        });
        known.until = at;
        if known.finding.severity <= finding.severity {
            known.finding = finding;
        }
    }
}

/// Where a simulated bundle is served.
fn endpoint(scenario: &Scenario) -> Option<BundleEndpoint> {
    let trust_domain = scenario.trust_domain.clone();
    let id = format!("spiffe://{trust_domain}/spire/server").parse().ok()?;
    let url = format!("https://{trust_domain}").parse().ok()?;
    let profile = EndpointProfile::HttpsSpiffe { endpoint_spiffe_id: id };
    Some(BundleEndpoint { trust_domain, url, profile })
}
