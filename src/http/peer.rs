//! Where a call comes from, as far as limits and the rules against fraud ask.

use hyper::header::{HeaderMap, HeaderName};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Says which addresses are proxies of the team's own.
pub type Trusted = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// Whom an address stands for; nobody in particular if it is this machine or a trusted proxy.
pub fn subscriber(from: IpAddr, trusted: &Trusted) -> Option<IpAddr> {
    let from = from.to_canonical();
    if from.is_loopback() || trusted(from) {
        return None;
    }
    match from {
        IpAddr::V4(_) => Some(from),
        // One subscriber has a whole /64.
        IpAddr::V6(v6) => Some(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)))),
    }
}

/// The subscriber who calls. The team's own server has none: it speaks for many users.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Client(Option<IpAddr>);

impl Client {
    pub const NOBODY: Client = Client(None);

    /// Only a trusted proxy's word is taken for where a call comes from: anybody can send the header.
    pub fn of(peer: IpAddr, headers: &HeaderMap, trusted: &Trusted) -> Client {
        let is_proxy = trusted(peer.to_canonical());
        Client(if is_proxy { forwarded(headers, trusted) } else { subscriber(peer, trusted) })
    }

    /// The subscriber's address as a key.
    pub fn key(&self) -> Option<[u8; 16]> {
        self.0.map(|address| match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        })
    }

    /// The network around the subscriber: the /64 of an IPv6 address, or the /24 of an IPv4 address behind four zeros.
    /// The two cannot meet: 0000::/8 is reserved (RFC 4291, 2.4).
    pub fn network(&self) -> Option<[u8; 8]> {
        self.0.map(|address| match address {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                [0, 0, 0, 0, a, b, c, 0]
            }
            IpAddr::V6(v6) => ((v6.to_bits() >> 64) as u64).to_be_bytes(),
        })
    }
}

/// The nearest address of the chain that is no proxy of the team's. Each proxy adds its own peer at the right end, so
/// what stands left of that address is hearsay and is not read.
fn forwarded(headers: &HeaderMap, trusted: &Trusted) -> Option<IpAddr> {
    for value in headers.get_all(&FORWARDED_FOR).iter().rev() {
        let hops = value.to_str().ok()?.rsplit(',').map(str::trim).filter(|hop| !hop.is_empty());
        for hop in hops {
            if let Some(found) = subscriber(address(hop)?, trusted) {
                return Some(found);
            }
        }
    }
    None
}

/// An address, which some proxies write with its port.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let with_port = || hop.parse().ok().map(|address: SocketAddr| address.ip());
    bare.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn trusted() -> Trusted {
        let proxies: [IpAddr; 3] = ["10.0.0.1", "10.0.0.2", "2001:db8:ffff::1"].map(|text| text.parse().unwrap());
        Arc::new(move |address| proxies.contains(&address))
    }

    fn client(peer: &str, values: &[&[u8]]) -> Client {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&FORWARDED_FOR, HeaderValue::from_bytes(value).unwrap());
        }
        Client::of(peer.parse().unwrap(), &headers, &trusted())
    }

    /// Peer, values of the header, subscriber.
    type Row = (&'static str, &'static [&'static [u8]], Option<&'static str>);

    #[test]
    fn whose_word_is_taken() {
        let rows: &[Row] = &[
            // Nobody in between.
            ("198.51.100.7", &[], Some("198.51.100.7")),
            ("::ffff:198.51.100.7", &[], Some("198.51.100.7")),
            ("2001:db8:1:2:3:4:5:6", &[], Some("2001:db8:1:2::")),
            ("127.0.0.1", &[], None),
            ("::1", &[], None),
            // Anybody can send the header.
            ("198.51.100.7", &[b"203.0.113.5"], Some("198.51.100.7")),
            ("198.51.100.7", &[b"10.0.0.1"], Some("198.51.100.7")),
            ("127.0.0.1", &[b"203.0.113.5"], None),
            // A proxy says it.
            ("10.0.0.1", &[b"203.0.113.5"], Some("203.0.113.5")),
            ("::ffff:10.0.0.1", &[b"203.0.113.5"], Some("203.0.113.5")),
            ("2001:db8:ffff::1", &[b"203.0.113.5"], Some("203.0.113.5")),
            ("10.0.0.1", &[b"198.51.100.1, 203.0.113.5"], Some("203.0.113.5")),
            ("10.0.0.1", &[b"198.51.100.1,203.0.113.5, 10.0.0.2"], Some("203.0.113.5")),
            ("10.0.0.1", &[b"198.51.100.1", b"203.0.113.5"], Some("203.0.113.5")),
            ("10.0.0.1", &[b"198.51.100.1, 203.0.113.5", b"10.0.0.2"], Some("203.0.113.5")),
            ("10.0.0.1", &[b"203.0.113.5, 127.0.0.1"], Some("203.0.113.5")),
            ("10.0.0.1", &[b"nonsense, 203.0.113.5"], Some("203.0.113.5")),
            ("10.0.0.1", &[b"\xff", b"203.0.113.5"], Some("203.0.113.5")),
            ("10.0.0.1", &[b"203.0.113.5,, ,"], Some("203.0.113.5")),
            // However it writes addresses.
            ("10.0.0.1", &[b"203.0.113.5:4711"], Some("203.0.113.5")),
            ("10.0.0.1", &[b"2001:db8:1:2:3:4:5:6"], Some("2001:db8:1:2::")),
            ("10.0.0.1", &[b"[2001:db8:1:2::6]"], Some("2001:db8:1:2::")),
            ("10.0.0.1", &[b"[2001:db8:1:2::6]:4711"], Some("2001:db8:1:2::")),
            ("10.0.0.1", &[b"::ffff:203.0.113.5"], Some("203.0.113.5")),
            // A proxy that does not say it.
            ("10.0.0.1", &[], None),
            ("10.0.0.1", &[b""], None),
            ("10.0.0.1", &[b"10.0.0.2"], None),
            ("10.0.0.1", &[b"203.0.113.5, unknown"], None),
            ("10.0.0.1", &[b"203.0.113.5", b"\xff"], None),
            ("10.0.0.1", &[b"203.0.113.5, 300.1.1.1"], None),
        ];
        for (peer, values, expected) in rows {
            let expected: Option<IpAddr> = expected.map(|text| text.parse().unwrap());
            assert!(client(peer, values) == Client(expected), "{peer} {values:?}");
        }
    }

    #[test]
    fn networks() {
        let rows = [
            ("203.0.113.5", Some([0, 0, 0, 0, 203, 0, 113, 0])),
            ("203.0.113.250", Some([0, 0, 0, 0, 203, 0, 113, 0])),
            ("203.0.112.5", Some([0, 0, 0, 0, 203, 0, 112, 0])),
            ("2001:db8:1:2:3:4:5:6", Some([0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2])),
            ("2001:db8:1:2:ffff::", Some([0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2])),
            ("127.0.0.1", None),
        ];
        for (peer, expected) in rows {
            assert_eq!(client(peer, &[]).network(), expected, "{peer}");
        }
    }

    #[test]
    fn a_subscriber_has_one_key() {
        let key = |peer: &str| client(peer, &[]).key();
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2::2"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_ne!(key("203.0.113.5"), key("203.0.113.6"));
        assert_eq!(key("127.0.0.1"), None);
    }
}
