//! Where a trust domain's bundle is served, and how that place proves who it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{SpiffeId, TrustDomain};

/// The URL of a bundle endpoint (Federation, 5.2.1.1 and 5.2.2.1). A redirect's target must pass
/// the same checks.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EndpointUrl(Url);

impl EndpointUrl {
    /// The URL as it is written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        let host = self.0.host_str().unwrap_or_default();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// The host as it stands in a URL: an IPv6 address with its brackets.
    pub fn authority_host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port, 443 where none is written.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    /// The URL that a `Location` header of this endpoint names.
    pub fn join(&self, location: &str) -> Result<Self, EndpointUrlError> {
        let target = self.0.join(location).map_err(|_| EndpointUrlError::Malformed)?;
        Self::try_from(target)
    }
}

/// Why a text is no bundle endpoint URL.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EndpointUrlError {
    /// It is no URL.
    #[error("not a URL, such as https://spire.example.org:8443")]
    Malformed,
    /// It has no host.
    #[error("the URL names no host")]
    NoHost,
    /// The scheme is not `https`.
    #[error("the scheme must be https (Federation, 5.2)")]
    Scheme,
    /// It carries a user name or a password.
    #[error("the URL must not contain a user name or a password (Federation, 5.2)")]
    UserInfo,
}

impl TryFrom<Url> for EndpointUrl {
    type Error = EndpointUrlError;

    fn try_from(url: Url) -> Result<Self, Self::Error> {
        if url.scheme() != "https" {
            return Err(EndpointUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointUrlError::UserInfo);
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(EndpointUrlError::NoHost);
        }
        Ok(Self(url))
    }
}

impl FromStr for EndpointUrl {
    type Err = EndpointUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(Url::parse(text).map_err(|_| EndpointUrlError::Malformed)?)
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

serde_as_text!(EndpointUrl);

/// How an endpoint proves who it is (Federation, 5.2). It has no default and is never guessed
/// (Federation, 7.2).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointProfile {
    /// By an X509-SVID (Federation, 5.2.2).
    HttpsSpiffe {
        /// The one identity that its SVID must carry.
        endpoint_spiffe_id: SpiffeId,
    },
    /// By a Web PKI certificate for the URL's host (Federation, 5.2.1).
    HttpsWeb,
}

closed_set! {
    /// The name of a profile, as configurations and metrics spell it.
    pub enum ProfileName {
        /// `https_spiffe`
        HttpsSpiffe => "https_spiffe",
        /// `https_web`
        HttpsWeb => "https_web",
    }
}

impl EndpointProfile {
    /// The profile without its parameters.
    pub fn name(&self) -> ProfileName {
        match self {
            Self::HttpsSpiffe { .. } => ProfileName::HttpsSpiffe,
            Self::HttpsWeb => ProfileName::HttpsWeb,
        }
    }
}

/// The three parameters that a client must be given explicitly (Federation, 5.1 and 7.2).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct BundleEndpoint {
    /// Whose bundle is served. A bundle does not name its trust domain.
    pub trust_domain: TrustDomain,
    /// Where.
    pub url: EndpointUrl,
    /// How the endpoint authenticates.
    pub profile: EndpointProfile,
}

impl BundleEndpoint {
    /// The trust domain whose bundle must authenticate the endpoint, or `None` under `https_web`.
    pub fn served_by(&self) -> Option<&TrustDomain> {
        match &self.profile {
            EndpointProfile::HttpsSpiffe { endpoint_spiffe_id } => {
                Some(endpoint_spiffe_id.trust_domain())
            }
            EndpointProfile::HttpsWeb => None,
        }
    }

    /// Whether the endpoint's SVID belongs to the trust domain that it serves (Federation, 5.2.2).
    pub fn is_self_serving(&self) -> bool {
        self.served_by() == Some(&self.trust_domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_https_and_without_userinfo() {
        use EndpointUrlError as E;
        for (text, error) in [
            ("http://a.example", E::Scheme),
            ("https://user@a.example", E::UserInfo),
            ("https://:secret@a.example", E::UserInfo),
            ("spire.example:8443", E::Scheme),
            ("/bundle.json", E::Malformed),
            ("https://", E::Malformed),
        ] {
            assert_eq!(text.parse::<EndpointUrl>(), Err(error), "{text}");
        }
        let url: EndpointUrl = "https://[::1]:8443/b?x=1".parse().unwrap();
        assert_eq!((url.host(), url.port()), ("::1", 8443));
        assert_eq!("https://a.example".parse::<EndpointUrl>().unwrap().port(), 443);
    }

    #[test]
    fn a_redirect_target_passes_the_same_checks() {
        let url: EndpointUrl = "https://a.example/x/y".parse().unwrap();
        assert_eq!(url.join("z").unwrap().as_str(), "https://a.example/x/z");
        assert_eq!(url.join("http://a.example/"), Err(EndpointUrlError::Scheme));
        assert_eq!(url.join("https://u@a.example/"), Err(EndpointUrlError::UserInfo));
    }

    #[test]
    fn who_serves_whom_follows_from_the_endpoint_id() {
        let endpoint = |id: &str| BundleEndpoint {
            trust_domain: "b.example".parse().unwrap(),
            url: "https://b.example".parse().unwrap(),
            profile: EndpointProfile::HttpsSpiffe { endpoint_spiffe_id: id.parse().unwrap() },
        };
        assert!(endpoint("spiffe://b.example/spire/server").is_self_serving());
        assert!(!endpoint("spiffe://c.example/spire/server").is_self_serving());
    }
}
