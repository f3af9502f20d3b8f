//! The certificate that is shown, replaced while running; TLS 1.2 and 1.3 over aws-lc-rs. Where certificates come from
//! is not known here.

use crate::clock::Clock;
use crate::domain::certificate::{Certificate, Source, Standing};
use crate::wire::certificate::{self, Pair};
use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

/// What an ACME server offers when it looks whether a name is ours (RFC 8737).
pub const PROOF: &[u8] = b"acme-tls/1";

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the {what} is not PEM: {why}")]
    NotPem { what: &'static str, why: String },
    #[error("there is no certificate in the chain")]
    NoCertificate,
    #[error("the first certificate of the chain cannot be read")]
    BadCertificate,
    #[error("there is no private key")]
    NoKey,
    #[error("the private key is of no kind that TLS can use")]
    BadKey,
    #[error("the private key does not belong to the first certificate of the chain")]
    KeyMismatch,
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// What a listener needs; the certificates decide which one is shown.
pub fn server_config(certificates: Arc<Certificates>) -> Result<Arc<ServerConfig>, TlsError> {
    let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
    let mut protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if certificates.source == Source::Acme {
        protocols.push(PROOF.to_vec());
    }
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&versions)?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = protocols;
    Ok(Arc::new(config))
}

/// What is shown to whoever connects, and how things stand with it.
pub struct Certificates {
    source: Source,
    clock: Arc<dyn Clock>,
    shown: ArcSwapOption<Shown>,
    /// For an ACME server that looks whether a name is ours, by that name.
    proofs: ArcSwap<BTreeMap<String, Arc<CertifiedKey>>>,
    attempts: Mutex<Attempts>,
}

struct Shown {
    key: Arc<CertifiedKey>,
    certificate: Certificate,
}

#[derive(Default)]
struct Attempts {
    failures: u64,
    trouble: Option<String>,
}

impl Certificates {
    pub fn new(source: Source, clock: Arc<dyn Clock>) -> Arc<Certificates> {
        let (shown, proofs, attempts) = (ArcSwapOption::empty(), ArcSwap::default(), Mutex::default());
        Arc::new(Certificates { source, clock, shown, proofs, attempts })
    }

    /// Shows this pair from the next connection on; one that is no good leaves the old one in place.
    pub fn show(&self, pair: &Pair) -> Result<Certificate, TlsError> {
        let key = Arc::new(matching(read(pair)?)?);
        let certificate = certificate::read(&key.cert[0]).map_err(|_| TlsError::BadCertificate)?;
        self.shown.store(Some(Arc::new(Shown { key, certificate: certificate.clone() })));
        self.attempts.lock().expect("no panic holds this lock").trouble = None;
        Ok(certificate)
    }

    /// Another one was looked for in vain.
    pub fn failed(&self, why: String) {
        let mut attempts = self.attempts.lock().expect("no panic holds this lock");
        attempts.failures += 1;
        attempts.trouble = Some(why);
    }

    /// Has these ready for an ACME server that asks for them, in place of all earlier ones.
    pub fn prove(&self, proofs: &BTreeMap<String, Pair>) -> Result<(), TlsError> {
        let one = |(name, pair): (&String, &Pair)| Ok((name.clone(), Arc::new(read(pair)?)));
        self.proofs.store(Arc::new(proofs.iter().map(one).collect::<Result<_, TlsError>>()?));
        Ok(())
    }

    pub fn standing(&self) -> Standing {
        let attempts = self.attempts.lock().expect("no panic holds this lock");
        Standing {
            source: self.source,
            until: self.shown.load().as_ref().map(|shown| shown.certificate.valid.until),
            failures: attempts.failures,
            trouble: attempts.trouble.clone(),
        }
    }

    /// Whole days until the shown one is over.
    pub fn days_left(&self) -> Option<i64> {
        self.standing().days_left(self.clock.now())
    }

