//! The certificate of the public side: what keeps it current beside what shows it.

use crate::clock::Clock;
use crate::config::{Config, Tls};
use crate::domain::certificate::{Certificate, Source};
use crate::http::tls::Certificates;
use crate::ledger::Drawer;
use crate::motor::certificate::{Files, Keeper, Renewal, Showcase};
use crate::outside::acme::Acme;
use crate::wire::certificate::Pair;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Showcase for Certificates {
    fn show(&self, pair: &Pair) -> Result<Certificate, String> {
        Certificates::show(self, pair).map_err(|error| error.to_string())
    }
    fn prove(&self, proofs: &BTreeMap<String, Pair>) -> Result<(), String> {
        Certificates::prove(self, proofs).map_err(|error| error.to_string())
    }
    fn failed(&self, why: String) {
        Certificates::failed(self, why);
    }
}

/// Both, with what there is to be shown already; nothing where TLS is somebody else's.
pub fn open(config: &Config, clock: &Arc<dyn Clock>) -> Result<Option<(Arc<Certificates>, Arc<Keeper>)>> {
    let shown = |source| Certificates::new(source, clock.clone());
    let (certificates, keeper) = match &config.server.tls {
        Tls::Off => return Ok(None),
        Tls::Files { cert, key } => {
            let certificates = shown(Source::Files);
            let files = Files::new(cert.clone(), key.clone(), certificates.clone());
            (certificates, Keeper::Files(files))
        }
        Tls::Acme { domains, contact, directory_url, directory_ca } => {
            let certificates = shown(Source::Acme);
            let authority = Acme::new(directory_url.clone(), contact.clone(), directory_ca.as_deref())
                .context("server.tls.directory_ca_file cannot be used")?;
            let drawer = Drawer::at(config.data_dir.join("acme").join(folder(directory_url)));
            let renewal = Renewal::new(authority, drawer, domains.clone(), certificates.clone(), clock.clone());
            (certificates, Keeper::Acme(renewal))
        }
    };
    keeper.open()?;
    Ok(Some((certificates, Arc::new(keeper))))
}

/// What one authority gave is nothing to another, so each has a folder: `acme-v02.api.letsencrypt.org-directory`.
fn folder(directory_url: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || ".-".contains(c) { c } else { '-' };
    directory_url.split("://").last().unwrap_or_default().chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_plain_names() {
        for (url, expected) in [
            ("https://acme-v02.api.letsencrypt.org/directory", "acme-v02.api.letsencrypt.org-directory"),
            ("https://127.0.0.1:14000/dir", "127.0.0.1-14000-dir"),
            ("https://[::1]:14000/../x", "---1--14000-..-x"),
        ] {
            assert_eq!(folder(url), expected);
        }
    }
}
