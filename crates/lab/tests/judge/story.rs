//! A trust domain whose issuer rotates as SPIRE does, polled every five minutes, and what is said
//! of it.

use std::collections::BTreeMap;
use std::time::Duration;

use anchorwatch_core::bundle::{ParseLimits, Validity};
use anchorwatch_core::finding::{FindingId, FindingKind, Severity};
use anchorwatch_core::replay::{Change, Replay, ReplayReport, Rules};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile, TrustDomain};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{BaselinePolicy, Policy};
use anchorwatch_lab::simulate::{KeyAlgorithm, Mint, Minted, Random};
use serde_json::{Value, json};

pub(crate) const MINUTE: Duration = Duration::from_mins(1);
pub(crate) const HOUR: Duration = Duration::from_hours(1);
pub(crate) const DAY: Duration = Duration::from_hours(24);
/// How long keys live: SPIRE's default `ca_ttl`. A new one comes every half of it.
pub(crate) const LIFE: Duration = DAY;
/// How often the bundle is polled.
pub(crate) const POLL: Duration = Duration::from_mins(5);
/// Later than the last poll, and a minute before the next.
pub(crate) const SOON: Duration = Duration::from_mins(4);
/// From a calm beginning to the poll before the next keys are due.
pub(crate) const UNTIL_DUE: Duration = Duration::from_mins(595);
/// What SPIRE takes a certificate back by.
const CUSHION: Duration = Duration::from_secs(10);
/// How long a key stays in the bundle: its life, a day, and some.
const STAYS: Duration = Duration::from_hours(49);

type Find = Box<dyn Fn(&TrustDomain) -> Option<Rules>>;

/// An element of the bundle.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) element: Value,
    /// Its fingerprint's first 16 digits.
    pub(crate) short: String,
    pub(crate) fingerprint: String,
    pub(crate) published: Timestamp,
    /// Whether the issuer prunes it.
    own: bool,
}

/// What is open.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) kind: FindingKind,
    pub(crate) severity: Severity,
    pub(crate) subject: String,
    pub(crate) evidence: Vec<String>,
}

pub(crate) struct Story {
    pub(crate) replay: Replay<Find>,
    pub(crate) name: TrustDomain,
    pub(crate) mint: Mint,
    pub(crate) keys: Vec<Key>,
    pub(crate) sequence: Value,
    pub(crate) hint: Value,
    /// Members of the document beside those.
    pub(crate) more: Vec<(String, Value)>,
    /// What is said beside each document: the endpoint's SVID, its address.
    pub(crate) source: Vec<(&'static str, Value)>,
    pub(crate) now: Timestamp,
    /// When the next pair is due; `None` where the issuer has stalled.
    pub(crate) due: Option<Timestamp>,
    /// By how much the issuer's clock is behind.
    pub(crate) behind: Duration,
    pub(crate) rotates_x509: bool,
    pub(crate) rotates_jwt: bool,
    /// Whether expired keys go.
    pub(crate) prunes: bool,
    pub(crate) open: BTreeMap<FindingId, Open>,
    /// Everything that was ever said.
    pub(crate) said: Vec<ReplayReport>,
    last: Option<Value>,
}

/// The policy of the stories: the partner's lifetimes are known.
pub(crate) fn policy() -> Policy {
    Policy {
        max_jwt_svid_ttl: Some(5 * MINUTE),
        max_x509_svid_ttl: Some(HOUR),
        baseline: BaselinePolicy::TrustOnFirstUse,
        ..Policy::default()
    }
}

impl Story {
    /// A domain that was published six hours ago and was not polled yet.
    pub(crate) fn new(policy: Policy) -> Self {
        Self::named("b.example", policy, 7)
    }

    pub(crate) fn named(name: &str, policy: Policy, seed: u64) -> Self {
        let name: TrustDomain = name.parse().unwrap();
        let policy = std::sync::Arc::new(policy);
        let find: Find = Box::new(move |name| {
            let endpoint_spiffe_id = format!("spiffe://{name}/spire/server").parse().ok()?;
            let url = format!("https://{name}").parse().ok()?;
            let profile = EndpointProfile::HttpsSpiffe { endpoint_spiffe_id };
            let endpoint = BundleEndpoint { trust_domain: name.clone(), url, profile };
            Some(Rules { policy: policy.clone(), endpoint, decisions: Vec::new() })
        });
        let now = Timestamp::from_unix(1_800_000_000);
        let mut story = Self {
            replay: Replay::new(find, anchorwatch_consumers::refusals, ParseLimits::default()),
            mint: Mint::new(&name, Random::stream(seed, "story")),
            name,
            keys: Vec::new(),
            sequence: json!(1),
            hint: json!(1200),
            more: Vec::new(),
            source: Vec::new(),
            now,
            due: None,
            behind: Duration::ZERO,
            rotates_x509: true,
            rotates_jwt: true,
            prunes: true,
            open: BTreeMap::new(),
            said: Vec::new(),
            last: None,
        };
        let published = now.saturating_sub(6 * HOUR);
        let pair = [story.x509(published, LIFE), story.jwt(published)];
        story.keys.extend(pair);
        story.due = Some(published.saturating_add(LIFE / 2));
        story
    }

