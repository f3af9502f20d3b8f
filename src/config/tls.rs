//! How the public side comes to its certificate.

use super::section::{Section, entry, note};
use super::url::{self, is_loopback};
use super::{Fault, Tls};
use std::net::SocketAddr;

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// Let's Encrypt takes no more names in one certificate.
const MOST: usize = 100;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Acme,
    Files,
    Off,
}

/// `proxied`: proxies of the team's own are named.
pub(super) fn tls(mut s: Section<'_>, listen: Option<SocketAddr>, proxied: bool) -> Option<Tls> {
    s.need("mode", "write \"acme\", \"files\" with cert_file and key_file, or \"off\" behind a proxy of your own");
    let mode = s.choice("mode", &[("acme", Mode::Acme), ("files", Mode::Files), ("off", Mode::Off)]);
    if mode == Some(Mode::Files) {
        s.need("cert_file", "the certificate chain, PEM");
        s.need("key_file", "the certificate's private key, PEM");
    }
    let (cert, key) = (s.path("cert_file"), s.path("key_file"));
    let local = listen.is_none_or(|address| address.ip().is_loopback());
    let acme = acme(&mut s, mode == Some(Mode::Acme), local);
    match mode? {
        Mode::Acme => acme,
        Mode::Off if local || proxied => Some(Tls::Off),
        Mode::Off => {
            let what = "\"off\" needs a loopback address in server.listen, or server.trusted_proxies";
            s.wrong("mode", what, "listen on 127.0.0.1, name the proxies, or use \"acme\" or \"files\"");
            None
        }
        Mode::Files => {
            let (cert, key) = (cert?, key?);
            let there = [s.content("cert_file", &cert).is_some(), s.content("key_file", &key).is_some()];
            there.iter().all(|there| *there).then_some(Tls::Files { cert, key })
        }
    }
}

fn acme(s: &mut Section<'_>, wanted: bool, local: bool) -> Option<Tls> {
    if wanted {
        s.need("domains", "the names that users reach, as [\"refer.example.com\"]");
    }
    let domains = s.listed("domains");
    let domains = domains.map_or_else(Vec::new, |given| names(s, &given));
    let contact = s.parsed("contact", contact);
    let directory_url = s.parsed_or("directory_url", LETS_ENCRYPT, url::base);
    if let (true, true, Some(url)) = (wanted, local, &directory_url)
        && !is_loopback(url)
    {
        let what = "\"acme\" needs a server.listen that the authority reaches, and this is a loopback address";
        s.wrong("mode", what, "listen on 0.0.0.0:443, or use \"off\" behind a proxy of your own");
    }
    let directory_ca = authority(s);
    Some(Tls::Acme { domains, contact, directory_url: directory_url?, directory_ca })
}

fn names(s: &Section<'_>, given: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    if given.is_empty() {
        s.wrong("domains", "is empty", "name what users reach, as [\"refer.example.com\"]");
    }
    if given.len() > MOST {
        s.wrong("domains", format!("has {} entries", given.len()), format!("name at most {MOST}"));
    }
    for (place, text) in given.iter().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        match name(text) {
            Ok(new) if names.contains(&new) => {
                note(s.context, entry(&s.key("domains"), place), "is there already", "write each once");
            }
            Ok(new) => names.push(new),
            Err((what, remedy)) => note(s.context, entry(&s.key("domains"), place), what, remedy),
        }
    }
    names
}

/// A name of DNS (RFC 1123, 2.1) in lower case. What is proven on a port is one name, and no address.
fn name(text: &str) -> Result<String, Fault> {
    let remedy = "write the plain name, as refer.example.com";
    if text.starts_with("*.") {
        return Err(("is for many names, which cannot be proven on the server's port", "name each"));
    }
    let part = |part: &str| {
        let plain = part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (1..=63).contains(&part.len()) && plain && !part.starts_with('-') && !part.ends_with('-')
    };
    let is_address = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    match text.len() <= 253 && text.split('.').all(part) && !is_address {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(("is no name of a host", remedy)),
    }
}

/// One address, and nothing about the message (RFC 8555, 7.3).
fn contact(text: &str) -> Result<String, Fault> {
    let fault = ("is not the mailto: of one address", "write mailto:ops@example.com, with your own");
    let (user, host) = text.strip_prefix("mailto:").and_then(|address| address.split_once('@')).ok_or(fault)?;
    let plain = user.bytes().all(|b| b.is_ascii_graphic() && !b"\"(),:;<>?@[\\]".contains(&b));
    match !user.is_empty() && plain && name(host).is_ok() {
        true => Ok(text.to_owned()),
        false => Err(fault),
    }
}

