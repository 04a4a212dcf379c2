//! What an origin is made with.

use std::time::Duration;

use super::KeyAlgorithm;
use crate::issuer::IssuerSettings;

/// What an origin is made with.
#[derive(Clone, Debug)]
pub(super) struct OriginSettings {
    pub(super) settings: IssuerSettings,
    pub(super) x509_key: KeyAlgorithm,
    pub(super) jwt_key: KeyAlgorithm,
    pub(super) x509_svid_ttl: Duration,
    pub(super) refresh_hint: Option<u64>,
    /// By how many microseconds its clock is ahead of the true time.
    pub(super) clock_offset: i64,
}