    /// One that has rotated twice, and is not due for ten hours: nothing is to be said of it.
    pub(crate) fn calm() -> Self {
        Self::calm_under(policy())
    }

    pub(crate) fn calm_under(policy: Policy) -> Self {
        let mut story = Self::new(policy);
        story.go(20 * HOUR);
        assert!(story.open.is_empty(), "{:#?}", story.open);
        story
    }

    fn key(minted: &Minted, published: Timestamp, own: bool) -> Key {
        let fingerprint = minted.authority.id.fingerprint.to_string();
        let short = fingerprint["sha256:".len()..][..16].to_owned();
        let element = serde_json::from_str(&minted.element()).unwrap();
        Key { element, short, fingerprint, published, own }
    }

    /// An X.509 authority as SPIRE would make it then.
    pub(crate) fn x509(&mut self, made: Timestamp, life: Duration) -> Key {
        let (from, until) = (made.saturating_sub(CUSHION), made.saturating_add(life));
        let minted =
            self.mint.x509(KeyAlgorithm::EcP256, Validity { not_before: from, not_after: until });
        Self::key(&minted.unwrap(), made, true)
    }

    /// The root of an upstream authority.
    pub(crate) fn root(&mut self, made: Timestamp, life: Duration) -> Key {
        let validity = Validity { not_before: made, not_after: made.saturating_add(life) };
        Self::key(&self.mint.root(KeyAlgorithm::EcP256, validity).unwrap(), made, false)
    }

    pub(crate) fn jwt(&mut self, made: Timestamp) -> Key {
        Self::key(&self.mint.jwt(KeyAlgorithm::EcP256), made, true)
    }

    pub(crate) fn jwt_of(&mut self, algorithm: KeyAlgorithm, kid: &str) -> Key {
        let minted = self.mint.jwt_with(algorithm, kid);
        Self::key(&minted, self.now, true)
    }

    /// One transaction that adds keys.
    pub(crate) fn publish(&mut self, keys: impl IntoIterator<Item = Key>) {
        self.keys.extend(keys);
        self.count(1);
    }

    /// One transaction that takes keys away.
    pub(crate) fn withdraw(&mut self, which: impl Fn(&Key) -> bool) {
        let before = self.keys.len();
        self.keys.retain(|key| !which(key));
        assert!(self.keys.len() < before, "nothing was withdrawn");
        self.count(1);
    }

    pub(crate) fn count(&mut self, by: u64) {
        self.sequence = json!(self.sequence.as_u64().unwrap() + by);
    }

    /// The keys of a use, oldest first.
    pub(crate) fn of(&self, svid_type: &str) -> Vec<Key> {
        let of = self.keys.iter().filter(|key| key.element["use"] == svid_type);
        let mut of: Vec<Key> = of.cloned().collect();
        of.sort_by_key(|key| key.published);
        of
    }

    /// The newest JWT key.
    pub(crate) fn newest_jwt(&self) -> Key {
        self.of("jwt-svid").pop().unwrap()
    }

    /// The document as it would be served now.
    pub(crate) fn document(&self) -> Value {
        let keys: Vec<&Value> = self.keys.iter().map(|key| &key.element).collect();
        let mut document = json!({"keys": keys});
        let members = document.as_object_mut().unwrap();
        for (name, value) in
            [("spiffe_sequence", &self.sequence), ("spiffe_refresh_hint", &self.hint)]
        {
            if !value.is_null() {
                members.insert(name.to_owned(), value.clone());
            }
        }
        members.extend(self.more.iter().cloned());
        document
    }

    fn line(&mut self, said: &[(&str, Value)]) {
        let mut line = json!({"at": self.now, "trust_domain": self.name});
        for (name, value) in said {
            line[*name] = value.clone();
        }
        self.judge_line(&line.to_string());
    }

