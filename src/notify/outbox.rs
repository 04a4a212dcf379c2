//! What one Alertmanager has been reported, and what it is to be reported now.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::PushedAlert;
use super::alert::rfc3339;
use anchorwatch_core::time::Timestamp;

/// When alerts are said again, and when they end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timing {
    /// An alert is said again after this long. An Alertmanager that restarts has forgotten it, and
    /// would page for the rule's twin, which comes from Prometheus within a minute. In a cluster it
    /// pages nobody before it has settled, which takes 6 s.
    pub resend: Duration,
    /// An alert that is not said again ends by itself after this long: as long as a rule holds the
    /// last word of a daemon that went away. Were it less, a watch that is down would tell people
    /// that the rogue key is gone, and page them anew for the rule's twin.
    pub lasts: Duration,
    /// A finding has ended for this long before its alert is resolved. The twin from a rule is
    /// muted until then, and ends a scrape and an evaluation after the finding: were the push
    /// resolved first, the twin would page once more.
    pub resolve_after: Duration,
    /// A resolved alert is repeated for this long: an Alertmanager may be away just then.
    pub repeat_resolved: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            resend: Duration::from_secs(5),
            lasts: Duration::from_hours(24),
            resolve_after: Duration::from_mins(2),
            repeat_resolved: Duration::from_mins(15),
        }
    }
}

/// What an alert is known by.
type Labels = BTreeMap<&'static str, String>;

/// An alert as it is posted.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Posting {
    /// The alert.
    #[serde(flatten)]
    pub alert: PushedAlert,
    /// When it ends: ahead while it fires, so that it ends by itself where anchorwatch dies.
    #[serde(rename = "endsAt", serialize_with = "rfc3339")]
    pub ends: Timestamp,
}

/// The alerts that one Alertmanager is reported of. Pure: time is an argument.
#[derive(Clone, Debug)]
pub struct Outbox {
    timing: Timing,
    reported: BTreeMap<Labels, Reported>,
    /// What found no place at the last look.
    refused: BTreeSet<Labels>,
    dropped: u64,
}

#[derive(Clone, Debug)]
struct Reported {
    alert: PushedAlert,
    phase: Phase,
    /// When it was last taken; `None` where it is to be said at once.
    sent: Option<Timestamp>,
    /// Whether it was ever said, taken or not: an Alertmanager may have taken what it did not
    /// acknowledge.
    said: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Firing,
    /// The finding ended then, and the alert goes on.
    Ended(Timestamp),
    /// The alert ended then.
    Resolved(Timestamp),
}

impl Outbox {
    /// How many alerts are held at most; more are dropped and counted.
    pub const MOST: usize = 10_000;

    /// One that has reported nothing yet.
    pub fn new(timing: Timing) -> Self {
        Self { timing, reported: BTreeMap::new(), refused: BTreeSet::new(), dropped: 0 }
    }

    /// Takes in what ended before this process began, and the one before may have died too soon to
    /// tell. An Alertmanager that never heard of it tells nobody.
    pub fn resume(&mut self, ended: Vec<(PushedAlert, Timestamp)>, now: Timestamp) {
        for (alert, at) in ended.into_iter().take(Self::MOST) {
            let mut sent = Some(at);
            let phase = self.timing.advance_phase(Phase::Ended(at), now, &mut sent);
            let reported = Reported { alert, phase, sent, said: true };
            self.reported.insert(reported.alert.labels.clone(), reported);
        }
    }

    /// Takes in what is critical at `now`.
    pub fn update(&mut self, current: Vec<PushedAlert>, now: Timestamp) {
        let critical: BTreeSet<&Labels> = current.iter().map(|alert| &alert.labels).collect();
        for (labels, reported) in &mut self.reported {
            if !critical.contains(labels) {
                reported.phase = self.timing.advance_phase(reported.phase, now, &mut reported.sent);
            }
        }
        let mut refused = BTreeSet::new();
        for alert in current {
            if let Some(reported) = self.reported.get_mut(&alert.labels) {
                if let Phase::Resolved(_) = reported.phase {
                    reported.sent = None;
                }
                reported.phase = Phase::Firing;
                reported.alert = alert;
            } else if self.has_room() {
                let reported = Reported { alert, phase: Phase::Firing, sent: None, said: false };
                self.reported.insert(reported.alert.labels.clone(), reported);
            } else {
                if !self.refused.contains(&alert.labels) {
                    self.dropped = self.dropped.saturating_add(1);
                }
                refused.insert(alert.labels);
            }
        }
        self.refused = refused;
        let over = self.timing.resolve_after.saturating_add(self.timing.repeat_resolved);
        self.reported.retain(|_, reported| match reported.phase {
            Phase::Firing => true,
            // It ended before anyone was reported of it.
            Phase::Ended(_) => reported.said,
            Phase::Resolved(at) => now.since(at).is_none_or(|age| age < over),
        });
    }

