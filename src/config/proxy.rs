//! The URL of a proxy, whose password is never shown.

use std::fmt;

use url::Url;

/// What stands for a password where a URL is shown.
const MASK: &str = "xxxxx";

/// An HTTP proxy. Its password is in the URL, and shown nowhere.
#[derive(Clone, Eq, PartialEq)]
pub struct Proxy(Url);

impl Proxy {
    /// The proxy at this URL.
    pub(super) fn new(url: Url) -> Self {
        Self(url)
    }

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
