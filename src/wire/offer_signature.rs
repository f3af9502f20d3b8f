//! What an app shows to the App Store to have a promotional offer, or to settle whether an introductory one is for this
//! customer: signed with the In-App Purchase key (Apple, Generating a signature for promotional offers, and Generating
//! JWS to sign App Store requests).

use super::private_key::{CannotSign, PrivateKey};
use super::text;
use crate::domain::at::At;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the offer could not be signed")]
    Signing(#[from] CannotSign),
    #[error("{0} is empty, or has a control character or an invisible separator (U+2063)")]
    Text(&'static str),
    #[error("an app account token has no control character and no invisible separator (U+2063)")]
    Token,
    #[error("a nonce is a UUID")]
    Nonce,
}

/// A promotional offer for one purchase, by the older signature. No `Debug`: it names a user.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    pub bundle_id: &'a str,
    pub key_id: &'a str,
    pub product_id: &'a str,
    pub offer_id: &'a str,
    /// As the app gives it to the purchase: a UUID, or the `applicationUsername` of older code, which may be any text.
    pub app_account_token: Option<&'a str>,
    /// A UUID that was never signed before.
    pub nonce: &'a str,
    /// Apple takes the signature for 24 hours from here.
    pub at: At,
}

/// Between the fields, and in none of them: what two fields say cannot be said by one.
const SEPARATOR: char = '\u{2063}';

/// What is under the signature of [`v1`].
pub fn signed_bytes(wanted: &Wanted) -> Vec<u8> {
    let fields = [
        wanted.bundle_id,
        wanted.key_id,
        wanted.product_id,
        wanted.offer_id,
        &lowered(wanted.app_account_token.unwrap_or_default()),
        &lowered(wanted.nonce),
        &wanted.at.0.to_string(),
    ];
    fields.join(SEPARATOR.encode_utf8(&mut [0; 4])).into_bytes()
}

/// Apple has UUIDs in lower case; Swift's `uuidString` is in upper case. A name stands for itself.
fn lowered(text: &str) -> String {
    if text::is_uuid(text) { text.to_ascii_lowercase() } else { text.to_owned() }
}

/// Whether what is named can be signed at all, so that this is known before anything is noted.
pub fn signable(
    product_id: &str,
    offer_id: &str,
    app_account_token: Option<&str>,
    transaction_id: Option<&str>,
) -> Result<(), Fault> {
    is_named("the product id", product_id)?;
    is_named("the offer id", offer_id)?;
    if !is_clean(app_account_token.unwrap_or_default()) {
        return Err(Fault::Token);
    }
    transaction_id.map_or(Ok(()), |id| is_named("the transaction id", id))
}

/// The signature in DER, as base64. It holds where the app passes the same values, UUIDs in lower case.
pub fn v1(wanted: &Wanted, key: &PrivateKey) -> Result<String, Fault> {
    is_named("the bundle id", wanted.bundle_id)?;
    is_named("the key id", wanted.key_id)?;
    signable(wanted.product_id, wanted.offer_id, wanted.app_account_token, None)?;
    is_nonce(wanted.nonce)?;
    Ok(STANDARD.encode(key.signature(&signed_bytes(wanted))?))
}

/// What every signed request has.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub issuer: &'a str,
    pub key_id: &'a str,
    pub bundle_id: &'a str,
    /// A UUID that was never signed before.
    pub nonce: &'a str,
    /// Apple reckons from here until when it takes the request, so there is no `exp`.
    pub at: At,
}

/// A promotional offer for one purchase. Apple advises to name a transaction of the customer, or their
/// `appTransactionId`.
pub fn promotional_jws(
    request: &Request,
    product_id: &str,
    offer_id: &str,
    transaction_id: Option<&str>,
    key: &PrivateKey,
) -> Result<String, Fault> {
    signable(product_id, offer_id, None, transaction_id)?;
    let mut extra = json!({"productId": product_id, "offerIdentifier": offer_id});
    if let Some(id) = transaction_id {
        extra["transactionId"] = json!(id);
    }
    jws(request, "promotional-offer", extra, key)
}

/// Whether the customer may have the product's introductory offer, whatever the App Store would say by itself.
pub fn introductory_jws(
    request: &Request,
    product_id: &str,
    allowed: bool,
    transaction_id: &str,
    key: &PrivateKey,
) -> Result<String, Fault> {
    is_named("the product id", product_id)?;
    is_named("the transaction id", transaction_id)?;
    let extra = json!({"productId": product_id, "allowIntroductoryOffer": allowed, "transactionId": transaction_id});
    jws(request, "introductory-offer-eligibility", extra, key)
}

fn jws(request: &Request, audience: &str, mut claims: Value, key: &PrivateKey) -> Result<String, Fault> {
    is_named("the issuer", request.issuer)?;
    is_named("the key id", request.key_id)?;
    is_named("the bundle id", request.bundle_id)?;
    is_nonce(request.nonce)?;
    claims["iss"] = json!(request.issuer);
    claims["iat"] = json!(request.at.0.div_euclid(1_000));
    claims["aud"] = json!(audience);
    claims["bid"] = json!(request.bundle_id);
    claims["nonce"] = json!(lowered(request.nonce));
    Ok(key.token(request.key_id, &claims)?)
}

