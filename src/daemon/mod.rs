//! The daemon: one scheduler, one store, one views, and whoever looks at it.
//!
//! [`Daemon::start`] loads what is on record, opens the listeners and begins to poll.
//! [`Daemon::stop`] ends it within two seconds: what is recorded is on the disk, what is not is
//! polled again.

mod alert_notifier;
mod backend;
mod clock;
mod decide;
mod decision_part;
mod descriptors;
mod domain;
mod error;
mod heartbeat;
mod jitter;
mod log;
mod once;
mod operations;
mod owner;
mod plan;
mod poll;
mod poll_context;
mod protection;
mod reload;
mod scheduler;
mod self_watch;
mod sightings;
mod targets;
#[cfg(test)]
mod testing;
mod view_registry;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::DropGuard;
use tracing::{info, warn};

use crate::config::Config;
use crate::fetch::Fetcher;
use crate::notify::Notifier;
use crate::resolver::{Lookups, SystemResolver};
use crate::store::{Loaded, Store, StoreError, StoreOptions};
use crate::web::{AdminListener, Readers, ReloadOverHttp, RequestGate, WebListener, WebSettings};
use anchorwatch_core::judge;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Clock;
use anchorwatch_core::view::View;
use anchorwatch_core::watch::DomainState;
use backend::DaemonBackend;
use descriptors::Descriptors;
use operations::Operation;
use poll_context::PollContext;
use protection::WebFile;
use reload::Reloads;
use scheduler::{Domains, Scheduler, SchedulerCommand};
use self_watch::SelfWatch;

pub(crate) use descriptors::raise_limit as raise_descriptor_limit;

pub use clock::SystemClock;
pub use error::StartError;
pub use once::check_once;
pub use poll_context::{JudgePollFn, RecordedEvent};
pub use sightings::{SightingRefusal, read_sighting};

/// How often what polls see is taken down: a crash costs at most this much of it.
const FLUSH_EVERY: Duration = Duration::from_secs(30);
/// How often the journal's head is logged, so that a tail that was cut can be found.
const HEAD_EVERY: Duration = Duration::from_hours(1);
/// How many commands may wait for the scheduler.
const COMMANDS: usize = 1024;
/// How long requests, operations and owners may take to come to their end once a stop was asked
/// for.
const FINISHING: Duration = Duration::from_millis(600);
/// How long a stop may take with the closing of the store, whose last checkpoints take a second at
/// most. It leaves some of the 2 s for the end of the process.
const STOPPING: Duration = Duration::from_millis(1_600);
/// How many events whoever listens may be behind.
const EVENT_CHANNEL_CAPACITY: usize = 1024;

/// How the daemon is run, beside its configuration.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where HTTP is served; empty for nowhere.
    pub listen: Vec<SocketAddr>,
    /// Whether `POST /-/reload` is taken.
    pub enable_lifecycle: bool,
    /// Where people reach the status page: what pushed alerts link to.
    pub external_url: Option<String>,
    /// The file of `--web.config.file`: TLS and passwords over TCP.
    pub web_config: Option<PathBuf>,
    /// The function that decides.
    pub judge_poll: JudgePollFn,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], crate::web::DEFAULT_PORT))],
            enable_lifecycle: false,
            external_url: None,
            web_config: None,
            judge_poll: judge::judge_poll,
        }
    }
}

/// A daemon that runs.
#[derive(Debug)]
pub struct Daemon {
    inner: Arc<Inner>,
    /// The scheduler, which ends before all else.
    scheduling: tokio::task::AbortHandle,
    addresses: Vec<SocketAddr>,
    /// What ends with the daemon, whatever it is at.
    tasks: JoinSet<()>,
    listeners: Vec<WebListener>,
    admin: Option<AdminListener>,
    /// Ends the owners, and with them the store, where the daemon is dropped without a stop.
    _ends: DropGuard,
}

/// What outlives a reload.
#[derive(Debug)]
pub(crate) struct Inner {
    shared: Arc<PollContext>,
    config: ArcSwap<Config>,
    commands: mpsc::Sender<SchedulerCommand>,
    operations: mpsc::Sender<Box<Operation>>,
    /// The trust domains that are watched. Only an operation replaces them, whole.
    domains: ArcSwap<Domains>,
    /// What is on record of trust domains that are not watched now. Only an operation changes it.
    archive: Mutex<BTreeMap<TrustDomain, DomainState>>,
    reloads: Reloads,
    notifier: Mutex<Option<Notifier>>,
    options: Options,
    web_file: Option<WebFile>,
}

