//! A task for each Alertmanager, which tells it what is critical.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::post::AlertmanagerClient;
use super::{AlertContext, Outbox, Posting, Recipient, Timing, alerts, ended};
use crate::resolver::Lookups;
use anchorwatch_core::time::Clock;
use anchorwatch_core::view::View;

/// How many alerts one request carries.
const BATCH: usize = 256;
/// The first wait after a failure; each further one doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The shortest wait between two looks: what changes many trust domains at once is reported together.
const DEBOUNCE: Duration = Duration::from_millis(50);

/// What is to be said, asked for whenever something changed.
pub trait ViewSource: Send + Sync {
    /// All trust domains at this moment, and what is said beside them; `None` once nobody watches.
    fn picture(&self) -> Option<(View, AlertContext)>;
}

/// What became of the alerts for one Alertmanager, since the process started.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Delivery {
    /// Its URL, which holds no secret.
    pub alertmanager: String,
    /// Alerts that were sent, whatever came of it.
    pub sent: u64,
    /// Alerts whose sending failed.
    pub failed: u64,
    /// Alerts that were dropped, since too many were open.
    pub dropped: u64,
    /// Alerts that wait.
    pub waiting: u64,
}

#[derive(Debug, Default)]
struct Counters {
    sent: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    waiting: AtomicU64,
}

/// The tasks of all Alertmanagers. They end with it.
pub struct Notifier {
    picture: Arc<dyn ViewSource>,
    changes: watch::Receiver<()>,
    clock: Arc<dyn Clock>,
    lookups: Lookups,
    running: Vec<Running>,
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").field("running", &self.running).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Running {
    recipient: Arc<Recipient>,
    counters: Arc<Counters>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Notifier {
    /// One that tells nobody yet. `changes` says when the picture is another.
    pub fn new(
        picture: Arc<dyn ViewSource>,
        changes: watch::Receiver<()>,
        clock: Arc<dyn Clock>,
        lookups: Lookups,
    ) -> Self {
        Self { picture, changes, clock, lookups, running: Vec::new() }
    }

    /// Tells these Alertmanagers from now on, and no others. Whom it reported before goes on being
    /// reported.
    pub fn arrange(&mut self, recipients: Vec<Recipient>) {
        let mut before = std::mem::take(&mut self.running);
        for recipient in recipients {
            let place = before.iter().position(|one| *one.recipient == recipient);
            let running = place.map(|place| before.swap_remove(place));
            self.running.push(running.unwrap_or_else(|| {
                let recipient = Arc::new(recipient);
                let counters = Arc::new(Counters::default());
                let teller = DeliveryTask {
                    postman: AlertmanagerClient::new(Arc::clone(&recipient), self.lookups.clone()),
                    name: recipient.url.to_string(),
                    outbox: Outbox::new(Timing {
                        resolve_after: recipient.resolve_after,
                        ..Timing::default()
                    }),
                    counters: Arc::clone(&counters),
                    picture: Arc::clone(&self.picture),
                    clock: Arc::clone(&self.clock),
                    failures: 0,
                };
                let task = tokio::spawn(teller.run(self.changes.clone()));
                Running { recipient, counters, task }
            }));
        }
    }

    /// What became of the alerts, an Alertmanager each.
    pub fn deliveries(&self) -> Vec<Delivery> {
        let of = |running: &Running| {
            let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
            let Counters { sent, failed, dropped, waiting } = &*running.counters;
            Delivery {
                alertmanager: running.recipient.url.to_string(),
                sent: count(sent),
                failed: count(failed),
                dropped: count(dropped),
                waiting: count(waiting),
            }
        };
        self.running.iter().map(of).collect()
    }
}

struct DeliveryTask {
    postman: AlertmanagerClient,
    name: String,
    outbox: Outbox,
    counters: Arc<Counters>,
    picture: Arc<dyn ViewSource>,
    clock: Arc<dyn Clock>,
    /// Failures in a row.
    failures: u32,
}

impl DeliveryTask {
    async fn run(mut self, mut changes: watch::Receiver<()>) {
        if let Some((view, _)) = self.picture.picture() {
            self.outbox.resume(ended(&view), view.at);
        }
        loop {
            changes.mark_unchanged();
            let Some((view, context)) = self.picture.picture() else { return };
            self.outbox.update(alerts(&view, &context), view.at);
            drop(view);
            let wait = self.tell().await;
            tokio::time::sleep(DEBOUNCE).await;
            if 0 < self.failures {
                // It is away: what changes meanwhile waits with the rest.
                tokio::time::sleep(wait).await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => (),
                news = changes.changed() => if news.is_err() { return },
            }
        }
    }

    /// Says all that is due, once: with a slow Alertmanager it may be due again before the last of
    /// it is said, and what is new must not wait for ever. Returns how long to wait, unless something
    /// changes.
    async fn tell(&mut self) -> Duration {
        let now = self.clock.now();
        loop {
            let due = self.outbox.due(now, BATCH);
            let waiting = u64::try_from(self.outbox.waiting(now)).unwrap_or(u64::MAX);
            self.counters.waiting.store(waiting, Ordering::Relaxed);
            self.counters.dropped.store(self.outbox.dropped(), Ordering::Relaxed);
            if due.is_empty() {
                return self.outbox.rest(self.clock.now());
            }
            if let Some(wait) = self.send(&due).await {
                self.outbox.tried(&due);
                return wait;
            }
            self.outbox.sent(&due, now);
        }
    }

    /// Returns how long to wait after a failure.
    async fn send(&mut self, due: &[Posting]) -> Option<Duration> {
        let count = u64::try_from(due.len()).unwrap_or(u64::MAX);
        self.counters.sent.fetch_add(count, Ordering::Relaxed);
        match self.postman.post(due).await {
            Ok(()) => {
                if 0 < self.failures {
                    info!(alertmanager = self.name, "Alertmanager takes alerts again");
                }
                self.failures = 0;
                None
            }
            Err(why) => {
                self.counters.failed.fetch_add(count, Ordering::Relaxed);
                // Once an outage, not once an attempt.
                if self.failures == 0 {
                    warn!(alertmanager = self.name, alerts = count, %why, "cannot push alerts");
                }
                let doubled = FIRST_WAIT.saturating_mul(1 << self.failures.min(6));
                self.failures = self.failures.saturating_add(1);
                Some(doubled.min(LONGEST_WAIT))
            }
        }
    }
}
