//! A certificate chain of the shape of Apple's, which signs like Apple.

use crate::domain::at::{At, Span};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, date_time_ymd,
};
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

/// Apple's marks: of certificates that sign receipts, and of the authorities that issue those. Their value is NULL.
const LEAF: [u64; 8] = [1, 2, 840, 113635, 100, 6, 11, 1];
const INTERMEDIATE: [u64; 8] = [1, 2, 840, 113635, 100, 6, 2, 1];
const NULL: [u8; 2] = [5, 0];

const YEAR: Span = Span::days(365);

pub struct Chain {
    root: Certificate,
    /// The JWS's first segment: every payload has the same.
    header: String,
    key: EncodingKey,
}

impl Chain {
    /// A chain that is valid around this time.
    pub fn new(now: At) -> Chain {
        Chain::make(now).expect("the parts of the chain are fixed")
    }

    fn make(now: At) -> Result<Chain, rcgen::Error> {
        let root_key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
        let root = authority("Stand-in Root CA", BasicConstraints::Unconstrained, now, 10, 15);
        let root_certificate = root.self_signed(&root_key)?;
        let root = Issuer::new(root, root_key);

        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
        let mut intermediate =
            authority("Stand-in Developer Relations CA", BasicConstraints::Constrained(0), now, 5, 10);
        intermediate.custom_extensions = vec![mark(&INTERMEDIATE)];
        let intermediate_certificate = intermediate.signed_by(&key, &root)?;
        let intermediate = Issuer::new(intermediate, key);

        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut leaf = named("Stand-in Receipt Signing", now, 1, 1);
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.custom_extensions = vec![mark(&LEAF)];
        let leaf_certificate = leaf.signed_by(&key, &intermediate)?;

        let x5c = [&leaf_certificate, &intermediate_certificate, &root_certificate];
        let x5c = x5c.map(|certificate| BASE64_STANDARD.encode(certificate.der()));
        // Apple writes the algorithm first, which is the order of the alphabet too.
        let header = BASE64_URL_SAFE_NO_PAD.encode(json!({ "alg": "ES256", "x5c": x5c }).to_string());
        Ok(Chain { root: root_certificate, header, key: EncodingKey::from_ec_der(key.serialized_der()) })
    }

    /// DER.
    pub fn root(&self) -> &[u8] {
        self.root.der()
    }

    pub fn root_pem(&self) -> String {
        self.root.pem()
    }

    /// A compact JWS of the payload, with the chain in its header.
    pub fn sign(&self, payload: &(impl Serialize + ?Sized)) -> String {
        let payload = serde_json::to_vec(payload).expect("a payload is plain JSON");
        let message = format!("{}.{}", self.header, BASE64_URL_SAFE_NO_PAD.encode(payload));
        let signature = crypto::sign(message.as_bytes(), &self.key, Algorithm::ES256).expect("the key is of P-256");
        format!("{message}.{signature}")
    }
}

fn authority(name: &str, constraints: BasicConstraints, now: At, past: i64, future: i64) -> CertificateParams {
    let mut params = named(name, now, past, future);
    params.is_ca = IsCa::Ca(constraints);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(name: &str, now: At, past: i64, future: i64) -> CertificateParams {
    let years = |count: i64| Span(YEAR.0 * count);
    let since = |at: At| date_time_ymd(1970, 1, 1) + Duration::from_millis(at.0.max(0).unsigned_abs());
    let mut params = CertificateParams::default();
    params.not_before = since(now.minus(years(past)));
    params.not_after = since(now.plus(years(future)));
    params.distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name.push(DnType::OrganizationName, "referd");
    params.use_authority_key_identifier_extension = true;
    params
}

fn mark(oid: &[u64]) -> CustomExtension {
    CustomExtension::from_oid_content(oid, NULL.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::jws::{Fault, Verifier};
    use serde_json::Value;

    const NOW: At = At(1_795_000_000_000);

    #[test]
    fn the_verifier_takes_it_and_apples_root_does_not() {
        let chain = Chain::new(NOW);
        let payload = json!({ "signedDate": NOW.0, "bundleId": "com.example.app" });
        let jws = chain.sign(&payload);
        for root in [chain.root(), chain.root_pem().as_bytes()] {
            let signed = Verifier::trusting(root).unwrap().verify(&jws, At(0)).unwrap();
            assert_eq!(signed.at, NOW);
            assert_eq!(serde_json::from_slice::<Value>(&signed.payload).unwrap(), payload);
        }
        assert_eq!(Verifier::apple().verify(&jws, NOW), Err(Fault::Chain));
        assert_eq!(Verifier::trusting(Chain::new(NOW).root()).unwrap().verify(&jws, NOW), Err(Fault::Chain));
    }

    #[test]
    fn its_header_is_like_apples() {
        let jws = Chain::new(NOW).sign(&json!({}));
        let segments: Vec<&str> = jws.split('.').collect();
        let header = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(segments[0]).unwrap()).unwrap();
        assert!(header.starts_with(r#"{"alg":"ES256","x5c":["MII"#), "{header}");
        assert_eq!(header.matches("\",\"MII").count(), 2, "{header}");
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(segments[2]).unwrap().len(), 64);
    }

    #[test]
    fn it_is_valid_around_its_time() {
        let chain = Chain::new(NOW);
        let verifier = Verifier::trusting(chain.root()).unwrap();
        let verdict = |days: i64| {
            let at = NOW.plus(Span::days(days));
            verifier.verify(&chain.sign(&json!({ "signedDate": at.0 })), NOW).map(|signed| signed.at)
        };
        for days in [-364, 0, 364] {
            assert_eq!(verdict(days), Ok(NOW.plus(Span::days(days))), "{days}");
        }
        assert_eq!(verdict(-366), Err(Fault::NotYetValid));
        assert_eq!(verdict(366), Err(Fault::Expired));
    }
}
