//! Addresses of other services: https, or http on this machine. Strict, so that what is checked here
//! and what is called later cannot be read in two ways.

use super::Fault;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The URL without a slash at its end.
pub(super) fn base(text: &str) -> Result<String, Fault> {
    let (scheme, rest) = text.split_once("://").ok_or(("is not a URL", "write https://host"))?;
    if !matches!(scheme, "https" | "http") {
        return Err(("is neither https nor http", "write https://host"));
    }
    if !rest.bytes().all(|b| b.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&b)) {
        return Err(("holds a character that no URL holds", "write it percent-encoded"));
    }
    if rest.contains(['?', '#']) {
        return Err(("has a query or a fragment", "leave out everything from ? or # on"));
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(("holds a user or a password", "leave out everything before the host"));
    }
    let host = host(authority).ok_or(("has no proper host or port", "write https://host or https://host:port"))?;
    if scheme == "http" && !host.is_loopback() {
        return Err(("is http to another machine", "use https; http is for loopback addresses only"));
    }
    let path = path.trim_end_matches('/');
    if path.split('/').skip(1).any(|part| matches!(part, "" | "." | "..")) {
        return Err(("has an empty, . or .. part in its path", "write the plain path"));
    }
    Ok(format!("{scheme}://{authority}{path}"))
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
}

fn host(authority: &str) -> Option<Host<'_>> {
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
    let good = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()) && p.parse::<u16>().is_ok_and(|number| number != 0));
    good.then_some(host)
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
}