fn is_named(what: &'static str, text: &str) -> Result<(), Fault> {
    if !text.is_empty() && is_clean(text) { Ok(()) } else { Err(Fault::Text(what)) }
}

fn is_nonce(text: &str) -> Result<(), Fault> {
    if text::is_uuid(text) { Ok(()) } else { Err(Fault::Nonce) }
}

fn is_clean(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || c == SEPARATOR)
}

#[cfg(test)]
mod tests {
    use super::super::private_key::tests::{key, opened};
    use super::*;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
    use p256::elliptic_curve::sec1::ToSec1Point;

    const NONCE: &str = "20fba8a0-2b80-4a7d-a17f-85c1854727f8";
    const TOKEN: &str = "7e3fb20b-4cdb-47cc-936d-99d65f608138";
    const UPPER_NONCE: &str = "20FBA8A0-2B80-4A7D-A17F-85C1854727F8";
    const UPPER_TOKEN: &str = "7E3FB20B-4CDB-47CC-936D-99D65F608138";

    const WANTED: Wanted = Wanted {
        bundle_id: "com.example.alma",
        key_id: "2X9R4HXF34",
        product_id: "alma.Yearly",
        offer_id: "Come back",
        app_account_token: Some(TOKEN),
        nonce: NONCE,
        at: At(1_698_148_900_123),
    };

    const REQUEST: Request = Request {
        issuer: "57246542-96fe-1a63-e053-0824d011072a",
        key_id: "2X9R4HXF34",
        bundle_id: "com.example.alma",
        nonce: NONCE,
        at: At(1_698_148_900_999),
    };

