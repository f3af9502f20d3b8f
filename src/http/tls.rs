//! Certificates from PEM files, replaced while running; TLS 1.2 and 1.3 over aws-lc-rs.

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{} cannot be read: {why}", path.display())]
    Unreadable { path: PathBuf, why: std::io::Error },
    #[error("{} is not PEM: {why}", path.display())]
    NotPem { path: PathBuf, why: String },
    #[error("{} holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    #[error("the first certificate in {} cannot be read: {why}", path.display())]
    BadCertificate { path: PathBuf, why: rustls::Error },
    #[error("{} holds no private key", .0.display())]
    NoKey(PathBuf),
    #[error("the private key in {} is of no kind that TLS can use", .0.display())]
    BadKey(PathBuf),
    #[error("the private key in {} does not belong to the certificate in {}", key.display(), certificate.display())]
    KeyMismatch { certificate: PathBuf, key: PathBuf },
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// What a listener needs; the resolver decides which certificate is shown.
pub fn server_config(certificates: Arc<dyn ResolvesServerCert>) -> Result<Arc<ServerConfig>, TlsError> {
    let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&versions)?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A certificate chain and its key in two files.
pub struct Files {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
}

impl Files {
    pub fn load(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Arc<Files>, TlsError> {
        let (certificate, key) = (certificate.into(), key.into());
        let current = ArcSwap::from_pointee(pair(&certificate, &key)?);
        Ok(Arc::new(Files { certificate, key, current }))
    }

    /// Reads both files again; a pair that does not load leaves the old one in place.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.store(Arc::new(pair(&self.certificate, &self.key)?));
        Ok(())
    }
}

impl ResolvesServerCert for Files {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("certificate", &self.certificate).field("key", &self.key).finish_non_exhaustive()
    }
}

fn pair(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let read = |path: &Path| std::fs::read(path).map_err(|why| TlsError::Unreadable { path: path.to_owned(), why });
    let not_pem = |path: &Path, why: pem::Error| TlsError::NotPem { path: path.to_owned(), why: why.to_string() };

    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<_, _>>()
        .map_err(|why| not_pem(certificate, why))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(certificate.to_owned()));
    }
    let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|why| match why {
        pem::Error::NoItemsFound => TlsError::NoKey(key.to_owned()),
        other => not_pem(key, other),
    })?;
    let signer = provider().key_provider.load_private_key(private).map_err(|_| TlsError::BadKey(key.to_owned()))?;
    let pair = CertifiedKey::new(chain, signer);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(pair),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(TlsError::KeyMismatch { certificate: certificate.to_owned(), key: key.to_owned() })
        }
        Err(why) => Err(TlsError::BadCertificate { path: certificate.to_owned(), why }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("referd-tls-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }
        fn put(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, text).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn faults_are_named() {
        let folder = Folder::new("faults");
        let ((cert, key), (_, other)) = (made(), made());
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let torn = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        let no_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let rows: &[(&str, &str, &str)] = &[
            (&cert, &key, ""),
            (&cert, &other, "does not belong to the certificate"),
            ("", &key, "holds no certificate"),
            (&key, &key, "holds no certificate"),
            (torn, &key, "is not PEM"),
            (broken, &key, "the first certificate in"),
            (&cert, "", "holds no private key"),
            (&cert, &cert, "holds no private key"),
            (&cert, no_key, "is of no kind that TLS can use"),
        ];
        for (i, (cert, key, fault)) in rows.iter().enumerate() {
            let loaded = Files::load(folder.put("cert.pem", cert), folder.put("key.pem", key));
            let said = loaded.map_or_else(|e| e.to_string(), |_| String::new());
            assert!(said.contains(fault) && said.is_empty() == fault.is_empty(), "row {i}: {said}");
        }
        let absent = Files::load(folder.0.join("absent.pem"), folder.put("key.pem", &key)).unwrap_err();
        assert!(matches!(absent, TlsError::Unreadable { .. }));
    }

    #[test]
    fn a_bad_reload_keeps_the_old_pair() {
        let folder = Folder::new("reload");
        let ((old, old_key), (new, new_key)) = (made(), made());
        let files = Files::load(folder.put("cert.pem", &old), folder.put("key.pem", &old_key)).unwrap();
        let shown = || files.current.load().cert[0].clone();
        let before = shown();

        folder.put("cert.pem", &new);
        assert!(matches!(files.reload(), Err(TlsError::KeyMismatch { .. })));
        assert_eq!(shown(), before);

        folder.put("key.pem", &new_key);
        files.reload().unwrap();
        assert_ne!(shown(), before);
        assert!(server_config(files).is_ok());
    }
}
