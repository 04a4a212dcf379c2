//! How much an endpoint may take: of our time, our memory and our patience.

use std::time::Duration;

use crate::bundle::ParseLimits;
use crate::watch::Policy;

/// Every limit of a poll. All that comes from outside is bounded by one of these.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The longest that one poll may take, from the name look-up to the last byte.
    pub timeout: Duration,
    /// The longest that one address may take until the TLS handshake is done.
    pub connect_timeout: Duration,
    /// The most redirects that are followed; 0 follows none.
    pub redirects: u8,
    /// The most addresses of one name that are asked.
    pub addresses: usize,
    /// The most bytes of a body.
    pub body: usize,
    /// The most elements of `keys`.
    pub keys: usize,
    /// The deepest nesting of arrays and objects.
    pub nesting: usize,
}

impl Limits {
    /// The most header fields of an answer; hyper itself bounds a head at about 400 KiB.
    pub const HEADERS: usize = 64;
    /// The most certificates beside the leaf that are kept as evidence.
    pub const CHAIN: usize = 8;
    /// The most bytes of a failure's detail.
    pub const DETAIL: usize = 512;
    /// The most name look-ups at one time: getaddrinfo holds a thread, and cannot be called off.
    pub const LOOKUPS: usize = 48;
    /// The most look-ups at one time of names whose last look-up took too long: a dead name server
    /// holds up its own zone alone.
    pub const SLOW_LOOKUPS: usize = 16;

    /// What of these binds the parser.
    pub fn parse(&self) -> ParseLimits {
        ParseLimits { body: self.body, keys: self.keys, nesting: self.nesting }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let ParseLimits { body, keys, nesting } = ParseLimits::default();
        Self {
            timeout: Policy::TIMEOUT,
            connect_timeout: Policy::TIMEOUT / 2,
            redirects: 3,
            addresses: 16,
            body,
            keys,
            nesting,
        }
    }
}
