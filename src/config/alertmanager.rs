//! The Alertmanagers to which findings are pushed.

use std::path::PathBuf;
use std::time::Duration;

use anchorwatch_core::untrusted::UntrustedText;
use url::Url;

/// An Alertmanager to which findings are pushed, as it is configured.
///
/// The notifier has a type of its own, with log-in and certificate as pairs: neither layer may name
/// the other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Alertmanager {
    /// Where it listens; `http` or `https`, without a user name or a password.
    pub url: Url,
    /// The user name for basic authentication.
    pub username: Option<UntrustedText>,
    /// The file that the password is in; there exactly where `username` is.
    pub password_file: Option<PathBuf>,
    /// The roots of its certificate, instead of the platform's.
    pub ca_file: Option<PathBuf>,
    /// The certificates that authenticate anchorwatch.
    pub cert_file: Option<PathBuf>,
    /// Their key; there exactly where `cert_file` is.
    pub key_file: Option<PathBuf>,
    /// The time from a finding's end to the resolution of its alert.
    pub resolve_after: Duration,
}