    /// By another library than the one that signs.
    fn holds(signature: &str, bytes: &[u8]) -> bool {
        let secret = p256::SecretKey::from_slice(&[7; 32]).unwrap();
        let point = secret.public_key().to_sec1_point(false);
        let der = STANDARD.decode(signature).expect("standard base64 with its padding");
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point.as_bytes()).verify(bytes, &der).is_ok()
    }

    fn with_token(token: Option<&str>) -> Wanted<'_> {
        Wanted { app_account_token: token, ..WANTED }
    }

    #[test]
    fn the_bytes_under_a_signature() {
        macro_rules! line {
            ($token:literal) => {
                concat!(
                    "com.example.alma\u{2063}2X9R4HXF34\u{2063}alma.Yearly\u{2063}Come back\u{2063}",
                    $token,
                    "\u{2063}20fba8a0-2b80-4a7d-a17f-85c1854727f8\u{2063}1698148900123"
                )
                .as_bytes()
            };
        }
        let uuid = line!("7e3fb20b-4cdb-47cc-936d-99d65f608138");
        let apples = Wanted {
            bundle_id: "bundleId",
            key_id: "keyId",
            product_id: "productId",
            offer_id: "offerId",
            app_account_token: Some("appAccountToken"),
            nonce: UPPER_NONCE,
            at: At(1_698_148_900_000),
        };
        let of_apple = b"bundleId\xe2\x81\xa3keyId\xe2\x81\xa3productId\xe2\x81\xa3offerId\xe2\x81\xa3appAccountToken\
            \xe2\x81\xa320fba8a0-2b80-4a7d-a17f-85c1854727f8\xe2\x81\xa31698148900000";
        let rows: [(&str, Wanted, &[u8]); 9] = [
            ("all", WANTED, uuid),
            ("a token of Swift", with_token(Some(UPPER_TOKEN)), uuid),
            ("a nonce of Swift", Wanted { nonce: UPPER_NONCE, ..WANTED }, uuid),
            ("both", Wanted { nonce: UPPER_NONCE, ..with_token(Some(UPPER_TOKEN)) }, uuid),
            ("no token", with_token(None), line!("")),
            ("an empty token", with_token(Some("")), line!("")),
            ("a name", with_token(Some("Anna Müller")), line!("Anna Müller")),
            ("nearly a UUID", with_token(Some(&UPPER_TOKEN[1..])), line!("E3FB20B-4CDB-47CC-936D-99D65F608138")),
            ("the fields of Apple's own test", apples, of_apple),
        ];
        for (name, wanted, bytes) in rows {
            assert_eq!(signed_bytes(&wanted), bytes, "{name}");
            assert_eq!(bytes.windows(3).filter(|part| part == b"\xe2\x81\xa3").count(), 6, "{name}");
            let signature = v1(&wanted, &key()).unwrap();
            assert!(holds(&signature, bytes), "{name}");
            assert_eq!(v1(&wanted, &key()).unwrap(), signature, "{name}: nothing of it is chance");
        }
    }

    #[test]
    fn a_signature_holds_for_nothing_else() {
        let other_nonce = "20fba8a0-2b80-4a7d-a17f-85c1854727f9";
        let others = [
            ("bundle", Wanted { bundle_id: "com.example.almb", ..WANTED }),
            ("key", Wanted { key_id: "2X9R4HXF35", ..WANTED }),
            ("product", Wanted { product_id: "alma.yearly", ..WANTED }),
            ("offer", Wanted { offer_id: "come back", ..WANTED }),
            ("token", with_token(Some(other_nonce))),
            ("no token", with_token(None)),
            ("nonce", Wanted { nonce: other_nonce, ..WANTED }),
            ("time", Wanted { at: At(WANTED.at.0 + 1), ..WANTED }),
        ];
        let signature = v1(&WANTED, &key()).unwrap();
        for (name, other) in others {
            assert!(!holds(&signature, &signed_bytes(&other)), "{name}");
        }
    }

    #[test]
    fn faults() {
        let rows = [
            ("no bundle", Wanted { bundle_id: "", ..WANTED }, Fault::Text("the bundle id")),
            ("no key", Wanted { key_id: "", ..WANTED }, Fault::Text("the key id")),
            ("no product", Wanted { product_id: "", ..WANTED }, Fault::Text("the product id")),
            ("no offer", Wanted { offer_id: "", ..WANTED }, Fault::Text("the offer id")),
            ("two fields in one", Wanted { product_id: "a\u{2063}b", ..WANTED }, Fault::Text("the product id")),
            ("a line end", Wanted { offer_id: "a\n", ..WANTED }, Fault::Text("the offer id")),
            ("two fields in a token", with_token(Some("a\u{2063}b")), Fault::Token),
            ("a NUL in a token", with_token(Some("a\0")), Fault::Token),
            ("no nonce", Wanted { nonce: "", ..WANTED }, Fault::Nonce),
            ("a nonce without its dashes", Wanted { nonce: &TOKEN.replace('-', ""), ..WANTED }, Fault::Nonce),
        ];
        for (name, wanted, fault) in rows {
            assert_eq!(v1(&wanted, &key()), Err(fault), "{name}");
        }
        let requests = [
            ("no issuer", Request { issuer: "", ..REQUEST }, Fault::Text("the issuer")),
            ("no key", Request { key_id: "", ..REQUEST }, Fault::Text("the key id")),
            ("no bundle", Request { bundle_id: "", ..REQUEST }, Fault::Text("the bundle id")),
            ("no nonce", Request { nonce: "1", ..REQUEST }, Fault::Nonce),
        ];
        for (name, request, fault) in requests {
            assert_eq!(promotional_jws(&request, "p", "o", None, &key()), Err(fault), "{name}");
            assert_eq!(introductory_jws(&request, "p", true, "1", &key()), Err(fault), "{name}");
        }
        let promotional = |product, offer, transaction| promotional_jws(&REQUEST, product, offer, transaction, &key());
        let introductory = |product, transaction| introductory_jws(&REQUEST, product, true, transaction, &key());
        let rows = [
            (promotional("", "o", None), "the product id"),
            (promotional("p", "", None), "the offer id"),
            (promotional("p", "o", Some("")), "the transaction id"),
            (introductory("", "1"), "the product id"),
            (introductory("p", ""), "the transaction id"),
        ];
        for (signed, what) in rows {
            assert_eq!(signed, Err(Fault::Text(what)));
        }
    }

    #[test]
    fn requests() {
        let swifts = Request { nonce: UPPER_NONCE, ..REQUEST };
        let base = |audience: &str, extra: Value| {
            let mut claims = json!({
                "iss": "57246542-96fe-1a63-e053-0824d011072a", "iat": 1_698_148_900, "aud": audience,
                "bid": "com.example.alma", "nonce": "20fba8a0-2b80-4a7d-a17f-85c1854727f8",
            });
            claims.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            claims
        };
        let rows = [
            (
                promotional_jws(&REQUEST, "alma.yearly", "back", Some("2000000123456789"), &key()),
                base(
                    "promotional-offer",
                    json!({"productId": "alma.yearly", "offerIdentifier": "back", "transactionId": "2000000123456789"}),
                ),
            ),
            (
                promotional_jws(&swifts, "alma.yearly", "back", None, &key()),
                base("promotional-offer", json!({"productId": "alma.yearly", "offerIdentifier": "back"})),
            ),
            (
                introductory_jws(&swifts, "alma.yearly", false, "704289572311513293", &key()),
                base(
                    "introductory-offer-eligibility",
                    json!({
                        "productId": "alma.yearly", "allowIntroductoryOffer": false,
                        "transactionId": "704289572311513293",
                    }),
                ),
            ),
            (
                introductory_jws(&REQUEST, "alma.yearly", true, "1", &key()),
                base(
                    "introductory-offer-eligibility",
                    json!({"productId": "alma.yearly", "allowIntroductoryOffer": true, "transactionId": "1"}),
                ),
            ),
        ];
        for (token, expected) in rows {
            let (header, claims) = opened(&token.unwrap());
            assert_eq!(header, json!({"alg": "ES256", "kid": "2X9R4HXF34", "typ": "JWT"}));
            assert_eq!(claims, expected);
        }
    }
}