    /// What somebody has to look at.
    pub fn warning(&self) -> Option<String> {
        self.standing().warning(self.clock.now())
    }

    /// Why nobody who checks the certificate would connect.
    pub fn fault(&self) -> Option<&'static str> {
        self.standing().fault(self.clock.now())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // It offers this and nothing else (RFC 8737, section 3).
        if hello.alpn().is_some_and(|offered| offered.eq([PROOF])) {
            return self.proofs.load().get(&hello.server_name()?.to_ascii_lowercase()).cloned();
        }
        self.shown.load().as_ref().map(|shown| shown.key.clone())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("standing", &self.standing()).finish_non_exhaustive()
    }
}

fn read(pair: &Pair) -> Result<CertifiedKey, TlsError> {
    let not_pem = |what, why: pem::Error| TlsError::NotPem { what, why: why.to_string() };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pair.chain)
        .collect::<Result<_, _>>()
        .map_err(|why| not_pem("certificate chain", why))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let private = PrivateKeyDer::from_pem_slice(&pair.key).map_err(|why| match why {
        pem::Error::NoItemsFound => TlsError::NoKey,
        other => not_pem("private key", other),
    })?;
    let signer = provider().key_provider.load_private_key(private).map_err(|_| TlsError::BadKey)?;
    Ok(CertifiedKey::new(chain, signer))
}

