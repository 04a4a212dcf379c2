//! Paths that verified, so that an unchanged chain is not verified again at every poll.
//!
//! Path validation is a function of the chain, the authorities, what is denied, the wanted ID and
//! the time. For all but the last the key is a digest of them, and the time is checked against the validity of
//! every certificate of the path. What proves that the endpoint holds the leaf's key is the
//! signature over the handshake, which is checked each time and never remembered.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use rustls::pki_types::CertificateDer;

use anchorwatch_core::bundle::{Digest, Validity};
use anchorwatch_core::spiffe::SpiffeId;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{Presented, Trust};

/// The most paths that are remembered: one each for 10,000 endpoints, and some for replicas.
const MOST: usize = 16_384;

/// What verified, by the digest of all that it depends on.
#[derive(Default)]
pub(super) struct Memo {
    paths: Mutex<HashMap<Digest, Remembered>>,
}

struct Remembered {
    validity: Validity,
    presented: Presented,
}

impl Memo {
    /// The digest of all that path validation depends on but the time.
    pub(super) fn key(
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        trust: &Trust,
        id: &SpiffeId,
    ) -> Digest {
        let mut context = Context::new(&SHA256);
        // Each part goes with its length, so that no two lists of parts read the same.
        let mut part = |bytes: &[u8]| {
            context.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(bytes);
        };
        part(id.as_str().as_bytes());
        for authority in trust.authorities.iter() {
            part(authority.id.fingerprint.as_bytes());
        }
        part(&[]);
        for denials in trust.denials.iter() {
            for denial in denials.denials() {
                part(denial.fingerprint.as_bytes());
                part(denial.public_key.as_ref().map_or(&[], |key| &key.as_bytes()[..]));
                part(&denial.at.as_unix_micros().to_be_bytes());
            }
            part(&[]);
            for approval in denials.approvals() {
                part(approval.fingerprint.as_bytes());
                part(&approval.at.as_unix_micros().to_be_bytes());
            }
            part(&[]);
        }
        part(leaf);
        for der in intermediates {
            part(der);
        }
        let mut value = [0; 32];
        for (to, from) in value.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        Digest::from_bytes(value)
    }

    /// What was presented, where it verified before and every certificate of it is valid now.
    pub(super) fn recall(&self, key: &Digest, now: Timestamp) -> Option<Presented> {
        let paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = paths.get(key)?;
        remembered.validity.contains(now).then(|| remembered.presented.clone())
    }

    /// Remembers what verified.
    pub(super) fn remember(
        &self,
        key: Digest,
        validity: Validity,
        presented: Presented,
        now: Timestamp,
    ) {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        if MOST <= paths.len() {
            paths.retain(|_, remembered| remembered.validity.contains(now));
        }
        if MOST <= paths.len() {
            // More live chains than any watch has: an endpoint makes them up. Begin anew.
            paths.clear();
        }
        paths.insert(key, Remembered { validity, presented });
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo")
    }
}
