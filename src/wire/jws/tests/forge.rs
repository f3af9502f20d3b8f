//! Chains and payloads with any property changed. The DER is written by hand, so that it can be wrong.

use crate::domain::at::{At, Span};
use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use std::time::Duration;
use x509_cert::der::Encode;
use x509_cert::der::asn1::{GeneralizedTime, ObjectIdentifier, UtcTime};

pub const NOW: At = At(1_795_000_000_000);
pub const LEAF: &str = "1.2.840.113635.100.6.11.1";
pub const INTERMEDIATE: &str = "1.2.840.113635.100.6.2.1";
pub const CONSTRAINTS: &str = "2.5.29.19";
pub const USAGE: &str = "2.5.29.15";
pub const KEY_ID: &str = "2.5.29.14";
pub const ISSUER_KEY: &str = "2.5.29.35";

pub const SHA1: &str = "1.2.840.10045.4.1";
pub const SHA256: &str = "1.2.840.10045.4.3.2";
pub const SHA384: &str = "1.2.840.10045.4.3.3";
pub const SHA512: &str = "1.2.840.10045.4.3.4";

pub const DIGITAL_SIGNATURE: [u8; 4] = [3, 2, 7, 0x80];
pub const KEY_CERT_SIGN: [u8; 4] = [3, 2, 2, 0x04];
pub const CA: [u8; 5] = [0x30, 3, 1, 1, 0xff];
pub const CA_OF_LEAFS: [u8; 8] = [0x30, 6, 1, 1, 0xff, 2, 1, 0];
pub const NO_CA: [u8; 2] = [0x30, 0];

/// A tag, the shortest length and the parts.
pub fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = match body.len() {
        short @ 0..=127 => vec![short as u8],
        medium @ 128..=255 => vec![0x81, medium as u8],
        long => vec![0x82, (long >> 8) as u8, long as u8],
    };
    [vec![tag], length, body].concat()
}

pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, parts)
}

pub fn oid(dotted: &str) -> Vec<u8> {
    ObjectIdentifier::new(dotted).unwrap().to_der().unwrap()
}

pub enum Pair {
    P256(Box<SigningKey>),
    P384(EcdsaKeyPair),
}

impl Pair {
    pub fn p256() -> Pair {
        Pair::seeded(7)
    }

    pub fn seeded(seed: u8) -> Pair {
        Pair::P256(Box::new(SigningKey::from_slice(&[seed; 32]).unwrap()))
    }

