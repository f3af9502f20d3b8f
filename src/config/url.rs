//! Addresses of other services: https, or http on this machine. Strict, so that what is checked here
//! and what is called later cannot be read in two ways.

use super::Fault;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The URL without a slash at its end.
pub(super) fn base(text: &str) -> Result<String, Fault> {
    let Parts { scheme, authority, host, path, query, .. } = parts(text)?;
    if query.is_some() {
        return Err(("has a query", "leave out everything from ? on"));
    }
    if scheme == "http" && !host.is_loopback() {
        return Err(("is http to another machine", "use https; http is for loopback addresses only"));
    }
    let path = path.trim_end_matches('/');
    plain(path)?;
    Ok(format!("{scheme}://{authority}{path}"))
}

/// Whether a URL that was checked leads to this machine.
pub(super) fn is_loopback(text: &str) -> bool {
    parts(text).is_ok_and(|parts| parts.host.is_loopback())
}

/// The host of a URL that was checked, and its port where one is written.
pub fn authority(text: &str) -> &str {
    parts(text).map(|parts| parts.authority).unwrap_or_default()
}

/// What a URL leads to, so that two ways of writing it are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    host: String,
    port: u16,
    path: String,
    query: Option<String>,
}

impl Target {
    /// Whether it is the other one or stands below it.
    pub fn is_within(&self, other: &Target) -> bool {
        let rest = self.path.strip_prefix(other.path.trim_end_matches('/'));
        let below = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        (&self.host, self.port) == (&other.host, other.port) && below
    }
}

/// Where something is sent: by https, and with `private` to private addresses as well, by http there. A name may
/// stand for any address: that is for the sender to find out.
pub(super) fn target(text: &str, private: bool) -> Result<Target, Fault> {
    let Parts { scheme, host, port, path, query, .. } = parts(text)?;
    plain(path.strip_suffix('/').unwrap_or(path))?;
    let (is_http, is_private) = (scheme == "http", host.is_private());
    if !private && is_private == Some(true) {
        return Err(("goes to a private address", "name a host of the internet, or set allow_private_forwards = true"));
    }
    if is_http && (!private || is_private == Some(false)) {
        return Err(("is http", "use https; http is for private addresses, with allow_private_forwards = true"));
    }
    let port = port.unwrap_or(if is_http { 80 } else { 443 });
    let path = if path.is_empty() { "/" } else { path }.to_owned();
    Ok(Target { host: host.written(), port, path, query: query.map(str::to_owned) })
}

struct Parts<'t> {
    scheme: &'t str,
    authority: &'t str,
    host: Host<'t>,
    port: Option<u16>,
    path: &'t str,
    query: Option<&'t str>,
}

fn parts(text: &str) -> Result<Parts<'_>, Fault> {
    let (scheme, rest) = text.split_once("://").ok_or(("is not a URL", "write https://host"))?;
    if !matches!(scheme, "https" | "http") {
        return Err(("is neither https nor http", "write https://host"));
    }
    if !rest.bytes().all(|b| b.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&b)) {
        return Err(("holds a character that no URL holds", "write it percent-encoded"));
    }
    if rest.contains('#') {
        return Err(("has a fragment", "leave out everything from # on"));
    }
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(("holds a user or a password", "leave out everything before the host"));
    }
    let (host, port) =
        host(authority).ok_or(("has no proper host or port", "write https://host or https://host:port"))?;
    Ok(Parts { scheme, authority, host, port, path, query })
}

fn plain(path: &str) -> Result<(), Fault> {
    match path.split('/').skip(1).any(|part| matches!(part, "" | "." | "..")) {
        true => Err(("has an empty, . or .. part in its path", "write the plain path")),
        false => Ok(()),
    }
}

