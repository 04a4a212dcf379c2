//! A trust domain whose keys are replaced all the time.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anchorwatch::demo::endpoint::LoopbackEndpoint;
use anchorwatch::demo::mint::{DemoKeyAlgorithm, JwtAuthority, X509Ca};

use crate::process::{document, hour, id, relationship};

/// Number of JWT and of X.509 authorities that a bundle lists at most.
const LISTED: usize = 4;
/// Each tenth change publishes an X.509 authority instead of a JWT key.
const X509_EVERY: u64 = 10;

pub(crate) struct Issuer {
    pub(crate) name: String,
    endpoint: LoopbackEndpoint,
    authorities: Vec<X509Ca>,
    keys: Vec<JwtAuthority>,
    sequence: u64,
    /// The sequence number that came with the newest X.509 authority.
    newest_x509: u64,
    /// The newest sequence number that the daemon has shown, so that it is on its disk.
    pub(crate) shown: Arc<AtomicU64>,
}

impl Issuer {
    pub(crate) async fn start(name: &str) -> Self {
        let domain = name.parse().unwrap();
        let authorities = vec![X509Ca::mint(&domain, hour(), DemoKeyAlgorithm::EcP256).unwrap()];
        let keys = vec![JwtAuthority::mint(DemoKeyAlgorithm::EcP256).unwrap()];
        let svid = authorities[0].svid(&id(name), hour()).unwrap();
        let served = document(&[&authorities[0]], &[&keys[0]], 1);
        let endpoint = LoopbackEndpoint::start(&svid, served).await.unwrap();
        let (name, shown) = (name.to_owned(), Arc::default());
        Self { name, endpoint, authorities, keys, sequence: 1, newest_x509: 1, shown }
    }

    /// The relationship as it stands in a configuration, with its bootstrap file in `folder`.
    pub(crate) fn relationship(&self, folder: &Path) -> String {
        let bootstrap = folder.join(format!("{}.pem", self.name));
        std::fs::write(&bootstrap, self.authorities[0].pem()).unwrap();
        relationship(&self.name, &self.endpoint.url(), &id(&self.name), Some(&bootstrap))
    }

    /// Whether it ever published a second X.509 authority.
    pub(crate) fn replaced_x509(&self) -> bool {
        1 < self.newest_x509
    }

    /// Publishes one new key. As a good issuer would, it signs its endpoint's SVID with no X.509
    /// authority that the daemon does not hold yet: however slow the machine, a daemon that cannot
    /// authenticate the endpoint was not locked out by the issuer.
    pub(crate) fn rotate(&mut self) {
        self.sequence += 1;
        let held = self.newest_x509 <= self.shown.load(Ordering::Relaxed);
        if held && self.newest_x509 + X509_EVERY <= self.sequence {
            self.newest_x509 = self.sequence;
            let signing = self.authorities.last().unwrap();
            self.endpoint.present(&signing.svid(&id(&self.name), hour()).unwrap());
            let domain = self.name.parse().unwrap();
            self.authorities.push(X509Ca::mint(&domain, hour(), DemoKeyAlgorithm::EcP256).unwrap());
        } else {
            self.keys.push(JwtAuthority::mint(DemoKeyAlgorithm::EcP256).unwrap());
        }
        let old = self.authorities.len().saturating_sub(LISTED);
        self.authorities.drain(..old);
        let old = self.keys.len().saturating_sub(LISTED);
        self.keys.drain(..old);
        let authorities: Vec<&X509Ca> = self.authorities.iter().collect();
        let keys: Vec<&JwtAuthority> = self.keys.iter().collect();
        self.endpoint.serve(document(&authorities, &keys, self.sequence));
    }
}
