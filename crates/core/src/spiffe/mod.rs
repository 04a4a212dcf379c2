//! The nouns of the SPIFFE standards: names, identities and where bundles are served.

mod endpoint;
mod id;
mod probe;
mod trust_domain;

pub use endpoint::{BundleEndpoint, EndpointProfile, EndpointUrl, EndpointUrlError, ProfileName};
pub use id::{SpiffeId, SpiffeIdError};
pub use probe::Probe;
pub use trust_domain::{TrustDomain, TrustDomainError};