    /// Takes a line as it is.
    pub(crate) fn judge_line(&mut self, line: &str) {
        let reports = self.replay.judge_line(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        for report in &reports {
            if let ReplayReport::Finding {
                trust_domain,
                finding,
                id,
                subject,
                severity,
                change,
                evidence,
                ..
            } = report
                && *trust_domain == self.name
            {
                match change {
                    Change::Cleared => drop(self.open.remove(id)),
                    Change::Raised | Change::Severity => {
                        let open = Open {
                            kind: *finding,
                            severity: *severity,
                            subject: subject.to_string(),
                            evidence: evidence.iter().map(|one| one.text.clone()).collect(),
                        };
                        self.open.insert(*id, open);
                    }
                }
            }
        }
        self.said.extend(reports);
    }

    /// What the endpoint serves now is polled.
    pub(crate) fn poll(&mut self) {
        let document = self.document();
        let mut said = self.source.clone();
        if self.last.as_ref() == Some(&document) {
            said.push(("unchanged", json!(true)));
        } else {
            self.last = Some(document.clone());
            said.push(("bundle", document));
        }
        self.line(&said);
    }

    /// What stands there, word for word, is polled.
    pub(crate) fn serves(&mut self, body: &str) {
        self.now = self.now.saturating_add(POLL);
        self.last = None;
        let source = self.source.clone();
        self.line(&[&source[..], &[("body", json!(body))]].concat());
    }

    /// Five minutes pass, and a poll is made.
    pub(crate) fn next(&mut self) {
        self.now = self.now.saturating_add(POLL);
        self.issue();
        self.poll();
    }

    /// Five minutes pass, and the poll fails.
    pub(crate) fn fail(&mut self, reason: &str) {
        self.now = self.now.saturating_add(POLL);
        self.issue();
        self.line(&[("failure", json!(reason))]);
    }

    /// Time passes, and polls are made.
    pub(crate) fn go(&mut self, long: Duration) {
        let until = self.now.saturating_add(long);
        if self.last.is_none() {
            self.poll();
        }
        while self.now.saturating_add(POLL) <= until {
            self.next();
        }
    }

    /// Time passes, and every poll fails.
    pub(crate) fn fails(&mut self, long: Duration, reason: &str) {
        let until = self.now.saturating_add(long);
        while self.now.saturating_add(POLL) <= until {
            self.fail(reason);
        }
    }

    /// Time passes, and nobody polls.
    pub(crate) fn away(&mut self, long: Duration) {
        let until = self.now.saturating_add(long);
        while self.now.saturating_add(POLL) <= until {
            self.now = self.now.saturating_add(POLL);
            self.issue();
        }
    }

    /// What the issuer does by now, and nobody has polled yet: two transactions a publication.
    fn issue(&mut self) {
        let Some(due) = self.due.filter(|due| *due <= self.now) else {
            return self.prune();
        };
        self.due = Some(due.saturating_add(LIFE / 2));
        if self.rotates_x509 {
            let mut x509 = self.x509(due.saturating_sub(self.behind), LIFE);
            x509.published = due;
            self.publish([x509]);
        }
        if self.rotates_jwt {
            let jwt = self.jwt(due);
            self.publish([jwt]);
        }
        self.prune();
    }

    fn prune(&mut self) {
        let now = self.now;
        let old = |key: &Key| key.own && key.published.saturating_add(STAYS) <= now;
        if self.prunes && self.keys.iter().any(old) {
            self.withdraw(old);
        }
    }

    /// An operator decides.
    pub(crate) fn decides(&mut self, decision: &str, more: &[(&str, Value)]) {
        self.now = self.now.saturating_add(Duration::from_secs(1));
        let base =
            [("decision", json!(decision)), ("by", json!("j.doe")), ("reason", json!("CHG-1"))];
        self.line(&[&base[..], more].concat());
    }

    /// Everything open is acknowledged.
    pub(crate) fn acks(&mut self) {
        let ids: Vec<FindingId> = self.open.keys().copied().collect();
        for id in ids {
            self.decides("ack", &[("finding", json!(id))]);
        }
    }

    /// What is open of a kind, the most urgent first.
    pub(crate) fn opened(&self, kind: FindingKind) -> Vec<&Open> {
        let mut of: Vec<_> = self.open.values().filter(|open| open.kind == kind).collect();
        of.sort_by_key(|open| std::cmp::Reverse(open.severity));
        of
    }

    /// This is open, and so urgent.
    pub(crate) fn raises(&self, kind: FindingKind, severity: Severity) -> &Open {
        let opened = self.opened(kind);
        let Some(first) = opened.first() else { panic!("no {kind}: {:#?}", self.open) };
        assert_eq!(first.severity, severity, "{first:#?}");
        first
    }

    /// Nothing of this kind is open.
    pub(crate) fn without(&self, kind: FindingKind) {
        let opened = self.opened(kind);
        assert!(opened.is_empty(), "{opened:#?}");
    }

    /// Nothing is open.
    pub(crate) fn quiet(&self) {
        assert!(self.open.is_empty(), "{:#?}", self.open);
    }

    /// Nothing was ever said but this.
    pub(crate) fn said_only(&self, kinds: &[FindingKind]) {
        let odd: Vec<&ReplayReport> = self
            .said
            .iter()
            .filter(|report| match report {
                ReplayReport::Finding { finding, .. } => !kinds.contains(finding),
                ReplayReport::Verdict { .. } => false,
            })
            .collect();
        assert!(odd.is_empty(), "{odd:#?}");
    }

    /// The verdicts on hand-overs of a use.
    pub(crate) fn verdicts(&self, of: &str) -> Vec<&'static str> {
        let verdicts = self.said.iter().filter_map(|report| match report {
            ReplayReport::Verdict { svid_type, verdict, .. } if svid_type.label() == of => {
                Some(*verdict)
            }
            ReplayReport::Verdict { .. } | ReplayReport::Finding { .. } => None,
        });
        verdicts.collect()
    }
}
