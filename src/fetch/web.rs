//! The roots of `https_web`, and whether a chain is a Web PKI certificate for a host.

use std::fmt;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::denied;
use super::path::{self, Algorithms, Anchor, Found};
use super::presented::{self, PresentedChain};
use super::refusal::PollRefusal;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{FailureReason, PathKey};

/// The most certificates of a CA file.
const MOST: usize = 4096;

/// The certificates that an `https_web` endpoint's chain may end in.
pub struct WebRoots {
    anchors: Vec<(Anchor<'static>, PathKey)>,
    source: &'static str,
    unusable: usize,
}

/// Why a CA file gives no roots.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WebRootsError {
    /// There is no certificate in it.
    #[error("no certificate in PEM form")]
    Empty,
    /// A block is not PEM, or not a certificate.
    #[error("certificate {0} cannot be read")]
    Certificate(usize),
    /// It holds more than 4,096.
    #[error("more than {MOST} certificates")]
    TooMany,
}

impl WebRoots {
    /// The platform's own. A set without any is kept: a watch that uses `https_spiffe` alone needs
    /// none, and a poll that does says so.
    pub fn platform() -> Self {
        let loaded = rustls_native_certs::load_native_certs();
        let mut unusable = loaded.errors.len();
        let mut anchors = Vec::with_capacity(loaded.certs.len());
        for der in &loaded.certs {
            match root(der) {
                Some(anchor) => anchors.push(anchor),
                None => unusable += 1,
            }
        }
        Self { anchors, source: "the platform's store", unusable }
    }

    /// Those of a CA file in PEM form, every one of which must be readable.
    pub fn from_pem(pem: &[u8]) -> Result<Self, WebRootsError> {
        let mut anchors = Vec::new();
        for (place, der) in CertificateDer::pem_slice_iter(pem).enumerate() {
            if place == MOST {
                return Err(WebRootsError::TooMany);
            }
            let der = der.map_err(|_| WebRootsError::Certificate(place + 1))?;
            anchors.push(root(&der).ok_or(WebRootsError::Certificate(place + 1))?);
        }
        if anchors.is_empty() {
            return Err(WebRootsError::Empty);
        }
        Ok(Self { anchors, source: "the CA file", unusable: 0 })
    }

    /// None: for a CA file that cannot be used. The platform's must not stand in for it.
    pub fn none() -> Self {
        Self { anchors: Vec::new(), source: "the CA file", unusable: 0 }
    }

    /// Whether these are the same certificates in the same order.
    pub(super) fn are_those_of(&self, other: &Self) -> bool {
        let all = |roots: &'_ Self| -> Vec<PathKey> {
            roots.anchors.iter().map(|(_, key)| *key).collect()
        };
        all(self) == all(other)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.anchors.len()
    }

    /// Whether there is none: no `https_web` endpoint can be verified.
    pub fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    /// How many files or certificates of the platform could not be read.
    pub fn unusable(&self) -> usize {
        self.unusable
    }

    /// Verifies the chain for `host` (Federation, 5.2.1.4) and says on which keys above the leaf it
    /// rests; the last of them is the root's.
    pub(super) fn verify(
        &self,
        chain: &PresentedChain<'_>,
        host: &ServerName<'_>,
        algorithms: Algorithms,
        now: Timestamp,
    ) -> Result<Vec<PathKey>, PollRefusal> {
        let untrusted = |detail: String| PollRefusal::new(FailureReason::UntrustedChain, detail);
        let leaf = EndEntityCert::try_from(chain.leaf)
            .map_err(|error| untrusted(format!("its certificate cannot be read: {error}")))?;
        if self.is_empty() {
            let detail = format!("{} holds no root certificate to verify it with", self.source);
            return Err(untrusted(detail));
        }
        let anchors: Vec<Anchor<'_>> =
            self.anchors.iter().map(|(anchor, _)| anchor.clone()).collect();
        let server = KeyUsage::server_auth();
        let found = path::verify(chain, &leaf, &anchors, algorithms, now, server, |_, _| Ok(()));
        let Found { place, between } = found.map_err(|error| {
            if matches!(error, webpki::Error::UnknownIssuer) {
                return untrusted(format!("its chain ends in no root of {}", self.source));
            }
            path::refusal(&error, FailureReason::UntrustedChain)
        })?;
        leaf.verify_is_valid_for_subject_name(host).map_err(|_| {
            let host = host.to_str();
            PollRefusal::new(FailureReason::WrongHost, format!("its certificate is not for {host}"))
        })?;
        let (_, root) = self.anchors.get(place).ok_or_else(|| untrusted("no root".to_owned()))?;
        Ok(between.into_iter().chain([*root]).collect())
    }
}

impl fmt::Debug for WebRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebRoots")
            .field("source", &self.source)
            .field("roots", &self.anchors.len())
            .finish_non_exhaustive()
    }
}

fn root(der: &CertificateDer<'_>) -> Option<(Anchor<'static>, PathKey)> {
    let parsed = presented::certificate(der)?;
    let constraints = parsed.basic_constraints().ok().flatten();
    let path_length = constraints.and_then(|constraints| constraints.value.path_len_constraint);
    let anchor: TrustAnchor<'static> = anchor_from_trusted_cert(der).ok()?.to_owned();
    Some((Anchor { anchor, path_length }, denied::key_of(der, &parsed)))
}