enum Host<'t> {
    Name(&'t str),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl Host<'_> {
    fn is_loopback(&self) -> bool {
        match self {
            Host::Name(name) => name.eq_ignore_ascii_case("localhost"),
            Host::V4(ip) => ip.is_loopback(),
            Host::V6(ip) => ip.is_loopback(),
        }
    }

    /// None for a name that may stand for anything.
    fn is_private(&self) -> Option<bool> {
        let v4 = |ip: &Ipv4Addr| {
            let [a, b, ..] = ip.octets();
            // 0/8 and 100.64/10 (RFC 6890, 2.2.2) are nobody's on the internet either.
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || a == 0 || (a == 100 && b & 0xc0 == 64)
        };
        match self {
            Host::Name(name) => {
                // RFC 6761, 6.3; RFC 6762, 3; RFC 8375; ICANN, .internal. No host of the internet
                // has a name without a dot.
                let name = name.to_ascii_lowercase();
                let ends = [".localhost", ".local", ".home.arpa", ".internal"];
                (!name.contains('.') || ends.iter().any(|end| name.ends_with(end))).then_some(true)
            }
            Host::V4(ip) => Some(v4(ip)),
            Host::V6(ip) => Some(match ip.to_ipv4_mapped() {
                Some(ip) => v4(&ip),
                None => ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local(),
            }),
        }
    }

    fn written(&self) -> String {
        match self {
            Host::Name(name) => name.to_ascii_lowercase(),
            Host::V4(ip) => ip.to_string(),
            Host::V6(ip) => ip.to_canonical().to_string(),
        }
    }
}

fn host(authority: &str) -> Option<(Host<'_>, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (ip, port) = rest.split_once(']')?;
            (Host::V6(ip.parse().ok()?), port)
        }
        None => {
            let (name, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            (named(name)?, port)
        }
    };
    let port = match port {
        "" => None,
        _ => {
            let digits = port.strip_prefix(':').filter(|p| p.bytes().all(|b| b.is_ascii_digit()))?;
            Some(digits.parse::<u16>().ok().filter(|number| *number != 0)?)
        }
    };
    Some((host, port))
}

