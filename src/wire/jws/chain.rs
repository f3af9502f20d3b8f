//! The path from a leaf over one intermediate to the root that is trusted (RFC 5280, section 6.1).

use super::Fault;
use super::certificate::{Certificate, Window};
use super::header::Certificates;
use super::signature::LeafKey;
use crate::domain::at::At;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::pem;
use x509_cert::ext::pkix::name::GeneralName;

/// Apple's marks: of certificates that sign receipts, and of the authorities that issue those. Only that they are
/// there counts, as in Apple's own libraries.
const LEAF: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113635.100.6.11.1");
const INTERMEDIATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113635.100.6.2.1");

pub struct Root {
    certificate: Certificate,
    /// A root with a key identifier keeps to the profile of RFC 5280 (section 4.2.1.2), and so has what it issued to.
    /// Apple's does. The test root of Apple's libraries has none, and nothing below it keeps to the profile.
    is_strict: bool,
}

/// What is left of a chain that leads to the root.
pub struct Chain {
    pub key: LeafKey,
    /// When all three certificates are valid.
    validity: Window,
}

impl Root {
    pub fn read(der: &[u8]) -> Result<Root, Fault> {
        let certificate = Certificate::read(der)?;
        let is_strict = certificate.key_id.is_some();
        issues(&certificate, is_strict)?;
        // An intermediate stands between it and the leaf.
        if certificate.constraints.as_ref().is_some_and(|constraints| constraints.path_len_constraint == Some(0)) {
            return Err(Fault::Constraints);
        }
        leads(&certificate, &certificate, false)?;
        if !certificate.is_signed_with(&certificate.key) {
            return Err(Fault::Untrusted);
        }
        Ok(Root { certificate, is_strict })
    }

    pub fn read_pem(text: &[u8]) -> Result<Root, Fault> {
        match pem::decode_vec(text) {
            Ok(("CERTIFICATE", der)) => Root::read(&der),
            _ => Err(Fault::Certificate),
        }
    }

    /// The chain of two certificates, where it leads here. Whether it is valid at some time is asked of the chain.
    pub fn chain(&self, certificates: &Certificates) -> Result<Chain, Fault> {
        let leaf = Certificate::read(&certificates.leaf)?;
        let intermediate = Certificate::read(&certificates.intermediate)?;
        let key = signs(&leaf, self.is_strict)?;
        issues(&intermediate, self.is_strict)?;
        if !leaf.has(LEAF) || !intermediate.has(INTERMEDIATE) {
            return Err(Fault::Marker);
        }
        leads(&leaf, &intermediate, self.is_strict)?;
        leads(&intermediate, &self.certificate, self.is_strict)?;
        // The costly part. The root's signature first: nobody but the root makes one.
        let is_trusted = intermediate.is_signed_with(&self.certificate.key) && leaf.is_signed_with(&intermediate.key);
        if !is_trusted {
            return Err(Fault::Untrusted);
        }
        let validity = leaf.validity.and(intermediate.validity).and(self.certificate.validity);
        Ok(Chain { key, validity })
    }
}

impl Chain {
    pub fn valid_at(&self, at: At) -> Result<(), Fault> {
        if at < self.validity.from {
            return Err(Fault::NotYetValid);
        }
        if at > self.validity.until {
            return Err(Fault::Expired);
        }
        Ok(())
    }
}

/// Whether a certificate may sign payloads, and with which key.
fn signs(leaf: &Certificate, is_strict: bool) -> Result<LeafKey, Fault> {
    if leaf.constraints.as_ref().is_some_and(|constraints| constraints.ca || constraints.path_len_constraint.is_some())
    {
        return Err(Fault::Constraints);
    }
    match leaf.usage {
        Some(usage) if !usage.digital_signature() || usage.key_cert_sign() => return Err(Fault::KeyUsage),
        None if is_strict => return Err(Fault::KeyUsage),
        _ => {}
    }
    LeafKey::of(&leaf.key).ok_or(Fault::Key)
}

/// Whether a certificate may issue others.
fn issues(authority: &Certificate, is_strict: bool) -> Result<(), Fault> {
    if !authority.constraints.as_ref().is_some_and(|constraints| constraints.ca) {
        return Err(Fault::Constraints);
    }
    match authority.usage {
        Some(usage) if !usage.key_cert_sign() => Err(Fault::KeyUsage),
        None if is_strict => Err(Fault::KeyUsage),
        _ => Ok(()),
    }
}

/// Whether what a certificate says of its issuer fits that one. The strict profile wants the key named on both sides.
fn leads(certificate: &Certificate, issuer: &Certificate, is_strict: bool) -> Result<(), Fault> {
    let named = certificate.issuer_key.as_ref();
    let wanted = named.and_then(|named| named.key_identifier.as_ref());
    let fits_key = match (wanted, &issuer.key_id) {
        (Some(wanted), Some(id)) => wanted == id,
        _ => !is_strict,
    };
    let serial = named.and_then(|named| named.authority_cert_serial_number.as_ref());
    let of = named.and_then(|named| named.authority_cert_issuer.as_ref());
    let is_issuers = |name: &GeneralName| matches!(name, GeneralName::DirectoryName(name) if *name == issuer.issuer);
    let fits = certificate.issuer == issuer.subject
        && fits_key
        && serial.is_none_or(|serial| *serial == issuer.serial)
        && of.is_none_or(|names| names.iter().any(is_issuers));
    if fits { Ok(()) } else { Err(Fault::Chain) }
}
