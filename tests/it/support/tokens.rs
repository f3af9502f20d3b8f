//! Keys made of a number, and what they sign.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://alma.example.com";
pub const AUDIENCE: &str = "referd";

pub fn secret_key(seed: u8) -> SecretKey {
    SecretKey::from_slice(&[seed; 32]).expect("these bytes are a scalar")
}

pub fn private_pem(seed: u8) -> String {
    secret_key(seed).to_pkcs8_pem(LineEnding::LF).expect("a key has a PEM form").to_string()
}

pub fn public_pem(seed: u8) -> String {
    secret_key(seed).public_key().to_public_key_pem(LineEnding::LF).expect("a key has a PEM form")
}

pub fn public_point(seed: u8) -> Vec<u8> {
    secret_key(seed).public_key().to_sec1_bytes().to_vec()
}

pub fn jwk(seed: u8, kid: &str) -> Value {
    let point = secret_key(seed).public_key().to_sec1_point(false);
    let text = |bytes: Option<&[u8]>| base64(bytes.expect("an uncompressed point has both"));
    let (x, y) = (text(point.x().map(|x| &x[..])), text(point.y().map(|y| &y[..])));
    json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": x, "y": y})
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// A user's token as the team's own backend makes it.
pub fn claims(user: &str, expires: i64) -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": user, "exp": expires})
}

pub fn es256(seed: u8, kid: Option<&str>, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::ES256);
    header.kid = kid.map(str::to_owned);
    let der = secret_key(seed).to_pkcs8_der().expect("a key has a DER form");
    encode(&header, claims, &EncodingKey::from_ec_der(der.as_bytes())).expect("claims can be signed")
}

pub fn hs256(secret: &str, claims: &Value) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(secret.as_bytes()))
        .expect("claims can be signed")
}