/// A proof cannot be asked this: its mark is critical, and nobody but an authority knows it.
fn matching(key: CertifiedKey) -> Result<CertifiedKey, TlsError> {
    match key.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(key),
        Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::KeyMismatch),
        Err(_) => Err(TlsError::BadCertificate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::domain::at::{At, Span};
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection};

    const NOW: At = At(1_795_000_000_000);

    fn made(name: &str) -> Pair {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        Pair { chain: made.cert.pem().into(), key: made.signing_key.serialize_pem().into() }
    }

    fn certificates(source: Source) -> Arc<Certificates> {
        Certificates::new(source, Arc::new(ManualClock::at(NOW)))
    }

    #[test]
    fn faults_are_named_and_leave_the_old_pair() {
        let (good, other) = (made("localhost"), made("localhost"));
        let (cert, key, other) = (&good.chain[..], &good.key[..], &other.key[..]);
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let torn = b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        let no_key = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let rows: &[(&[u8], &[u8], &str)] = &[
            (cert, key, ""),
            (cert, other, "does not belong to the first certificate"),
            (b"", key, "no certificate in the chain"),
            (key, key, "no certificate in the chain"),
            (torn, key, "certificate chain is not PEM"),
            (broken, key, "cannot be read"),
            (cert, b"", "no private key"),
            (cert, cert, "no private key"),
            (cert, no_key, "is of no kind that TLS can use"),
        ];
        let certificates = certificates(Source::Files);
        for (i, (chain, key, fault)) in rows.iter().enumerate() {
            let pair = Pair { chain: chain.to_vec(), key: key.to_vec() };
            let said = certificates.show(&pair).map_or_else(|e| e.to_string(), |_| String::new());
            assert!(said.contains(fault) && said.is_empty() == fault.is_empty(), "row {i}: {said}");
            assert_eq!(connects(&certificates, "localhost", &[b"http/1.1"], cert), Ok(Some(b"http/1.1".to_vec())));
        }
        assert_eq!(certificates.show(&Pair::of(good.joined())).unwrap().names, ["localhost"]);
    }

    /// What is agreed on by a client that trusts this certificate alone.
    fn connects(certificates: &Arc<Certificates>, name: &str, alpn: &[&[u8]], trusted: &[u8]) -> Agreed {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(trusted) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut server = ServerConnection::new(server_config(certificates.clone()).unwrap()).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let mut bytes = Vec::new();
            client.write_tls(&mut bytes).unwrap();
            server.read_tls(&mut &bytes[..]).unwrap();
            let refused = server.process_new_packets().err();
            let mut bytes = Vec::new();
            server.write_tls(&mut bytes).unwrap();
            client.read_tls(&mut &bytes[..]).unwrap();
            client.process_new_packets().map_err(|error| error.to_string())?;
            assert_eq!(refused, None);
        }
        Ok(server.alpn_protocol().map(<[u8]>::to_vec))
    }

    type Agreed = Result<Option<Vec<u8>>, String>;

    #[test]
    fn a_proof_is_shown_to_who_asks_for_it_alone() {
        let (shown, proof) = (made("a.example"), made("a.example"));
        let certificates = certificates(Source::Acme);
        let agreed = |name: &str, alpn: &[&[u8]], trusted: &Pair| connects(&certificates, name, alpn, &trusted.chain);
        let refused = Err("received fatal alert: AccessDenied".to_owned());
        let web: [&[u8]; 2] = [b"h2", b"http/1.1"];

        assert_eq!(agreed("a.example", &web, &shown), refused, "nothing is there yet");
        certificates.show(&shown).unwrap();
        certificates.prove(&BTreeMap::from([("a.example".to_owned(), proof.clone())])).unwrap();
        assert_eq!(agreed("a.example", &web, &shown), Ok(Some(b"h2".to_vec())));
        assert_eq!(agreed("a.example", &[], &shown), Ok(None));
        assert_eq!(agreed("a.example", &[PROOF], &proof), Ok(Some(PROOF.to_vec())));
        assert_eq!(agreed("a.example", &[PROOF, b"h2"], &shown), Ok(Some(b"h2".to_vec())));
        assert_eq!(agreed("b.example", &[PROOF], &proof), refused);
        certificates.prove(&BTreeMap::new()).unwrap();
        assert_eq!(agreed("a.example", &[PROOF], &proof), refused);
        assert_eq!(agreed("a.example", &web, &shown), Ok(Some(b"h2".to_vec())));
    }

    #[test]
    fn a_proof_may_hold_what_only_an_authority_knows() {
        let certificates = certificates(Source::Acme);
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.custom_extensions.push(rcgen::CustomExtension::new_acme_identifier(&[7; 32]));
        let chain = params.self_signed(&key).unwrap().pem().into();
        let proof = Pair { chain, key: key.serialize_pem().into() };
        certificates.prove(&BTreeMap::from([("a.example".to_owned(), proof.clone())])).unwrap();
        assert!(matches!(certificates.show(&proof), Err(TlsError::BadCertificate)));
    }

    #[test]
    fn a_proof_is_of_acme_only() {
        let certificates = certificates(Source::Files);
        certificates.show(&made("a.example")).unwrap();
        let agreed = connects(&certificates, "a.example", &[PROOF], b"");
        assert_eq!(agreed, Err("received fatal alert: AccessDenied".to_owned()));
    }

    #[test]
    fn it_is_known_how_things_stand() {
        let clock = Arc::new(ManualClock::at(NOW));
        let certificates = Certificates::new(Source::Files, clock.clone());
        let standing = || {
            let Standing { failures, trouble, .. } = certificates.standing();
            (certificates.fault().is_none(), certificates.days_left(), failures, trouble.is_some())
        };
        assert_eq!(standing(), (false, None, 0, false));
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2026, 12, 1);
        let chain = params.self_signed(&key).unwrap().pem().into();
        let certificate = certificates.show(&Pair { chain, key: key.serialize_pem().into() }).unwrap();
        assert_eq!(standing(), (true, Some(12), 0, false));
        certificates.failed("it did not load".to_owned());
        assert_eq!(standing(), (true, Some(12), 1, true));
        clock.set(certificate.valid.until.minus(Span::millis(1)));
        assert_eq!(standing(), (true, Some(0), 1, true));
        clock.set(certificate.valid.until);
        certificates.show(&made("a.example")).unwrap();
        assert!(standing().0 && !standing().3);
    }
}
