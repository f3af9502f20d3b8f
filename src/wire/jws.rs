//! What Apple signed (JWS), verified down to Apple's root.

mod certificate;
mod chain;
mod header;
mod payload;
mod signature;
#[cfg(test)]
mod tests;

use crate::domain::at::At;
use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chain::{Chain, Root};
use std::fmt;
use std::sync::Arc;

/// Apple Root CA - G3, as Apple publishes it.
const APPLE_ROOT: &[u8] = include_bytes!("jws/AppleRootCA-G3.cer");

/// DER begins with this tag, and no PEM does.
const SEQUENCE: u8 = 0x30;

/// A notification with its nested transaction and renewal is some 15 KiB.
const MAX_TEXT: usize = 256 * 1024;

/// Apple signs with one leaf at a time, and histories hold what a few older ones signed.
const MAX_KNOWN: usize = 16;

/// Trusts one root certificate, and remembers the chains that were verified.
pub struct Verifier {
    root: Root,
    known: ArcSwap<Vec<Known>>,
}

/// A payload whose signature holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    pub payload: Vec<u8>,
    /// When it was signed: `signedDate`, or `receiptCreationDate`, or else now.
    pub at: At,
}

/// A chain that was verified. Its name is a digest of the whole first segment of the JWS, so no header that differs
/// in a byte has the same.
#[derive(Clone)]
struct Known {
    header: Name,
    chain: Arc<Chain>,
}

type Name = [u8; digest::SHA256_OUTPUT_LEN];

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("longer than anything that Apple signs")]
    TooLong,
    #[error("not a compact JWS")]
    Shape,
    #[error("the header is no JSON object with the certificates, or has a member twice")]
    Header,
    #[error("the algorithm is not ES256")]
    Alg,
    #[error("there are not three certificates")]
    ChainLength,
    #[error("a certificate is not one X.509 certificate in canonical DER")]
    Certificate,
    #[error("a certificate has an extension that is critical and not known")]
    Extension,
    #[error("a certificate is not signed with ECDSA and SHA-384 or SHA-256")]
    CertificateAlg,
    #[error("a certificate's key is not of the curve that it has to be")]
    Key,
    #[error("the basic constraints of a certificate forbid its place in the chain")]
    Constraints,
    #[error("the key usage of a certificate forbids its place in the chain")]
    KeyUsage,
    #[error("a certificate lacks Apple's mark for its place in the chain")]
    Marker,
    #[error("the names or key identifiers do not lead from the leaf to the root")]
    Chain,
    #[error("the signatures do not lead from the leaf to the root")]
    Untrusted,
    #[error("a certificate was not valid yet when it was signed")]
    NotYetValid,
    #[error("a certificate had expired when it was signed")]
    Expired,
    #[error("the signature does not hold")]
    Signature,
    #[error("the payload is no JSON object, or its date is no time")]
    Payload,
}

/// Why a certificate cannot be trusted as a root.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadRoot(pub String);

impl Fault {
    /// The word for it in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Fault::TooLong => "size",
            Fault::Shape => "shape",
            Fault::Header => "header",
            Fault::Alg => "alg",
            Fault::ChainLength => "chain-length",
            Fault::Certificate => "certificate",
            Fault::Extension => "extension",
            Fault::CertificateAlg => "certificate-alg",
            Fault::Key => "key",
            Fault::Constraints => "constraints",
            Fault::KeyUsage => "key-usage",
            Fault::Marker => "marker",
            Fault::Chain => "chain",
            Fault::Untrusted => "untrusted",
            Fault::NotYetValid => "not-yet-valid",
            Fault::Expired => "expired",
            Fault::Signature => "signature",
            Fault::Payload => "payload",
        }
    }
}

impl Verifier {
    /// Trusts Apple Root CA - G3.
    pub fn apple() -> Verifier {
        Verifier::of(Root::read(APPLE_ROOT).expect("the embedded certificate is a root"))
    }

    /// Trusts another root, DER or PEM: for tests and demos.
    pub fn trusting(root: &[u8]) -> Result<Verifier, BadRoot> {
        let root = if root.starts_with(&[SEQUENCE]) { Root::read(root) } else { Root::read_pem(root) };
        root.map(Verifier::of).map_err(|fault| BadRoot(fault.to_string()))
    }

    fn of(root: Root) -> Verifier {
        Verifier { root, known: ArcSwap::default() }
    }

    /// The payload, where the signature, the chain and the chain's validity when it was signed hold.
    pub fn verify(&self, jws: &str, now: At) -> Result<Signed, Fault> {
        let parts = Parts::of(jws)?;
        let name = parts.name();
        let (chain, is_known) = match self.known(&name) {
            Some(chain) => (chain, true),
            None => (Arc::new(self.root.chain(&header::certificates(parts.header)?)?), false),
        };
        if !chain.key.signed(parts.signed.as_bytes(), &parts.signature) {
            return Err(Fault::Signature);
        }
        let at = payload::signed_at(&parts.payload)?.unwrap_or(now);
        chain.valid_at(at)?;
        // Only what Apple signed whole gets here: nobody else can fill the memory, not even with Apple's certificates
        // beside another third entry.
        if !is_known {
            self.remember(Known { header: name, chain });
        }
        Ok(Signed { payload: parts.payload, at })
    }

    fn known(&self, name: &Name) -> Option<Arc<Chain>> {
        self.known.load().iter().find(|known| known.header == *name).map(|known| known.chain.clone())
    }

    fn remember(&self, new: Known) {
        self.known.rcu(|known| {
            let others = known.iter().filter(|other| other.header != new.header).cloned();
            let mut list: Vec<Known> = others.chain([new.clone()]).collect();
            let surplus = list.len().saturating_sub(MAX_KNOWN);
            list.drain(..surplus);
            list
        });
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signed({} bytes, {:?})", self.payload.len(), self.at)
    }
}

/// The parts of a compact JWS (RFC 7515, section 7.1), of which nothing is trusted yet.
struct Parts<'a> {
    /// As it was sent: base64url of the header.
    header: &'a str,
    /// The first two segments with the dot between them.
    signed: &'a str,
    payload: Vec<u8>,
    signature: [u8; 64],
}

impl Parts<'_> {
    fn of(jws: &str) -> Result<Parts<'_>, Fault> {
        if jws.len() > MAX_TEXT {
            return Err(Fault::TooLong);
        }
        let segments: Vec<&str> = jws.splitn(4, '.').collect();
        let &[header, payload, signature] = segments.as_slice() else {
            return Err(Fault::Shape);
        };
        let payload = base64url(payload)?;
        let signature = base64url(signature)?.try_into().map_err(|_| Fault::Signature)?;
        let signed = jws.rsplit_once('.').map_or(jws, |(signed, _)| signed);
        Ok(Parts { header, signed, payload, signature })
    }

    fn name(&self) -> Name {
        let mut name = Name::default();
        name.copy_from_slice(digest::digest(&digest::SHA256, self.header.as_bytes()).as_ref());
        name
    }
}

/// Base64url without padding, white space or unused bits that are set (RFC 7515, section 2).
fn base64url(text: &str) -> Result<Vec<u8>, Fault> {
    BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| Fault::Shape)
}