    pub fn p384() -> Pair {
        Pair::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap())
    }

    pub fn point(&self) -> Vec<u8> {
        match self {
            Pair::P256(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Pair::P384(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    pub fn id(&self) -> Vec<u8> {
        digest::digest(&digest::SHA256, &self.point()).as_ref()[..20].to_vec()
    }

    /// As it stands in a certificate.
    pub fn info(&self) -> Vec<u8> {
        let curve = match self {
            Pair::P256(_) => "1.2.840.10045.3.1.7",
            Pair::P384(_) => "1.3.132.0.34",
        };
        info(curve, &self.point())
    }

    /// r and s of 32 bytes each.
    pub fn raw(&self, message: &[u8]) -> [u8; 64] {
        let Pair::P256(key) = self else { panic!("ES256 is of P-256") };
        let hash = digest::digest(&digest::SHA256, message);
        let signature: Signature = key.sign_prehash(hash.as_ref()).unwrap();
        signature.to_bytes().into()
    }

    fn certify(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let hash = match algorithm {
            SHA1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            SHA256 => &digest::SHA256,
            SHA384 => &digest::SHA384,
            _ => &digest::SHA512,
        };
        match self {
            Pair::P256(key) => {
                let signature: Signature = key.sign_prehash(digest::digest(hash, message).as_ref()).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
            Pair::P384(pair) => {
                assert_eq!(algorithm, SHA384);
                pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
            }
        }
    }
}

pub fn info(curve: &str, point: &[u8]) -> Vec<u8> {
    sequence(&[&sequence(&[&oid("1.2.840.10045.2.1"), &oid(curve)]), &tlv(3, &[&[0], point])])
}

#[derive(Clone)]
pub struct Extension {
    pub oid: &'static str,
    pub der: Vec<u8>,
}

pub fn extension(oid: &'static str, is_critical: bool, value: &[u8]) -> Extension {
    let critical: &[u8] = if is_critical { &[1, 1, 0xff] } else { &[] };
    verbatim(oid, &[critical, &tlv(4, &[value])].concat())
}

/// What stands behind the identifier, as it is.
pub fn verbatim(name: &'static str, rest: &[u8]) -> Extension {
    Extension { oid: name, der: sequence(&[&oid(name), rest]) }
}

#[derive(Clone)]
pub struct Cert {
    pub version: Vec<u8>,
    pub serial: Vec<u8>,
    pub algorithm: &'static str,
    pub inner_algorithm: Vec<u8>,
    pub outer_algorithm: Vec<u8>,
    pub issuer: &'static str,
    pub subject: &'static str,
    pub from: At,
    pub until: At,
    pub info: Vec<u8>,
    pub extensions: Vec<Extension>,
}

impl Cert {
    fn new(subject: &'static str, issuer: &'static str, pair: &Pair, past: i64, future: i64) -> Cert {
        Cert {
            version: tlv(0xa0, &[&[2, 1, 2]]),
            serial: vec![2, 2, 0x11, subject.len() as u8],
            algorithm: SHA384,
            inner_algorithm: sequence(&[&oid(SHA384)]),
            outer_algorithm: sequence(&[&oid(SHA384)]),
            issuer,
            subject,
            from: years(-past),
            until: years(future),
            info: pair.info(),
            extensions: Vec::new(),
        }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Cert)) -> Cert {
        change(&mut self);
        self
    }

    pub fn without(self, oid: &str) -> Cert {
        self.with(|cert| cert.extensions.retain(|extension| extension.oid != oid))
    }

    /// The extension in the place of the one with its identifier, or added.
    pub fn having(self, oid: &'static str, is_critical: bool, value: &[u8]) -> Cert {
        self.extended(extension(oid, is_critical, value))
    }

    pub fn extended(self, extension: Extension) -> Cert {
        self.without(extension.oid).with(|cert| cert.extensions.push(extension))
    }

    pub fn hashed(self, algorithm: &'static str) -> Cert {
        self.with(|cert| {
            cert.algorithm = algorithm;
            cert.inner_algorithm = sequence(&[&oid(algorithm)]);
            cert.outer_algorithm = cert.inner_algorithm.clone();
        })
    }

    pub fn signed(&self, by: &Pair) -> Vec<u8> {
        let extensions: Vec<u8> = self.extensions.iter().flat_map(|extension| extension.der.clone()).collect();
        let inner = sequence(&[
            &self.version,
            &self.serial,
            &self.inner_algorithm,
            &name(self.issuer),
            &sequence(&[&time(self.from), &time(self.until)]),
            &name(self.subject),
            &self.info,
            &tlv(0xa3, &[&sequence(&[&extensions])]),
        ]);
        let signature = by.certify(self.algorithm, &inner);
        sequence(&[&inner, &self.outer_algorithm, &tlv(3, &[&[0], &signature])])
    }
}

pub fn name(common: &str) -> Vec<u8> {
    if common.is_empty() {
        return sequence(&[]);
    }
    sequence(&[&tlv(0x31, &[&sequence(&[&oid("2.5.4.3"), &tlv(0x0c, &[common.as_bytes()])])])])
}

fn time(at: At) -> Vec<u8> {
    let since = Duration::from_millis(at.0.unsigned_abs());
    UtcTime::from_unix_duration(since)
        .and_then(|time| time.to_der())
        .or_else(|_| GeneralizedTime::from_unix_duration(since)?.to_der())
        .unwrap()
}

pub fn years(count: i64) -> At {
    NOW.plus(Span::days(365 * count))
}

pub fn names_key(id: &[u8]) -> Vec<u8> {
    sequence(&[&tlv(0x80, &[id])])
}

/// Three keys, and what they certify when nothing is changed.
pub struct House {
    pub root: Pair,
    pub intermediate: Pair,
    pub leaf: Pair,
    pub root_der: Vec<u8>,
    keeps_profile: bool,
}

impl House {
    /// Of the shape of Apple's chain.
    pub fn apples() -> House {
        House::of(Pair::p384(), Pair::p384(), true)
    }

    /// Of the shape of the test chain of Apple's libraries: no key identifiers, no key usage, nothing critical.
    pub fn of_tests() -> House {
        House::of(Pair::seeded(8), Pair::seeded(9), false)
    }

    fn of(root: Pair, intermediate: Pair, keeps_profile: bool) -> House {
        let mut house = House { root, intermediate, leaf: Pair::p256(), root_der: Vec::new(), keeps_profile };
        house.root_der = house.root_cert().signed(&house.root);
        house
    }

    pub fn root_cert(&self) -> Cert {
        let cert = Cert::new("Root", "Root", &self.root, 10, 15).having(CONSTRAINTS, self.keeps_profile, &CA);
        self.in_profile(cert, &KEY_CERT_SIGN, &self.root, None)
    }

    pub fn intermediate_cert(&self) -> Cert {
        let cert = Cert::new("Intermediate", "Root", &self.intermediate, 5, 10)
            .having(CONSTRAINTS, self.keeps_profile, &CA_OF_LEAFS)
            .having(INTERMEDIATE, false, &[5, 0]);
        self.in_profile(cert, &KEY_CERT_SIGN, &self.intermediate, Some(&self.root))
    }

    pub fn leaf_cert(&self) -> Cert {
        let cert = Cert::new("Leaf", "Intermediate", &self.leaf, 1, 1)
            .having(CONSTRAINTS, self.keeps_profile, &NO_CA)
            .having(LEAF, false, &[5, 0]);
        self.in_profile(cert, &DIGITAL_SIGNATURE, &self.leaf, Some(&self.intermediate))
    }

    fn in_profile(&self, cert: Cert, usage: &[u8], own: &Pair, issuer: Option<&Pair>) -> Cert {
        if !self.keeps_profile {
            return cert;
        }
        let cert = cert.having(USAGE, true, usage).having(KEY_ID, false, &tlv(4, &[&own.id()]));
        match issuer {
            Some(issuer) => cert.having(ISSUER_KEY, false, &names_key(&issuer.id())),
            None => cert,
        }
    }

    /// The chain's DER, leaf first.
    pub fn chain(&self, leaf: &Cert, intermediate: &Cert) -> [Vec<u8>; 3] {
        [leaf.signed(&self.intermediate), intermediate.signed(&self.root), self.root_der.clone()]
    }

    pub fn good_chain(&self) -> [Vec<u8>; 3] {
        self.chain(&self.leaf_cert(), &self.intermediate_cert())
    }

    /// A payload of now under some chain, signed by the leaf's key.
    pub fn under(&self, chain: &[Vec<u8>]) -> String {
        self.headed(&header(&base64_of(chain)))
    }

    pub fn headed(&self, header: &str) -> String {
        compact(header.as_bytes(), &payload(NOW), &self.leaf)
    }

    pub fn at(&self, chain: &[Vec<u8>], at: At) -> String {
        compact(header(&base64_of(chain)).as_bytes(), &payload(at), &self.leaf)
    }

    pub fn with_payload(&self, payload: &[u8]) -> String {
        compact(header(&base64_of(&self.good_chain())).as_bytes(), payload, &self.leaf)
    }

    pub fn good(&self) -> String {
        self.under(&self.good_chain())
    }
}

pub fn payload(at: At) -> Vec<u8> {
    format!(r#"{{"bundleId":"com.example.app","signedDate":{}}}"#, at.0).into_bytes()
}

pub fn base64_of(chain: &[Vec<u8>]) -> Vec<String> {
    chain.iter().map(|der| BASE64_STANDARD.encode(der)).collect()
}

pub fn header(x5c: &[String]) -> String {
    format!(r#"{{"alg":"ES256","x5c":["{}"]}}"#, x5c.join("\",\""))
}

pub fn url(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub fn compact(header: &[u8], payload: &[u8], by: &Pair) -> String {
    let message = format!("{}.{}", url(header), url(payload));
    format!("{message}.{}", url(&by.raw(message.as_bytes())))
}