impl Inner {
    /// Nothing is left half done in it: a panic elsewhere while it was held is no reason to stop.
    fn archive(&self) -> MutexGuard<'_, BTreeMap<TrustDomain, DomainState>> {
        self.archive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Daemon {
    /// Loads what is on record, opens the listeners and begins to poll.
    pub async fn start(config: Config, options: Options) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let places = Descriptors::now(&config).lookups;
        let lookups = Lookups::new(Arc::new(SystemResolver::default()), Arc::clone(&clock), places);
        let fetcher = Fetcher::with_lookups(Arc::clone(&clock), lookups);
        Self::start_with(config, options, clock, fetcher).await
    }

    /// As [`Self::start`], with a clock and a fetcher of the caller's.
    pub async fn start_with(
        config: Config,
        options: Options,
        clock: Arc<dyn Clock>,
        fetcher: Fetcher,
    ) -> Result<Self, StartError> {
        let descriptors = Descriptors::now(&config);
        descriptors.warn_of_shortage();
        let web_file = load_web_file(options.web_config.clone()).await?;
        let path = config.store.path.clone();
        let mut store_options = StoreOptions::new(Arc::clone(&clock));
        store_options.body_retention = config.retention.bodies;
        let opened = tokio::task::spawn_blocking(move || Store::open(&path, store_options));
        let (store, loaded) = opened.await.map_err(|_| StartError::Interrupted)??;
        let Loaded { domains: mut archive, fresh, head, .. } = loaded;
        for state in archive.values_mut() {
            Arc::make_mut(&mut state.facts).intern(fetcher.pool());
        }
        if fresh {
            warn!(path = %config.store.path.display(), "store created: every first bundle is a baseline");
        }
        info!(entries = head.number, head = %head.head, domains = archive.len(), "store loaded");
        let shared = Arc::new(PollContext::new(clock, fetcher, store, options.judge_poll)?);
        let (commands, for_scheduler) = mpsc::channel(COMMANDS);
        let (operations, for_operator) = mpsc::channel(operations::WAITING);
        // A start that fails from here on leaves nothing running.
        let ends = shared.stopping.clone().drop_guard();
        let inner = Arc::new(Inner {
            reloads: Reloads::new(shared.clock.now()),
            config: ArcSwap::from_pointee(config),
            commands,
            operations,
            domains: ArcSwap::default(),
            archive: Mutex::new(archive),
            notifier: Mutex::default(),
            options,
            web_file,
            shared: Arc::clone(&shared),
        });
        inner.arrange_first().await;
        inner.depart_archived();
        let self_watch = SelfWatch::begin(&shared);
        inner.start_notifier();
        let backend = Arc::new(DaemonBackend::new(Arc::clone(&inner)));
        let (listeners, addresses) = listen(&inner, &backend, descriptors.web)?;
        let admin = match AdminListener::bind(&inner.config.load().admin_socket, backend).await {
            Ok(admin) => Some(admin),
            // It lies in the store's directory: what cannot be written is watched with all the same,
            // and without the store no decision is taken.
            Err(error) if !shared.store.status().writable => {
                warn!(%error, "cannot open the admin socket: no command reaches this daemon before a restart");
                None
            }
            Err(source) => return Err(StartError::Admin { source }),
        };
        let polling = Scheduler::new(Arc::clone(&shared), descriptors.polls);
        let mut tasks = JoinSet::new();
        let scheduling = tasks.spawn(polling.run(for_scheduler));
        tasks.spawn(self_watch.run(Arc::clone(&shared)));
        tasks.spawn(flush(Arc::clone(&shared)));
        tasks.spawn(Arc::clone(&inner).follow_sightings());
        tasks.spawn(log_journal_head(Arc::clone(&shared)));
        // It is waited for: what it is at comes to its end.
        shared.tasks.spawn(Arc::clone(&inner).carry_out(for_operator));
        Ok(Self { inner, scheduling, addresses, tasks, listeners, admin, _ends: ends })
    }

