//! Certificates that a server shows: as they are kept, and what is read of one. Whether its key fits is for TLS to say.

use crate::domain::at::{At, Span, Stretch};
use crate::domain::certificate::Certificate;
use std::fmt;
use x509_cert::der::Decode;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;

/// A chain and its private key: PEM, in two texts or twice the same one that holds both.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    pub chain: Vec<u8>,
    pub key: Vec<u8>,
}

impl Pair {
    /// Both from one text, so that no moment has the one without the other.
    pub fn of(text: Vec<u8>) -> Pair {
        Pair { chain: text.clone(), key: text }
    }
    pub fn joined(&self) -> Vec<u8> {
        [&self.chain[..], b"\n", &self.key].concat()
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate cannot be read")]
pub struct Fault;

/// How long a certificate (DER) is good, and for which names.
pub fn read(der: &[u8]) -> Result<Certificate, Fault> {
    let read = x509_cert::Certificate::from_der(der).map_err(|_| Fault)?;
    let inner = read.tbs_certificate();
    let validity = inner.validity();
    // The last second belongs to it (RFC 5280, section 4.1.2.5).
    let valid = Stretch { from: at(validity.not_before), until: at(validity.not_after).plus(Span::seconds(1)) };
    let mut names = Vec::new();
    for extension in inner.extensions().into_iter().flatten() {
        if extension.extn_id == SubjectAltName::OID {
            let SubjectAltName(found) = Decode::from_der(extension.extn_value.as_bytes()).map_err(|_| Fault)?;
            names.extend(found.iter().filter_map(|name| match name {
                GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
                _ => None,
            }));
        }
    }
    names.sort();
    names.dedup();
    Ok(Certificate { valid, names })
}

pub(super) fn at(time: Time) -> At {
    At(i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, SanType, date_time_ymd};

    fn made(names: &[&str]) -> (Vec<u8>, CertificateParams) {
        let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        params.not_before = date_time_ymd(2026, 11, 1);
        params.not_after = date_time_ymd(2027, 1, 30);
        params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        (params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec(), params)
    }

    #[test]
    fn time_and_names_are_read() {
        let second = Span::seconds(1);
        for (names, expected) in [
            (&["b.example", "A.Example", "b.example"][..], &["a.example", "b.example"][..]),
            (&["a.example"], &["a.example"]),
            (&[], &[]),
        ] {
            let certificate = read(&made(names).0).unwrap();
            assert_eq!(certificate.names, expected, "{names:?}");
            assert_eq!(certificate.valid.from, At(1_793_491_200_000));
            assert_eq!(certificate.valid.until, At(1_793_491_200_000).plus(Span::days(90)).plus(second));
        }
    }

    #[test]
    fn what_is_no_certificate_is_a_fault() {
        let (good, _) = made(&["a.example"]);
        for bytes in [&[][..], b"-----BEGIN CERTIFICATE-----", &good[1..], &good[..good.len() - 1]] {
            assert_eq!(read(bytes), Err(Fault));
        }
    }

    #[test]
    fn a_pair_shows_nothing_and_is_one_text() {
        let pair = Pair { chain: b"chain".to_vec(), key: b"hush".to_vec() };
        assert!(!format!("{pair:?}").contains("hush"));
        assert_eq!(pair.joined(), b"chain\nhush");
        assert_eq!(Pair::of(b"both".to_vec()), Pair { chain: b"both".to_vec(), key: b"both".to_vec() });
    }
}
