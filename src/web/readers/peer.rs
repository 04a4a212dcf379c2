//! Who is at the other end of a connection, as far as shares go.

use std::net::{IpAddr, Ipv6Addr};

/// Who connects. One address is one peer; under IPv6 a whole /64 is, which is what one host gets.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(in crate::web) enum Peer {
    /// Over TCP.
    Network(IpAddr),
    /// Over the admin socket, the user ID by the kernel's word.
    User(Option<u32>),
}

impl Peer {
    /// The peer at this address.
    pub(in crate::web) fn network(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::Network(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            address @ IpAddr::V4(_) => Self::Network(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Peer;

    #[test]
    fn a_network_of_ipv6_is_one_peer() {
        let peer = |text: &str| Peer::network(text.parse().unwrap());
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:1"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
    }
}
