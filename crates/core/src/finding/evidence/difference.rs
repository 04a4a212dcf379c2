//! What about an endpoint is another than before.

use serde::{Deserialize, Serialize};

use crate::bundle::KeyType;
use crate::untrusted::UntrustedText;

/// What about an endpoint is another than before, in a way that may mean that another host answers
/// under its name.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "difference")]
pub enum EndpointDifference {
    /// The key type of its certificate.
    CertificateKey {
        /// The type before; absent where no certificate was presented.
        before: Option<KeyType>,
        /// The type now.
        now: Option<KeyType>,
    },
    /// The issuer of its certificate, under `https_web`.
    CertificateIssuer {
        /// The issuer before, cut to 128 bytes.
        before: Option<UntrustedText>,
        /// The issuer now, cut to 128 bytes.
        now: Option<UntrustedText>,
    },
    /// The target of its redirect.
    RedirectTarget {
        /// The target before, cut to 128 bytes; absent where there was no redirect.
        before: Option<UntrustedText>,
        /// The target now, cut to 128 bytes.
        now: Option<UntrustedText>,
    },
    /// The network of the address that answers.
    Network {
        /// The network, outside of every one that the endpoint's name had an address in.
        network: Box<str>,
    },
}
