//! The watch over the watch: a task of its own, beside the scheduler and the store.
//!
//! It reads what they say of themselves each second, and waits for neither: a scheduler that has
//! stopped and a store that hangs are reported and pushed all the same.

use std::sync::Arc;
use std::time::Duration;

use super::poll_context::PollContext;
use crate::store::Store;
use anchorwatch_core::finding::{FindingId, FindingKind};
use anchorwatch_core::judge::{self, KnownFault, Unwritable, WatchFacts};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::untrusted::UntrustedText;
use anchorwatch_core::view::{Ended, WatchView};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The scheduler turns every second; so many looks without a turn are a stall. Looks are counted and no
/// clock is asked: a machine that slept, or a clock that was stepped, is no stall.
const STALLED: u32 = 15;

/// What was seen at the last look.
#[derive(Debug)]
pub(super) struct SelfWatch {
    beat: u64,
    /// Looks in a row without a turn of the scheduler.
    silent: u32,
    /// Since when the scheduler has not turned, once that is a stall.
    stalled_since: Option<Timestamp>,
}

impl SelfWatch {
    /// Looks for the first time, before anything is told: what the process before this one told of
    /// itself, and is true no more, ended.
    pub(super) fn begin(shared: &PollContext) -> Self {
        let at = shared.clock.now();
        let watch = Self { beat: shared.heartbeat.last(), silent: 0, stalled_since: None };
        let told = at.saturating_sub(Duration::from_hours(24));
        let ended = FindingKind::ALL.iter().filter(|kind| kind.is_about_the_watch());
        let ended = ended.map(|kind| Ended {
            id: FindingId::new(None, *kind, None, "", told),
            kind: *kind,
            svid_type: None,
            subject: UntrustedText::default(),
            severity: kind.severity(),
            at: told,
        });
        let ended = ended.collect();
        shared.views.show_watch(WatchView { ended, ..WatchView::default() });
        watch.publish(shared);
        watch
    }

    /// Looks until the daemon stops.
    pub(super) async fn run(mut self, shared: Arc<PollContext>) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.look(&shared);
            self.publish(&shared);
        }
    }

    fn look(&mut self, shared: &PollContext) {
        let beat = shared.heartbeat.last();
        if beat != self.beat {
            (self.beat, self.silent, self.stalled_since) = (beat, 0, None);
            return;
        }
        self.silent = self.silent.saturating_add(1);
        if STALLED <= self.silent && self.stalled_since.is_none() {
            self.stalled_since = Some(shared.last_tick());
        }
    }

    fn publish(&self, shared: &PollContext) {
        publish(shared, &facts(&shared.store, self.stalled_since));
    }
}

/// What the store says of itself.
pub(super) fn facts(store: &Store, stalled_since: Option<Timestamp>) -> WatchFacts {
    let (status, health) = (store.status(), store.health());
    let why = || status.failure.as_deref().unwrap_or("the last write failed").into();
    let known = |fault: &crate::store::StoreFault| KnownFault {
        since: fault.since,
        detail: fault.detail.clone(),
    };
    WatchFacts {
        unwritable: status.failing_since.map(|since| Unwritable { since, why: why() }),
        events_lost: status.dropped.events,
        faults: health.faults.iter().map(known).collect(),
        more_faults: health.more,
        stalled_since,
    }
}

/// Shows what follows from the facts, where it differs from what is shown.
pub(super) fn publish(shared: &PollContext, facts: &WatchFacts) {
    let at = shared.clock.now();
    let findings = judge::assess_watch(facts, at);
    let unrecorded = facts.unwritable.is_some();
    let before = shared.views.watch();
    let forgotten = before.ended.iter().any(|ended| !ended.is_shown(at));
    if findings == *before.findings && unrecorded == before.unrecorded && !forgotten {
        return;
    }
    super::log::watch_findings(&before.findings, &findings);
    let is_open = |ended: &Ended| findings.iter().any(|open| open.kind == ended.kind);
    let just = before.findings.iter().map(|finding| Ended::new(finding, at));
    let earlier = before.ended.iter().filter(|ended| ended.is_shown(at)).cloned();
    let mut ended: Vec<Ended> = Vec::new();
    for one in just.chain(earlier) {
        if !is_open(&one) && !ended.iter().any(|known| known.kind == one.kind) {
            ended.push(one);
        }
    }
    shared.views.show_watch(WatchView {
        findings: findings.into(),
        ended: ended.into(),
        unrecorded,
    });
    shared.changed.send_replace(());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;
    use tempfile::TempDir;

    use super::*;
    use crate::alertmanager::Alertmanager;
    use crate::config::Config;
    use crate::daemon::{Daemon, Options};

    /// Longer than a stall takes to be told.
    const PATIENCE: Duration = Duration::from_mins(2);

    /// A daemon that watches nobody, and the Alertmanager that it pushes to.
    async fn start() -> (Daemon, Alertmanager, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let alertmanager = Alertmanager::start().await;
        let path = folder.path().join("anchorwatch.yaml");
        let text = format!(
            "store: {{path: {}}}\nalertmanagers: [{{url: \"{}\"}}]\nfederates_with: {{}}\n",
            folder.path().join("store").display(),
            alertmanager.url,
        );
        std::fs::write(&path, text).unwrap();
        let options = Options { listen: Vec::new(), ..Options::default() };
        let daemon = Daemon::start(Config::load(&path).unwrap(), options).await.unwrap();
        (daemon, alertmanager, folder)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_scheduler_that_stops_is_pushed_without_it() {
        let (daemon, mut alertmanager, _folder) = start().await;
        assert!(daemon.view().watch.findings.is_empty());
        // Dead, as by a panic: it cannot say so itself.
        daemon.scheduling.abort();
        let kind = FindingKind::SchedulerStalled;
        let pushed = async {
            loop {
                let mut alerts = alertmanager.next().await.alerts.into_iter();
                let fires = |alert: &Value| {
                    alert["annotations"]["evidence"].is_string()
                        && alert["labels"]["kind"] == kind.label()
                };
                if let Some(alert) = alerts.find(fires) {
                    return alert;
                }
            }
        };
        let alert = tokio::time::timeout(PATIENCE, pushed).await.unwrap();
        assert_eq!(alert["labels"]["alertname"], "AnchorwatchSchedulerStalled");
        assert_eq!(alert["labels"]["severity"], "critical");
        assert_eq!(alert["labels"]["source"], "push");
        assert_eq!(alert["labels"]["trust_domain"], Value::Null);
        let view = daemon.view();
        assert_eq!(view.watch.findings[0].kind, kind);
        daemon.stop().await.unwrap();
    }

    /// What a process that died told of itself ends with the next one, and nobody is told of what never
    /// was.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_the_process_before_told_of_itself_is_resolved() {
        let (daemon, mut alertmanager, _folder) = start().await;
        let mut resolved = BTreeSet::new();
        while resolved.len() < 3 {
            for alert in alertmanager.next().await.alerts {
                let ends: Timestamp = alert["endsAt"].as_str().unwrap().parse().unwrap();
                let now = anchorwatch_core::time::Clock::now(&crate::daemon::SystemClock);
                assert!(ends <= now, "nothing fires: {alert:#}");
                resolved.insert(alert["labels"]["kind"].as_str().unwrap().to_owned());
            }
        }
        daemon.stop().await.unwrap();
    }
}
