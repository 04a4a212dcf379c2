//! What the tests of the daemon's parts need: one trust domain, its store, and a clock that breaks.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

use super::domain::{Relation, WatchedDomain};
use super::poll_context::PollContext;
use super::{SystemClock, targets};
use crate::config::Config;
use crate::fetch::Fetcher;
use crate::store::{Store, StoreOptions};
use anchorwatch_core::judge;
use anchorwatch_core::time::{Clock, Timestamp};
use anchorwatch_core::watch::DomainState;

/// The system's clock, until it breaks.
#[derive(Debug, Default)]
pub(super) struct Fragile(pub(super) AtomicBool);

impl Clock for Fragile {
    fn now(&self) -> Timestamp {
        assert!(!self.0.load(Ordering::Relaxed), "a bug");
        SystemClock.now()
    }
}

pub(super) struct TestScene {
    folder: TempDir,
    pub(super) clock: Arc<Fragile>,
    pub(super) shared: Arc<PollContext>,
    pub(super) config: Config,
}

impl TestScene {
    /// One trust domain behind Web PKI, at an address where nothing listens.
    pub(super) fn new() -> Self {
        Self::with_profile("https_web: {}")
    }

    pub(super) fn with_profile(profile: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Fragile::default());
        let text = format!(
            "federates_with: {{a.example: {{bundle_endpoint_url: \"https://127.0.0.1:1/\", \
             bundle_endpoint_profile: {{{profile}}}}}}}"
        );
        let config = Config::from_text(&folder.path().join("a.yaml"), &text).unwrap();
        let (store, _) =
            Store::open(folder.path(), StoreOptions::new(Arc::new(SystemClock))).unwrap();
        let fetcher = Fetcher::new(Arc::new(SystemClock));
        let shared = PollContext::new(clock.clone(), fetcher, store, judge::judge_poll).unwrap();
        Self { folder, clock, shared: Arc::new(shared), config }
    }

    /// Where the store is.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn relation(&self) -> Relation {
        targets::relation(&self.config.relationships[0], &self.config)
    }

    pub(super) fn domain(&self) -> WatchedDomain {
        WatchedDomain::new(self.relation(), DomainState::default())
    }
}
