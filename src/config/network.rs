//! Where the appliance listens, and which networks it trusts.

use super::{AdminListen, Fault};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// An address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

/// One address alone.
impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Network {
        Network { address, bits: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl Network {
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.address, ip.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                own.to_bits() & mask == ip.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(ip)) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                own.to_bits() & mask == ip.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// `192.0.2.1` or `192.0.2.0/24`.
pub(super) fn network(text: &str) -> Result<Network, Fault> {
    let fault = ("is neither an address nor a network", "write it as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32");
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().map_err(|_| fault)?;
    let most = Network::from(address).bits;
    let bits = match bits {
        None => most,
        Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => bits.parse().map_err(|_| fault)?,
        Some(_) => return Err(fault),
    };
    if bits > most { Err(fault) } else { Ok(Network { address, bits }) }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, Fault> {
    text.parse().map_err(|_| ("is not an address and a port", "write it as 0.0.0.0:443 or [::]:443"))
}

/// The private side: this machine only.
pub(super) fn admin(text: &str) -> Result<AdminListen, Fault> {
    let remedy = "write a loopback address as 127.0.0.1:7878, or unix:/run/referd/admin.sock";
    if let Some(path) = text.strip_prefix("unix:") {
        // An address of the kernel holds a path of at most 107 bytes (unix(7)).
        let good = Path::new(path).is_absolute() && !path.ends_with('/') && path.len() <= 107;
        return if good { Ok(AdminListen::Unix(path.into())) } else { Err(("is not a socket's full path", remedy)) };
    }
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(AdminListen::Tcp(address)),
        Ok(_) => Err(("could be reached from other machines", remedy)),
        Err(_) => Err(("is not an address and a port", remedy)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_addresses() {
        for (text, ip, inside) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.0/24", "192.0.2.77", true),
            ("192.0.2.9/24", "192.0.2.77", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.0/24", "::ffff:192.0.2.1", true),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db9::1", true),
            ("::1", "::1", true),
        ] {
            let network = network(text).expect(text);
            assert_eq!(network.contains(ip.parse().expect(ip)), inside, "{text} {ip}");
        }
        for text in ["", "x", "192.0.2.0/33", "::/129", "192.0.2.0/", "192.0.2.0/+8", "192.0.2.0/8/8", "proxy.example"]
        {
            assert!(network(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_private_side_stays_on_the_machine() {
        for (text, good) in [
            ("127.0.0.1:7878", true),
            ("127.8.8.8:1", true),
            ("[::1]:7878", true),
            ("unix:/run/referd/admin.sock", true),
            ("0.0.0.0:7878", false),
            ("[::]:7878", false),
            ("192.0.2.1:7878", false),
            ("localhost:7878", false),
            ("127.0.0.1", false),
            ("unix:admin.sock", false),
            ("unix:/run/", false),
            ("unix:", false),
            ("", false),
        ] {
            assert_eq!(admin(text).is_ok(), good, "{text}");
        }
    }
}
