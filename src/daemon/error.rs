//! Why the daemon does not start.

use std::net::SocketAddr;

use crate::store::StoreError;

/// Why the daemon does not start: something of this host, which its operator can change.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The admin socket cannot be opened.
    #[error("cannot open the admin socket")]
    Admin {
        /// Why.
        source: std::io::Error,
    },
    /// The runtime ended while the store was loaded.
    #[error("interrupted while the store was loaded")]
    Interrupted,
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The metrics contradict each other: a bug of ours.
    #[error("cannot register the metrics")]
    Metrics(#[from] prometheus::Error),
    /// Signals cannot be listened for.
    #[error("cannot listen for signals")]
    Signals {
        /// Why.
        source: std::io::Error,
    },
    /// The web configuration is bad, or a file that it names.
    #[error("cannot use the web configuration")]
    WebConfig(#[from] crate::config::LoadError),
    /// The store cannot be opened.
    #[error("cannot open the store")]
    Store(#[from] StoreError),
}
