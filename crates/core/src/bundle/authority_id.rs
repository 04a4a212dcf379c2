//! What an authority is known by.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Fingerprint;

closed_set! {
    /// What an authority's key signs: the `use` of its JWK (Bundle, 4.2.2; WIT-SVID, 6.1).
    pub enum SvidType {
        /// X509-SVIDs.
        X509 => "x509-svid",
        /// JWT-SVIDs.
        Jwt => "jwt-svid",
        /// WIT-SVIDs (incubating).
        Wit => "wit-svid",
    }
}

/// What an authority is: its use and its fingerprint. One key under two uses is two authorities
/// (Bundle, 4.2).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct AuthorityId {
    /// What it signs.
    #[serde(rename = "use")]
    pub svid_type: SvidType,
    /// What its key or certificate hashes to.
    pub fingerprint: Fingerprint,
}

impl fmt::Display for AuthorityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.svid_type.label(), self.fingerprint)
    }
}
