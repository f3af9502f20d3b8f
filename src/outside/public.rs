//! Which addresses belong to the public internet. An address that somebody else chose must not lead into our own
//! network, nor to what a cloud tells its machines.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a public address")]
pub struct NotPublic(pub IpAddr);

/// Looks names up, and gives their addresses only if all are public: one private address among them is a mistake or a
/// trick. The connection goes to what it gives, so a name cannot mean something else a moment later.
pub struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found = all_public(found.collect())?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn all_public(found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, NotPublic> {
    match found.iter().find(|address| !is_public(address.ip())) {
        Some(address) => Err(NotPublic(address.ip())),
        None => Ok(found),
    }
}

pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !NOT_PUBLIC_V4.iter().any(|(net, bits)| within_v4(ip, *net, *bits)),
        IpAddr::V6(ip) => match translated(ip) {
            Some(ip) => is_public(IpAddr::V4(ip)),
            None => {
                within_v6(ip, GLOBAL_V6.0, GLOBAL_V6.1)
                    && !NOT_PUBLIC_V6.iter().any(|(net, bits)| within_v6(ip, *net, *bits))
            }
        },
    }
}

/// IANA's registry of special addresses, and one that it does not know.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),        // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // carriers' own
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32), // Azure's own services, at every machine of it
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local, and what clouds tell their machines
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocols
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // relays to 6to4
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved, and broadcast
];

/// Everything that was ever given out. Loopback, unique-local, link-local, multicast and the forms that hold an IPv4
/// address lie outside.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocols, Teredo and benchmarks among them
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4, which holds an IPv4 address
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

fn within_v4(ip: Ipv4Addr, net: Ipv4Addr, bits: u32) -> bool {
    (ip.to_bits() ^ net.to_bits()).leading_zeros() >= bits
}

fn within_v6(ip: Ipv6Addr, net: Ipv6Addr, bits: u32) -> bool {
    (ip.to_bits() ^ net.to_bits()).leading_zeros() >= bits
}

/// What a translator (NAT64) makes of it: a machine with IPv6 alone sees the whole of IPv4 below this prefix.
fn translated(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let prefix = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);
    within_v6(ip, prefix, 96).then(|| Ipv4Addr::from_bits(ip.to_bits() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        // The first and the last of each range, and their neighbours where these are public.
        let public = "1.0.0.0 1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
            168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 \
            192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 \
            198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 8.8.8.8 \
            2000:: 2001:200:: 2001:4860:4860::8888 2001:db7:ffff:: 2001:db9:: 2003:: 2606:4700:4700::1111 2a00:: \
            3ffe:ffff:: 3fff:1000:: 3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 64:ff9b::1.1.1.1";
        let other = "0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255 127.0.0.0 \
            127.0.0.1 127.255.255.255 168.63.129.16 169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255 \
            192.0.0.0 192.0.0.192 192.0.0.255 192.0.2.0 192.0.2.255 192.88.99.0 192.88.99.255 192.168.0.0 192.168.255.255 \
            198.18.0.0 198.19.255.255 198.51.100.0 198.51.100.255 203.0.113.0 203.0.113.255 224.0.0.0 239.255.255.255 \
            240.0.0.0 255.255.255.255 \
            :: ::1 ::2 ::127.0.0.1 ::1.1.1.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:1.1.1.1 \
            ::ffff:0:1.1.1.1 64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b:0:0:0:1:101:101 \
            64:ff9b:1::1.1.1.1 100:: 1fff:ffff:: 2001:: 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 \
            2001:20::1 2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff 2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff 2002:: \
            2002:7f00:1::1 2002:ffff:: 3fff:: 3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff 4000:: 5f00::1 fc00:: \
            fd00:ec2::254 fdff:ffff:: fe80:: fe80::1 fe80::a9fe:a9fe febf:ffff:: fec0::1 ff00:: ff02::1 \
            ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        for (addresses, expected) in [(public, true), (other, false)] {
            for address in addresses.split_whitespace() {
                assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
            }
        }
    }

    #[test]
    fn one_private_address_spoils_a_name() {
        let rows: [(&[&str], Result<(), &str>); 6] = [
            (&["1.1.1.1"], Ok(())),
            (&["1.1.1.1", "2606:4700::1"], Ok(())),
            (&["1.1.1.1", "10.0.0.1"], Err("10.0.0.1")),
            (&["::1", "1.1.1.1"], Err("::1")),
            (&["::ffff:1.1.1.1"], Err("::ffff:1.1.1.1")),
            (&[], Ok(())),
        ];
        for (found, expected) in rows {
            let found: Vec<SocketAddr> = found.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect();
            let expected = expected.map(|()| found.clone()).map_err(|ip| NotPublic(ip.parse().unwrap()));
            assert_eq!(all_public(found), expected);
        }
    }
}