    /// Whether another may be held. What is over makes room for what fires.
    fn has_room(&mut self) -> bool {
        if self.reported.len() < Self::MOST {
            return true;
        }
        let over = self.reported.iter().filter_map(|(labels, reported)| match reported.phase {
            Phase::Resolved(at) => Some((at, labels.clone())),
            Phase::Firing | Phase::Ended(_) => None,
        });
        let oldest = over.min();
        oldest.is_some_and(|(_, labels)| self.reported.remove(&labels).is_some())
    }

    /// What is to be said at `now`, at most `most` of it: what was never said first.
    pub fn due(&self, now: Timestamp, most: usize) -> Vec<Posting> {
        let mut due: Vec<&Reported> =
            self.reported.values().filter(|reported| self.is_due(reported, now)).collect();
        due.sort_by_key(|reported| reported.sent);
        let postings = due.into_iter().take(most).map(|reported| Posting {
            alert: reported.alert.clone(),
            ends: match reported.phase {
                Phase::Firing | Phase::Ended(_) => now.saturating_add(self.timing.lasts),
                Phase::Resolved(at) => at,
            },
        });
        postings.collect()
    }

    fn is_due(&self, reported: &Reported, now: Timestamp) -> bool {
        match (reported.phase, reported.sent) {
            // It is over, and nobody is known to have heard of it: its end alone is to be said.
            (Phase::Ended(_), None) => false,
            (Phase::Firing | Phase::Resolved(_), None) => true,
            // A clock that was set back is no reason to be silent.
            (_, Some(sent)) => now.since(sent).is_none_or(|age| self.timing.resend <= age),
        }
    }

    /// These were taken.
    pub fn sent(&mut self, postings: &[Posting], now: Timestamp) {
        for posting in postings {
            if let Some(reported) = self.reported.get_mut(&posting.alert.labels) {
                (reported.sent, reported.said) = (Some(now), true);
            }
        }
    }

    /// These were said, and nothing is known of what became of them.
    pub fn tried(&mut self, postings: &[Posting]) {
        for posting in postings {
            if let Some(reported) = self.reported.get_mut(&posting.alert.labels) {
                reported.said = true;
            }
        }
    }

    /// How many alerts wait to be said at `now`.
    pub fn waiting(&self, now: Timestamp) -> usize {
        self.reported.values().filter(|reported| self.is_due(reported, now)).count()
    }

    /// How many alerts were dropped since so many were open.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How long until something is due without anything new.
    pub fn rest(&self, now: Timestamp) -> Duration {
        let rests = self.reported.values().map(|reported| {
            let spoken = reported.sent.and_then(|sent| now.since(sent));
            let resend = match (reported.phase, spoken) {
                (Phase::Ended(_), None) => self.timing.resend,
                (_, spoken) => self.timing.resend.saturating_sub(spoken.unwrap_or(Duration::MAX)),
            };
            let ended = match reported.phase {
                Phase::Ended(at) => now.since(at),
                Phase::Firing | Phase::Resolved(_) => None,
            };
            ended.map_or(resend, |age| resend.min(self.timing.resolve_after.saturating_sub(age)))
        });
        rests.min().unwrap_or(self.timing.resend)
    }
}

