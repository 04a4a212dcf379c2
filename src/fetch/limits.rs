//! How much an endpoint may take: of our time, our memory and our patience.

use std::time::Duration;

use anchorwatch_core::bundle::ParseLimits;
use anchorwatch_core::watch::Policy;

/// Every limit of a poll. All that comes from outside is bounded by one of these.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FetchLimits {
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

impl FetchLimits {
    /// The most header fields of an answer; hyper itself bounds a head at about 400 KiB.
    pub const HEADERS: usize = 64;
    /// The most certificates beside the leaf that are kept as evidence.
    pub const CHAIN: usize = 8;
    /// The most bytes of a failure's detail.
    pub const DETAIL: usize = 512;
    /// A document of more bytes is large: it waits for room, and is read on a thread of its own.
    /// One of this size takes about 10 ms to read where nothing in it is known.
    pub const LARGE: usize = 64 << 10;
    /// The most bytes that large documents may take at one time while they come and are read. A
    /// quarter is for endpoints whose last large documents came slowly. Others take at most
    /// [`FetchLimits::LARGE`] each.
    pub const LARGE_AT_ONCE: usize = 64 << 20;

    /// What of these binds the parser.
    pub fn parse(&self) -> ParseLimits {
        ParseLimits { body: self.body, keys: self.keys, nesting: self.nesting }
    }
}

impl Default for FetchLimits {
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
