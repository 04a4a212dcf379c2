//! URLs that are no bundle endpoint's, a proxy's first of all.

use std::fmt;

use url::Url;

use super::fault::Report;
use super::reader::Value;
use super::scalar;
use super::schema::{Key, one_of};

/// What stands for a password where a URL is shown.
const MASK: &str = "xxxxx";

/// An HTTP proxy. Its password is in the URL, and shown nowhere.
#[derive(Clone, Eq, PartialEq)]
pub struct Proxy(Url);

impl Proxy {
    /// The URL with its password: for the connection, and for nothing else.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Whether there is a password to keep.
    pub fn has_password(&self) -> bool {
        self.0.password().is_some()
    }
}

impl fmt::Display for Proxy {
    /// The URL, with `xxxxx` for the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.0.clone();
        if self.has_password() && url.set_password(Some(MASK)).is_err() {
            return f.write_str(MASK);
        }
        f.write_str(url.as_str())
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An HTTP proxy's URL, never quoted in a fault.
pub(super) fn proxy(value: &Value<'_>, key: &'static Key, report: &mut Report) -> Option<Proxy> {
    // A TLS session with the proxy would be verified as if the proxy were the endpoint.
    web_url(value, key, &["http"], report).map(Proxy)
}

/// A URL with a host, under one of these schemes.
pub(super) fn web_url(
    value: &Value<'_>,
    key: &'static Key,
    schemes: &[&str],
    report: &mut Report,
) -> Option<Url> {
    let written = scalar::text(value, key, report)?;
    let message = match Url::parse(written) {
        Ok(url) if !schemes.contains(&url.scheme()) => {
            format!("the scheme is not {}", one_of(schemes))
        }
        Ok(url) if url.host_str().is_none_or(str::is_empty) => "the URL names no host".to_owned(),
        Ok(url) => return Some(url),
        Err(_) => "this is not a URL".to_owned(),
    };
    value.fault(report, message, key.kind.example());
    None
}