impl Timing {
    /// What becomes of an alert whose finding is not true any more.
    fn advance_phase(&self, phase: Phase, now: Timestamp, sent: &mut Option<Timestamp>) -> Phase {
        let ended = match phase {
            Phase::Firing => now,
            // A clock that was set back makes nothing last longer.
            Phase::Ended(at) => at.min(now),
            Phase::Resolved(_) => return phase,
        };
        if now.since(ended).is_none_or(|age| age < self.resolve_after) {
            return Phase::Ended(ended);
        }
        *sent = None;
        Phase::Resolved(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Timestamp {
        Timestamp::from_unix(1_800_000_000)
    }

    fn at(seconds: u64) -> Timestamp {
        start().saturating_add(Duration::from_secs(seconds))
    }

    fn alert(subject: &str) -> PushedAlert {
        PushedAlert {
            labels: BTreeMap::from([("subject", subject.to_owned())]),
            annotations: BTreeMap::new(),
            since: start(),
            link: String::new(),
        }
    }

    /// How long what is said lasts, in seconds.
    const A_DAY: u64 = 24 * 60 * 60;

    fn minutely() -> Timing {
        Timing { resend: Duration::from_mins(1), ..Timing::default() }
    }

    /// Says all that is due, and tells when each ends, in seconds from the start.
    fn say(outbox: &mut Outbox, now: u64) -> Vec<(String, u64)> {
        let due = outbox.due(at(now), 100);
        outbox.sent(&due, at(now));
        let reported = due.iter().map(|posting| {
            let ends = posting.ends.since(start()).unwrap().as_secs();
            (posting.alert.labels.get("subject").unwrap().clone(), ends)
        });
        reported.collect()
    }

    #[test]
    fn a_finding_is_told_at_once_and_again() {
        let mut outbox = Outbox::new(minutely());
        outbox.update(vec![alert("a")], at(0));
        assert_eq!(say(&mut outbox, 0), [("a".to_owned(), A_DAY)]);
        assert_eq!(outbox.rest(at(10)), Duration::from_secs(50));
        outbox.update(vec![alert("a"), alert("b")], at(10));
        assert_eq!(say(&mut outbox, 10), [("b".to_owned(), 10 + A_DAY)]);
        outbox.update(vec![alert("a"), alert("b")], at(59));
        assert!(say(&mut outbox, 59).is_empty());
        outbox.update(vec![alert("a"), alert("b")], at(60));
        assert_eq!(say(&mut outbox, 60), [("a".to_owned(), 60 + A_DAY)]);
    }

    #[test]
    fn what_ended_fires_on_for_two_minutes_and_is_resolved_for_a_quarter_of_an_hour() {
        let mut outbox = Outbox::new(minutely());
        outbox.update(vec![alert("a")], at(0));
        say(&mut outbox, 0);
        outbox.update(Vec::new(), at(5));
        assert!(say(&mut outbox, 5).is_empty());
        outbox.update(Vec::new(), at(60));
        assert_eq!(say(&mut outbox, 60), [("a".to_owned(), 60 + A_DAY)], "it fires still");
        outbox.update(Vec::new(), at(70));
        assert_eq!(outbox.rest(at(70)), Duration::from_secs(50), "until 120, and 125 is later");
        outbox.update(Vec::new(), at(126));
        assert_eq!(say(&mut outbox, 126), [("a".to_owned(), 126)], "resolved");
        outbox.update(Vec::new(), at(186));
        assert_eq!(say(&mut outbox, 186), [("a".to_owned(), 126)], "and said again");
        outbox.update(Vec::new(), at(126 + 17 * 60));
        assert!(say(&mut outbox, 126 + 17 * 60).is_empty(), "forgotten");
    }

    #[test]
    fn what_comes_back_before_it_is_resolved_goes_on_and_after_that_is_told_at_once() {
        let mut outbox = Outbox::new(minutely());
        outbox.update(vec![alert("a")], at(0));
        say(&mut outbox, 0);
        outbox.update(Vec::new(), at(5));
        outbox.update(vec![alert("a")], at(9));
        assert!(say(&mut outbox, 9).is_empty());
        outbox.update(Vec::new(), at(20));
        outbox.update(Vec::new(), at(140));
        assert_eq!(say(&mut outbox, 140), [("a".to_owned(), 140)]);
        outbox.update(vec![alert("a")], at(150));
        assert_eq!(say(&mut outbox, 150), [("a".to_owned(), 150 + A_DAY)]);
    }

    #[test]
    fn what_was_not_taken_is_due_until_it_is() {
        let mut outbox = Outbox::new(minutely());
        outbox.update(vec![alert("a")], at(0));
        assert_eq!(outbox.due(at(0), 100).len(), 1);
        outbox.update(vec![alert("a")], at(1));
        assert_eq!(outbox.due(at(1), 100).len(), 1);
        assert_eq!(outbox.waiting(at(1)), 1);
        outbox.update(Vec::new(), at(2));
        assert_eq!(outbox.waiting(at(2)), 0, "it ended before anyone was reported");
    }

    /// A server error, or an answer that came too late: the Alertmanager may fire for a day.
    #[test]
    fn what_may_have_been_taken_is_resolved_once_it_has_ended() {
        let mut outbox = Outbox::new(minutely());
        outbox.update(vec![alert("a")], at(0));
        let due = outbox.due(at(0), 100);
        outbox.tried(&due);
        outbox.update(Vec::new(), at(1));
        assert!(say(&mut outbox, 1).is_empty(), "it does not begin once it is over");
        assert_eq!(outbox.rest(at(1)), Duration::from_mins(1));
        outbox.update(Vec::new(), at(122));
        assert_eq!(say(&mut outbox, 122), [("a".to_owned(), 122)]);
    }

    #[test]
    fn only_so_many_are_held_and_the_rest_is_counted_once() {
        let mut outbox = Outbox::new(minutely());
        let many = || (0..=Outbox::MOST).map(|number| alert(&format!("{number:05}"))).collect();
        outbox.update(many(), at(0));
        outbox.update(many(), at(1));
        assert_eq!(outbox.waiting(at(1)), Outbox::MOST);
        assert_eq!(outbox.dropped(), 1);
        assert_eq!(outbox.due(at(1), 64).len(), 64);
    }

    #[test]
    fn a_flood_that_is_over_makes_room_for_what_comes_after_it() {
        let mut outbox = Outbox::new(minutely());
        let flood = (0..Outbox::MOST).map(|number| alert(&format!("{number:05}")));
        outbox.update(flood.collect(), at(0));
        let due = outbox.due(at(0), Outbox::MOST);
        outbox.sent(&due, at(0));
        outbox.update(Vec::new(), at(1));
        outbox.update(Vec::new(), at(200));
        outbox.update(vec![alert("rogue")], at(201));
        assert_eq!(outbox.dropped(), 0);
        let due = outbox.due(at(201), Outbox::MOST);
        assert!(due.iter().any(|one| one.alert == alert("rogue")));
    }

    /// A process that was killed within the two minutes left an alert that lasts a day.
    #[test]
    fn what_ended_before_a_restart_is_resolved_after_it() {
        let mut outbox = Outbox::new(minutely());
        outbox.resume(vec![(alert("old"), at(0)), (alert("late"), at(290))], at(300));
        outbox.update(Vec::new(), at(300));
        assert_eq!(say(&mut outbox, 300), [("old".to_owned(), 300)]);
        outbox.update(Vec::new(), at(351));
        assert_eq!(say(&mut outbox, 351), [("late".to_owned(), 351 + A_DAY)]);
        outbox.update(Vec::new(), at(411));
        let said = say(&mut outbox, 411);
        assert_eq!(said, [("late".to_owned(), 411), ("old".to_owned(), 300)]);
    }

    /// It returned while nobody watched.
    #[test]
    fn what_is_true_again_after_a_restart_fires() {
        let mut outbox = Outbox::new(minutely());
        outbox.resume(vec![(alert("a"), at(0))], at(300));
        outbox.update(vec![alert("a")], at(300));
        assert_eq!(say(&mut outbox, 300), [("a".to_owned(), 300 + A_DAY)]);
    }

    #[test]
    fn a_clock_that_is_set_back_delays_no_end() {
        let mut outbox = Outbox::new(minutely());
        outbox.update(vec![alert("a")], at(7200));
        say(&mut outbox, 7200);
        outbox.update(Vec::new(), at(7201));
        outbox.update(Vec::new(), at(0));
        outbox.update(Vec::new(), at(121));
        assert_eq!(say(&mut outbox, 121), [("a".to_owned(), 121)], "resolved");
    }
}
