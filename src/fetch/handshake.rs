//! What one handshake showed, for those who ask why it failed and for the evidence.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

use anchorwatch_core::watch::Presented;

/// What one handshake showed, for whoever asks why it failed.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    began: AtomicBool,
    asked_for_certificate: AtomicBool,
    presented: Mutex<Option<Presented>>,
}

impl Handshake {
    /// There is a connection, and the handshake goes over it.
    pub(super) fn begin(&self) {
        self.began.store(true, Ordering::Relaxed);
    }

    /// Whether it began at all: there was a connection.
    pub(super) fn began(&self) -> bool {
        self.began.load(Ordering::Relaxed)
    }

    /// Whether the endpoint asked for a client certificate.
    pub(super) fn asked_for_certificate(&self) -> bool {
        self.asked_for_certificate.load(Ordering::Relaxed)
    }

    /// What the endpoint presented.
    pub(super) fn presented(&self) -> Option<Presented> {
        self.presented.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what the endpoint presents.
    pub(super) fn keep(&self, presented: Option<Presented>) {
        *self.presented.lock().unwrap_or_else(PoisonError::into_inner) = presented;
    }

    /// The endpoint does not hold the key of what it presented: nothing authenticated it.
    pub(super) fn disown(&self) {
        let mut presented = self.presented.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(presented) = presented.as_mut() {
            presented.anchor = None;
            presented.path = Arc::default();
        }
    }
}

impl ResolvesClientCert for Handshake {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // Federation, 5.2.1.3 and 5.2.2.3: no bundle endpoint may insist, so there is none to give.
        self.asked_for_certificate.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
