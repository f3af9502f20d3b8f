//! One certificate, read strictly: canonical DER, no extension twice, none unknown that is critical.

use super::Fault;
use super::signature::{Curve, Hash, Key};
use crate::domain::at::{At, Span};
use crate::wire::certificate::at;
use x509_cert::Version;
use x509_cert::der::asn1::{ObjectIdentifier, OctetString};
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{DecodeOwned, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectKeyIdentifier};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::Validity;

/// Apple's leaf has some 1.1 KB.
const MAX_DER: usize = 8 * 1024;

/// What may be critical. Policies are, because none is asked for here; everything else would have to be acted on.
const MAY_BE_CRITICAL: [ObjectIdentifier; 3] =
    [BasicConstraints::OID, KeyUsage::OID, ObjectIdentifier::new_unwrap("2.5.29.32")];

/// Refused even where they are not critical: names are not held against them here.
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");

const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

pub struct Certificate {
    pub serial: SerialNumber,
    pub issuer: Name,
    pub subject: Name,
    pub validity: Window,
    pub key: Key,
    pub constraints: Option<BasicConstraints>,
    pub usage: Option<KeyUsage>,
    /// The identifier of its own key.
    pub key_id: Option<OctetString>,
    /// What it says of its issuer's key.
    pub issuer_key: Option<AuthorityKeyIdentifier>,
    /// Of all its extensions.
    oids: Vec<ObjectIdentifier>,
    seal: Seal,
}

/// The issuer's signature, and what it is over.
struct Seal {
    hash: Hash,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

/// From the first instant to the last (RFC 5280, section 4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: At,
    pub until: At,
}

impl Window {
    fn of(validity: &Validity) -> Window {
        // Certificates count in whole seconds, and the last one belongs to them.
        Window { from: at(validity.not_before), until: at(validity.not_after).plus(Span::millis(999)) }
    }
    pub fn and(self, other: Window) -> Window {
        Window { from: self.from.max(other.from), until: self.until.min(other.until) }
    }
}

impl Certificate {
    pub fn read(bytes: &[u8]) -> Result<Certificate, Fault> {
        if bytes.len() > MAX_DER {
            return Err(Fault::Certificate);
        }
        let read: x509_cert::Certificate = canonical(bytes)?;
        let inner = read.tbs_certificate();
        if inner.version() != Version::V3 || inner.issuer().is_empty() || inner.subject().is_empty() {
            return Err(Fault::Certificate);
        }
        if read.signature_algorithm() != inner.signature() {
            return Err(Fault::CertificateAlg);
        }
        let extensions = Extensions::of(inner.extensions().map_or(&[], Vec::as_slice))?;
        let seal = Seal {
            hash: hash(inner.signature())?,
            signed: inner.to_der().map_err(|_| Fault::Certificate)?,
            signature: read.signature().as_bytes().ok_or(Fault::Certificate)?.to_vec(),
        };
        Ok(Certificate {
            serial: inner.serial_number().clone(),
            issuer: inner.issuer().clone(),
            subject: inner.subject().clone(),
            validity: Window::of(inner.validity()),
            key: key(inner.subject_public_key_info())?,
            constraints: extensions.value()?,
            usage: extensions.value()?,
            key_id: extensions.value()?.map(|SubjectKeyIdentifier(id)| id),
            issuer_key: extensions.value()?,
            oids: extensions.0.iter().map(|extension| extension.extn_id).collect(),
            seal,
        })
    }

    pub fn has(&self, extension: ObjectIdentifier) -> bool {
        self.oids.contains(&extension)
    }

    pub fn is_signed_with(&self, issuer: &Key) -> bool {
        issuer.certified(self.seal.hash, &self.seal.signed, &self.seal.signature)
    }
}

/// The extensions of a certificate, none of which is there twice, or would have to be acted on and is not.
struct Extensions<'a>(&'a [Extension]);

impl Extensions<'_> {
    fn of(list: &[Extension]) -> Result<Extensions<'_>, Fault> {
        for (at, extension) in list.iter().enumerate() {
            if list[..at].iter().any(|earlier| earlier.extn_id == extension.extn_id) {
                return Err(Fault::Certificate);
            }
            let is_unknown = extension.critical && !MAY_BE_CRITICAL.contains(&extension.extn_id);
            if is_unknown || extension.extn_id == NAME_CONSTRAINTS {
                return Err(Fault::Extension);
            }
        }
        Ok(Extensions(list))
    }

    fn value<T: DecodeOwned + Encode + AssociatedOid>(&self) -> Result<Option<T>, Fault> {
        let found = self.0.iter().find(|extension| extension.extn_id == T::OID);
        found.map(|extension| canonical(extension.extn_value.as_bytes())).transpose()
    }
}

/// The library takes some forms that are not DER, such as a default that is written out, so what it read is written
/// again: only one text of bytes stands for a value.
fn canonical<T: DecodeOwned + Encode>(bytes: &[u8]) -> Result<T, Fault> {
    let value = T::from_der(bytes).map_err(|_| Fault::Certificate)?;
    let again = value.to_der().map_err(|_| Fault::Certificate)?;
    if again == bytes { Ok(value) } else { Err(Fault::Certificate) }
}

/// ECDSA's identifiers have no parameters (RFC 5758, section 3.2).
fn hash(algorithm: &AlgorithmIdentifierOwned) -> Result<Hash, Fault> {
    match algorithm.oid {
        SHA256 if algorithm.parameters.is_none() => Ok(Hash::Sha256),
        SHA384 if algorithm.parameters.is_none() => Ok(Hash::Sha384),
        _ => Err(Fault::CertificateAlg),
    }
}

/// A named curve and an uncompressed point (RFC 5480, section 2).
fn key(info: &SubjectPublicKeyInfoOwned) -> Result<Key, Fault> {
    let named = info.algorithm.parameters.as_ref().and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    let (curve, length) = match named {
        Some(P256) if info.algorithm.oid == EC => (Curve::P256, 65),
        Some(P384) if info.algorithm.oid == EC => (Curve::P384, 97),
        _ => return Err(Fault::Key),
    };
    let point = info.subject_public_key.as_bytes().ok_or(Fault::Key)?;
    if point.len() != length || point[0] != 4 {
        return Err(Fault::Key);
    }
    Ok(Key { curve, point: point.to_vec() })
}