    /// Where HTTP is served.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The picture of all trust domains at this moment.
    pub fn view(&self) -> View {
        self.inner.shared.views.capture(self.inner.shared.clock.now())
    }

    /// What happens from now on, once it is recorded.
    pub fn listen(&self) -> broadcast::Receiver<RecordedEvent> {
        self.inner.shared.happened.subscribe()
    }

    /// Reads the configuration anew. The old one stays where the new one is bad, and the faults
    /// are what is returned. Once it is taken in, a reload is carried out whether or not this is
    /// waited for.
    pub fn reload(&self) -> impl Future<Output = Result<(), String>> + Send + use<> {
        let inner = Arc::clone(&self.inner);
        async move { inner.request(Operation::Reload).await.map_err(|why| why.to_string()) }
    }

    /// Whether the scheduler turns, and the store can be written.
    pub fn is_ready(&self) -> bool {
        self.inner.unready().is_empty()
    }

    /// Whether the scheduler turns.
    pub fn is_alive(&self) -> bool {
        self.inner.stalled().is_none()
    }

    /// Stops polling and listening, lets what is under way come to its end, takes down what was
    /// seen, and gives the store back: within 2 s, whatever an endpoint, a reader or the disk does.
    pub async fn stop(mut self) -> Result<(), StoreError> {
        let began = Instant::now();
        let shared = &self.inner.shared;
        // From now on nothing is begun: polls under way are dropped, owners end what they are at.
        shared.stopping.cancel();
        let mut closing = JoinSet::new();
        for listener in std::mem::take(&mut self.listeners) {
            closing.spawn(listener.stop());
        }
        if let Some(admin) = self.admin.take() {
            closing.spawn(admin.stop());
        }
        self.scheduling.abort();
        self.tasks.abort_all();
        self.inner.stop_notifier();
        shared.tasks.close();
        let ended = async {
            shared.tasks.wait().await;
            while closing.join_next().await.is_some() {}
        };
        if timeout_at(began + FINISHING, ended).await.is_err() {
            warn!("something did not come to its end in time: what it had recorded is recorded");
        }
        shared.store.record_poll_states(shared.views.poll_states());
        info!(head = %shared.store.status().head.head, "store closed");
        let closed = shared.store.clone().close();
        timeout_at(began + STOPPING, closed).await.unwrap_or(Err(StoreError::Closed))
    }
}

async fn load_web_file(path: Option<PathBuf>) -> Result<Option<WebFile>, StartError> {
    let Some(path) = path else { return Ok(None) };
    let loaded = tokio::task::spawn_blocking(move || WebFile::load(&path));
    Ok(Some(loaded.await.map_err(|_| StartError::Interrupted)??))
}

fn listen(
    inner: &Arc<Inner>,
    backend: &Arc<DaemonBackend>,
    connections: usize,
) -> Result<(Vec<WebListener>, Vec<SocketAddr>), StartError> {
    let mut listeners = Vec::new();
    let mut addresses = Vec::new();
    let gate = inner.web_file.clone().map(|file| Arc::new(RequestGate::new(Arc::new(file))));
    let settings = WebSettings {
        reload: if inner.options.enable_lifecycle {
            ReloadOverHttp::Taken
        } else {
            ReloadOverHttp::Refused
        },
        gate,
        // All listeners share the descriptors.
        readers: Readers::new(connections, inner.shared.registered.clone()),
    };
    for address in &inner.options.listen {
        let bound = WebListener::bind_with(*address, backend.clone(), settings.clone());
        let listener = bound.map_err(|source| StartError::Listen { address: *address, source })?;
        protection::warn_of_exposure(listener.address(), inner.web_file.as_ref());
        addresses.push(listener.address());
        listeners.push(listener);
    }
    Ok((listeners, addresses))
}

async fn flush(shared: Arc<PollContext>) {
    loop {
        tokio::time::sleep(FLUSH_EVERY).await;
        shared.store.record_poll_states(shared.views.poll_states());
    }
}

async fn log_journal_head(shared: Arc<PollContext>) {
    loop {
        tokio::time::sleep(HEAD_EVERY).await;
        let head = shared.store.status().head;
        info!(entries = head.number, head = %head.head, "journal head");
    }
}
