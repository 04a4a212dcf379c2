//! What is shown of the addresses that polls use.

use tracing::{info, warn};

use super::WatchedDomain;
use anchorwatch_core::view::StaleAddresses;

impl WatchedDomain {
    /// Shows whether the last poll used addresses of an earlier look-up, and logs when that begins
    /// and ends.
    pub(super) fn note_stale_addresses(&mut self, stale: Option<StaleAddresses>) {
        let trust_domain = self.trust_domain().as_str();
        match (&self.counts.stale_addresses, &stale) {
            (None, Some(StaleAddresses { looked_up_at, why })) => {
                warn!(trust_domain, %looked_up_at, %why, "addresses of an earlier look-up are used");
            }
            (Some(_), None) => info!(trust_domain, "addresses are looked up in time again"),
            (Some(_), Some(_)) | (None, None) => (),
        }
        self.counts.stale_addresses = stale;
    }
}
