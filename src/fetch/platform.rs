//! The platform's roots, loaded once and beside the polls: they lie in files, which may hang.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::refusal::PollRefusal;
use super::web::WebRoots;
use anchorwatch_core::watch::FailureReason;

/// The platform's roots.
#[derive(Debug, Default)]
pub(super) struct PlatformRoots {
    begun: AtomicBool,
    loaded: watch::Sender<Option<Arc<WebRoots>>>,
}

impl PlatformRoots {
    /// The roots, loaded by whoever asks first.
    pub(super) async fn get(
        self: &Arc<Self>,
        deadline: Instant,
    ) -> Result<Arc<WebRoots>, PollRefusal> {
        if !self.begun.swap(true, Ordering::Relaxed) {
            let roots = Arc::clone(self);
            tokio::task::spawn_blocking(move || {
                roots.loaded.send_replace(Some(Arc::new(WebRoots::platform())));
            });
        }
        let mut loaded = self.loaded.subscribe();
        let loaded = timeout_at(deadline, loaded.wait_for(Option::is_some)).await;
        let roots = loaded.ok().and_then(|loaded| loaded.ok()?.clone());
        roots.ok_or_else(|| {
            let detail = "reading the platform's root certificates: not done in time";
            PollRefusal::new(FailureReason::Timeout, detail)
        })
    }
}
