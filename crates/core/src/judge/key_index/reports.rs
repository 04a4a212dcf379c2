//! Which shared keys are reported, and in whose journal.

use std::collections::{BTreeMap, HashMap};

use super::{Key, Number};
use crate::bundle::SvidType;
use crate::finding::{Finding, FindingKind, SubjectId};
use crate::time::Timestamp;
use crate::watch::Ledger;

/// What a report is about: a public key, and the use where it is about two uses of it.
pub(super) type About = (Key, Option<SvidType>);

/// How a trust domain reports a shared key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Report {
    /// It is being judged, and is to raise the finding.
    Claimed,
    /// The finding is open in its journal, and has been true since then.
    Open(Timestamp),
    /// The finding ended then: what was so by then is not reported again.
    Settled(Timestamp),
}

/// Which shared keys are reported, and in whose journal.
#[derive(Debug, Default)]
pub(super) struct Reports {
    /// Nearly always one trust domain a key.
    by_key: HashMap<About, Vec<(Number, Report)>>,
    /// What each trust domain reports, for those that report anything.
    of: HashMap<Number, Vec<About>>,
}

impl Reports {
    /// Whether this trust domain is to report what has been so since then. Where it is, nobody else
    /// is until its ledger was read. `sees` says which other trust domains notice when an open
    /// finding of theirs grows: one that gave the key up may not.
    pub(super) fn claim(
        &mut self,
        about: About,
        number: Number,
        since: Timestamp,
        sees: impl Fn(Number) -> bool,
    ) -> bool {
        let reports = self.by_key.entry(about).or_default();
        let covers = |(other, report): &(Number, Report)| match report {
            Report::Claimed => *other != number,
            Report::Open(begun) => *other != number && (since <= *begun || sees(*other)),
            Report::Settled(at) => since <= *at,
        };
        if reports.iter().any(covers) {
            return false;
        }
        let own = |(other, report): &(Number, Report)| {
            *other == number && !matches!(report, Report::Settled(_))
        };
        if !reports.iter().any(own) {
            reports.push((number, Report::Claimed));
            self.of.entry(number).or_default().push(about);
        }
        true
    }

    /// Reads a ledger in place of what was known of this trust domain. Of the open findings, `open`
    /// counts.
    pub(super) fn replace(&mut self, number: Number, ledger: &Ledger, open: &[Finding]) {
        for about in self.of.remove(&number).unwrap_or_default() {
            if let Some(reports) = self.by_key.get_mut(&about) {
                reports.retain(|(other, _)| *other != number);
                if reports.is_empty() {
                    self.by_key.remove(&about);
                }
            }
        }
        let mut now: BTreeMap<About, Report> = BTreeMap::new();
        // The newest comes last.
        for settled in ledger.settled.iter().filter(|one| one.kind == FindingKind::AuthorityShared)
        {
            if let Some(SubjectId::PublicKey(id)) = settled.subject_id {
                now.insert((Key::of(id), settled.svid_type), Report::Settled(settled.at));
            }
        }
        for finding in open.iter().filter(|one| one.kind == FindingKind::AuthorityShared) {
            if let Some(id) = finding.public_key() {
                now.insert((Key::of(id), finding.svid_type), Report::Open(finding.since));
            }
        }
        if now.is_empty() {
            return;
        }
        for (about, report) in &now {
            self.by_key.entry(*about).or_default().push((number, *report));
        }
        self.of.insert(number, now.into_keys().collect());
    }
}