/// A name whose last label is a number is an IPv4 address or nothing (WHATWG, URL: ends in a number).
fn named(name: &str) -> Option<Host<'_>> {
    let last = name.rsplit('.').next()?;
    if last.bytes().all(|b| b.is_ascii_digit()) || last.to_ascii_lowercase().starts_with("0x") {
        return name.parse().ok().map(Host::V4);
    }
    let label =
        |l: &str| (1..=63).contains(&l.len()) && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    (name.len() <= 253 && name.split('.').all(label)).then_some(Host::Name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (text, expected) in [
            ("https://refer.example.com", Some("https://refer.example.com")),
            ("https://refer.example.com/", Some("https://refer.example.com")),
            ("https://refer.example.com:8443/a/b//", Some("https://refer.example.com:8443/a/b")),
            ("https://192.0.2.1", Some("https://192.0.2.1")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("http://127.9.9.9/x", Some("http://127.9.9.9/x")),
            ("http://[::1]:80/", Some("http://[::1]:80")),
            ("http://localhost", Some("http://localhost")),
            ("http://refer.example.com", None),
            ("http://128.0.0.1", None),
            ("http://127.0.0.1.example.com", None),
            ("http://localhost.example.com", None),
            ("http://127.1", None),
            ("http://0x7f.0x1", None),
            ("http://[::ffff:127.0.0.1]", None),
            ("http://127.0.0.1@evil.example", None),
            ("https://user:word@refer.example.com", None),
            ("https://refer.example.com?x", None),
            ("https://refer.example.com/#x", None),
            ("https://refer.example.com/a//b", None),
            ("https://refer.example.com/../b", None),
            ("https://refer.example.com\\@x", None),
            ("https://refer example.com", None),
            ("https://", None),
            ("https:///x", None),
            ("https://x:0", None),
            ("https://x:70000", None),
            ("https://x:", None),
            ("https://x:+1", None),
            ("https://a..b", None),
            ("HTTPS://x", None),
            ("ftp://x", None),
            ("refer.example.com", None),
        ] {
            assert_eq!(base(text).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn targets() {
        // Without and with private ones.
        for (text, expected) in [
            ("https://backend.example.com/apple", [true, true]),
            ("https://backend.example.com", [true, true]),
            ("https://backend.example.com:8443/apple/?a=b&c=/../d//e@f", [true, true]),
            ("https://8.8.8.8/apple", [true, true]),
            ("https://100.63.0.1", [true, true]),
            ("https://100.128.0.1", [true, true]),
            ("https://101.64.0.1", [true, true]),
            ("https://[2a00:1450:4001::1]/apple", [true, true]),
            ("https://[::ffff:8.8.8.8]", [true, true]),
            ("https://localhost.example.com", [true, true]),
            ("https://notlocal", [false, true]),
            ("http://backend.example.com", [false, true]),
            ("https://localhost:8443/apple", [false, true]),
            ("https://a.localhost", [false, true]),
            ("https://backend.local", [false, true]),
            ("https://backend.Internal", [false, true]),
            ("https://backend.home.arpa", [false, true]),
            ("http://backend:8080/apple", [false, true]),
            ("http://127.0.0.1:8080", [false, true]),
            ("https://127.0.0.1", [false, true]),
            ("http://10.0.0.1", [false, true]),
            ("http://172.16.0.1", [false, true]),
            ("http://192.168.0.1", [false, true]),
            ("http://169.254.169.254", [false, true]),
            ("https://100.64.0.1", [false, true]),
            ("https://100.127.0.1", [false, true]),
            ("https://0.0.0.0", [false, true]),
            ("https://[::1]", [false, true]),
            ("http://[::]", [false, true]),
            ("http://[fd00::1]", [false, true]),
            ("http://[fe80::1]", [false, true]),
            ("http://[::ffff:127.0.0.1]", [false, true]),
            ("http://8.8.8.8/apple", [false, false]),
            ("http://[2a00:1450:4001::1]", [false, false]),
            ("https://user@backend.example.com", [false, false]),
            ("https://user:word@backend.example.com", [false, false]),
            ("https://backend.example.com/apple#x", [false, false]),
            ("https://backend.example.com/a//b", [false, false]),
            ("https://backend.example.com/a//", [false, false]),
            ("https://backend.example.com/../b", [false, false]),
            ("https://127.1", [false, false]),
            ("https://?x", [false, false]),
            ("https://backend example.com", [false, false]),
            ("ftp://backend.example.com", [false, false]),
            ("backend.example.com", [false, false]),
        ] {
            assert_eq!([false, true].map(|private| target(text, private).is_ok()), expected, "{text}");
        }
    }

    #[test]
    fn a_target_is_known_however_it_is_written() {
        let read = |text: &str| target(text, true).expect(text);
        for (one, other, same, within) in [
            ("https://a.example", "https://A.Example:443/", true, true),
            ("http://a.example:80", "http://a.example", true, true),
            ("https://[::1]/x", "https://[0:0::1]/x", true, true),
            ("https://[::ffff:127.0.0.1]/x", "https://127.0.0.1/x", true, true),
            ("https://a.example/x", "https://a.example/x/", false, true),
            ("https://a.example/x/", "https://a.example/x", false, true),
            ("https://a.example/x?y", "https://a.example/x", false, true),
            ("https://a.example/x/y", "https://a.example/x", false, true),
            ("https://a.example/x", "https://a.example", false, true),
            ("https://a.example/x", "https://a.example/x/y", false, false),
            ("https://a.example/xy", "https://a.example/x", false, false),
            ("https://a.example/X", "https://a.example/x", false, false),
            ("https://a.example:8443", "https://a.example", false, false),
            ("http://a.example", "https://a.example", false, false),
            ("https://b.example", "https://a.example", false, false),
        ] {
            let (one, other) = (read(one), read(other));
            assert_eq!((one == other, one.is_within(&other)), (same, within), "{one:?} {other:?}");
        }
    }
}