fn authority(s: &mut Section<'_>) -> Option<Vec<u8>> {
    let path = s.path("directory_ca_file")?;
    let text = s.content("directory_ca_file", &path)?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        let what = format!("the file {path:?} holds no certificate");
        s.wrong("directory_ca_file", what, "put the certificate there that the directory's server is trusted by, PEM");
        return None;
    }
    Some(text.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{BASE, keys, loaded};

    const PUBLIC: &str = "listen = \"0.0.0.0:443\"";
    const ACME: &str = "mode = \"acme\"\ndomains = [\"refer.example.com\"]";

    fn with(listen: &str, lines: &str) -> String {
        BASE.replace("listen = \"127.0.0.1:8080\"", listen).replace("mode = \"off\"", lines)
    }

    #[test]
    fn an_authority_is_asked() {
        let lines = "mode = \"acme\"\ndomains = [\"Refer.Example.com\", \"r.example.com\"]\n";
        let read = |lines: &str| loaded(&with(PUBLIC, lines), &[]).expect(lines).server.tls;
        let (domains, directory_url) = (vec!["refer.example.com".into(), "r.example.com".into()], LETS_ENCRYPT.into());
        let expected = Tls::Acme { domains, contact: None, directory_url, directory_ca: None };
        assert_eq!(read(lines), expected);
        let more = "contact = \"mailto:ops@example.com\"\ndirectory_url = \"https://ca.example.com/dir/\"\n";
        let tls = read(&format!("{ACME}\n{more}directory_ca_file = \"root.pem\""));
        let Tls::Acme { contact, directory_url, directory_ca, .. } = tls else { panic!("{tls:?}") };
        assert_eq!(contact.as_deref(), Some("mailto:ops@example.com"));
        assert_eq!(directory_url, "https://ca.example.com/dir");
        assert!(directory_ca.is_some_and(|pem| pem.starts_with(b"a root")));
    }

    #[test]
    fn faults_of_an_authority() {
        for (listen, lines, fault) in [
            (PUBLIC, "", None),
            ("", "", None),
            ("listen = \"[::]:443\"", "", None),
            ("listen = \"127.0.0.1:8443\"", "", Some("mode")),
            ("listen = \"[::1]:8443\"", "directory_url = \"https://ca.example.com\"", Some("mode")),
            ("listen = \"127.0.0.1:8443\"", "directory_url = \"https://localhost:14000/dir\"", None),
            ("listen = \"127.0.0.1:8443\"", "directory_url = \"http://127.0.0.1:14000/dir\"", None),
            (PUBLIC, "directory_url = \"http://ca.example.com\"", Some("directory_url")),
            (PUBLIC, "directory_url = 1", Some("directory_url")),
            (PUBLIC, "contact = \"mailto:ops+a@example.com\"", None),
            (PUBLIC, "contact = \"ops@example.com\"", Some("contact")),
            (PUBLIC, "contact = \"mailto:ops\"", Some("contact")),
            (PUBLIC, "contact = \"mailto:@example.com\"", Some("contact")),
            (PUBLIC, "contact = \"mailto:a@example.com,b@example.com\"", Some("contact")),
            (PUBLIC, "contact = \"mailto:a@example.com?subject=x\"", Some("contact")),
            (PUBLIC, "contact = \"\"", Some("contact")),
            (PUBLIC, "directory_ca_file = \"root.pem\"", None),
            (PUBLIC, "directory_ca_file = \"root.der\"", Some("directory_ca_file")),
            (PUBLIC, "directory_ca_file = \"public.pem\"", Some("directory_ca_file")),
            (PUBLIC, "directory_ca_file = \"gone\"", Some("directory_ca_file")),
            (PUBLIC, "cert_file = \"gone\"", None),
        ] {
            let expected: Vec<String> = fault.iter().map(|key| format!("server.tls.{key}")).collect();
            assert_eq!(keys(loaded(&with(listen, &format!("{ACME}\n{lines}")), &[])), expected, "{listen} {lines}");
        }
    }

    #[test]
    fn domains_are_plain_names() {
        let long = "a".repeat(63);
        for (domains, fault) in [
            ("\"a.example\", \"b.example\"".to_owned(), None),
            ("\"localhost\"".to_owned(), None),
            ("\"xn--bcher-kva.example\"".to_owned(), None),
            (format!("\"{long}.example\""), None),
            (String::new(), Some("")),
            ("1".to_owned(), Some("")),
            ("\"\"".to_owned(), Some("")),
            ("\"a.example\", \"A.Example\"".to_owned(), Some("[1]")),
            ("\"*.example.com\"".to_owned(), Some("[0]")),
            ("\"https://a.example\"".to_owned(), Some("[0]")),
            ("\"a.example:443\"".to_owned(), Some("[0]")),
            ("\"a..example\"".to_owned(), Some("[0]")),
            ("\"a.example.\"".to_owned(), Some("[0]")),
            ("\"-a.example\"".to_owned(), Some("[0]")),
            ("\"bücher.example\"".to_owned(), Some("[0]")),
            ("\"192.0.2.1\"".to_owned(), Some("[0]")),
            ("\"2001:db8::1\"".to_owned(), Some("[0]")),
            (format!("\"a{long}.example\""), Some("[0]")),
            (format!("\"{}example\"", "a.".repeat(124)), Some("[0]")),
            ((0..101).map(|n| format!("\"a{n}.example\",")).collect(), Some("")),
        ] {
            let lines = format!("mode = \"acme\"\ndomains = [{domains}]");
            let found = keys(loaded(&with(PUBLIC, &lines), &[]));
            let expected: Vec<String> = fault.iter().map(|place| format!("server.tls.domains{place}")).collect();
            assert_eq!(found, expected, "{domains}");
        }
        assert_eq!(keys(loaded(&with(PUBLIC, "mode = \"acme\""), &[])), ["server.tls.domains"]);
    }
}
