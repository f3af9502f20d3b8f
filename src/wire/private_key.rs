//! The `.p8` files of App Store Connect: EC P-256 keys in PKCS#8, in every shape that an environment
//! variable or a secret store leaves of them.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::ALGORITHM_OID;
use p256::pkcs8::der::SecretDocument;
use p256::pkcs8::{AssociatedOid, DecodePrivateKey, EncodePrivateKey, PrivateKeyInfoRef};
use serde_json::Value;
use std::fmt;

/// Kept as PKCS#8 DER; the bytes are wiped when it is dropped.
#[derive(Clone)]
pub struct PrivateKey(SecretDocument);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the private key is neither PEM nor base64")]
    NotBase64,
    #[error("the private key is encrypted; use the .p8 file as it was downloaded")]
    Encrypted,
    #[error("the private key is not PKCS#8 (\"BEGIN PRIVATE KEY\"); use the .p8 file as it was downloaded")]
    NotPkcs8,
    #[error("the private key is not an EC key on the curve P-256")]
    NotP256,
    #[error("the private key is damaged")]
    Damaged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token could not be signed")]
pub struct CannotSign;

/// DER of the object identifier arc of PKCS#5 (1.2.840.113549.1.5), which every encrypted key names.
const PKCS5: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05];

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl PrivateKey {
    pub fn parse(text: &[u8]) -> Result<PrivateKey, Fault> {
        let text = std::str::from_utf8(text).map_err(|_| Fault::NotBase64)?;
        let der = BASE64.decode(body(text)?).map_err(|_| Fault::NotBase64)?;
        if der.is_empty() {
            return Err(Fault::NotBase64);
        }
        let info = PrivateKeyInfoRef::try_from(der.as_slice()).map_err(|_| {
            if der.windows(PKCS5.len()).any(|part| part == PKCS5) { Fault::Encrypted } else { Fault::NotPkcs8 }
        })?;
        info.algorithm.assert_oids(ALGORITHM_OID, p256::NistP256::OID).map_err(|_| Fault::NotP256)?;
        let key = p256::SecretKey::try_from(info).map_err(|_| Fault::Damaged)?;
        key.to_pkcs8_der().map(PrivateKey).map_err(|_| Fault::Damaged)
    }

    /// A token as Apple's services ask for it: ES256, with the key's id in the header.
    pub fn token(&self, key_id: &str, claims: &Value) -> Result<String, CannotSign> {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(key_id.to_owned());
        let key = EncodingKey::from_ec_der(self.0.as_bytes());
        jsonwebtoken::encode(&header, claims, &key).map_err(|_| CannotSign)
    }

    /// ECDSA with SHA-256, in DER. It follows from the key and the bytes alone (RFC 6979), so it needs no chance.
    pub fn signature(&self, bytes: &[u8]) -> Result<Vec<u8>, CannotSign> {
        let key = SigningKey::from_pkcs8_der(self.0.as_bytes()).map_err(|_| CannotSign)?;
        let signature: Signature = key.try_sign(bytes).map_err(|_| CannotSign)?;
        Ok(signature.to_der().as_bytes().to_vec())
    }

    pub fn pkcs8_der(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The base64 of a PEM block or of a bare body, without what transport put between its characters.
fn body(text: &str) -> Result<String, Fault> {
    let text = text.replace("\\r", " ").replace("\\n", " ");
    let inner = match text.split_once("-----BEGIN ") {
        None => text.as_str(),
        Some((_, block)) => {
            let (label, rest) = block.split_once("-----").ok_or(Fault::NotPkcs8)?;
            match label.trim() {
                "PRIVATE KEY" => rest.split("-----END").next().unwrap_or_default(),
                "ENCRYPTED PRIVATE KEY" => return Err(Fault::Encrypted),
                _ => return Err(Fault::NotPkcs8),
            }
        }
    };
    Ok(inner.chars().filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\'' | '\\' | '\u{feff}')).collect())
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use p256::ecdsa::{VerifyingKey, signature::Verifier};
    use p256::pkcs8::LineEnding;

    pub fn pem() -> String {
        let key = p256::SecretKey::from_slice(&[7; 32]).unwrap();
        key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
    }

    pub fn key() -> PrivateKey {
        PrivateKey::parse(pem().as_bytes()).unwrap()
    }

    /// The header and the claims of a token that [`key`] signed.
    pub fn opened(token: &str) -> (Value, Value) {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else { panic!("{} parts", parts.len()) };
        let signing = SigningKey::from_pkcs8_der(key().pkcs8_der()).unwrap();
        let signature = Signature::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        VerifyingKey::from(&signing).verify(format!("{header}.{claims}").as_bytes(), &signature).unwrap();
        let part = |text: &str| serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
        (part(header), part(claims))
    }

    fn bare() -> String {
        pem().lines().filter(|line| !line.starts_with('-')).collect()
    }

    #[test]
    fn every_shape_gives_the_same_key() {
        let pem = pem();
        let one_line = pem.trim_end().replace('\n', "");
        let wrapped = pem.lines().filter(|line| !line.starts_with('-')).collect::<Vec<_>>().join("\n");
        let shapes = [
            ("as downloaded", pem.clone()),
            ("no newline at the end", pem.trim_end().to_owned()),
            ("CRLF", pem.replace('\n', "\r\n")),
            ("CR", pem.replace('\n', "\r")),
            ("BOM", format!("\u{feff}{pem}")),
            ("newlines lost", one_line.clone()),
            ("newlines turned to spaces", pem.replace('\n', " ")),
            ("escaped newlines", pem.replace('\n', "\\n")),
            ("escaped CRLF", pem.replace('\n', "\\r\\n")),
            ("escaped twice", pem.replace('\n', "\\\\n")),
            ("quoted", format!("\"{pem}\"")),
            ("quoted and escaped", format!("'{}'\n", pem.replace('\n', "\\n"))),
            ("text before", format!("Key for the team\n{pem}")),
            ("bare body", bare()),
            ("bare body, quoted", format!("\"{}\"\n", bare())),
            ("bare body, wrapped", wrapped),
            ("bare body, no padding", bare().trim_end_matches('=').to_owned()),
        ];
        for (name, text) in shapes {
            let parsed = PrivateKey::parse(text.as_bytes()).unwrap_or_else(|fault| panic!("{name}: {fault}"));
            assert_eq!(parsed.pkcs8_der(), key().pkcs8_der(), "{name}");
        }
    }

    #[test]
    fn faults() {
        let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap().serialize_pem();
        let ed25519 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem();
        let encrypted_der =
            [&[0x30, 0x11, 0x30, 0x0d, 0x06, 0x09][..], PKCS5, &[0x0d, 0x05, 0x00, 0x04, 0x00]].concat();
        let mut zero = key().pkcs8_der().to_vec();
        let secret = zero.windows(32).position(|part| part == [7; 32]).unwrap();
        zero[secret..secret + 32].fill(0);
        let rows: Vec<(&str, Vec<u8>, Fault)> = vec![
            ("empty", Vec::new(), Fault::NotBase64),
            ("not text", vec![0xff, 0xfe, 0x00], Fault::NotBase64),
            ("prose", b"put the key here, please!".to_vec(), Fault::NotBase64),
            ("a path", b"/etc/referd/AuthKey.p8".to_vec(), Fault::NotBase64),
            ("base64 of something else", BASE64.encode(b"hello").into_bytes(), Fault::NotPkcs8),
            ("cut", bare().as_bytes()[..80].to_vec(), Fault::NotPkcs8),
            ("SEC1", pem().replace("PRIVATE KEY", "EC PRIVATE KEY").into_bytes(), Fault::NotPkcs8),
            ("public", pem().replace("PRIVATE KEY", "PUBLIC KEY").into_bytes(), Fault::NotPkcs8),
            ("half a marker", b"-----BEGIN PRIVATE".to_vec(), Fault::NotPkcs8),
            ("encrypted", pem().replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY").into_bytes(), Fault::Encrypted),
            ("encrypted, bare", BASE64.encode(encrypted_der).into_bytes(), Fault::Encrypted),
            ("P-384", p384.into_bytes(), Fault::NotP256),
            ("Ed25519", ed25519.into_bytes(), Fault::NotP256),
            ("a scalar of nought", BASE64.encode(zero).into_bytes(), Fault::Damaged),
        ];
        for (name, text, expected) in rows {
            assert_eq!(PrivateKey::parse(&text).err(), Some(expected), "{name}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", key()), "PrivateKey(…)");
    }
}
