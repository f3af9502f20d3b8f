//! Offers signed by Apple's own library and by ours. A signature of ECDSA is another one each time, so what is compared
//! is the text under it, and what a token says.

use super::oracle;
use crate::support::rng::Rng;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use referd::domain::at::At;
use referd::wire::offer_signature::{Request, Wanted, introductory_jws, promotional_jws, signed_bytes, v1};
use referd::wire::private_key::PrivateKey;
use serde_json::{Value, json};

const SEED: u64 = 2_063;
const OFFERS: usize = 300;

struct Keys {
    pem: String,
    ours: PrivateKey,
    public: VerifyingKey,
}

impl Keys {
    fn new() -> Keys {
        let secret = p256::SecretKey::from_slice(&[7; 32]).unwrap();
        let pem = secret.to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
        let ours = PrivateKey::parse(pem.as_bytes()).unwrap();
        Keys { pem, ours, public: *SigningKey::from(secret).verifying_key() }
    }

    fn hold(&self, signature: &str, bytes: &[u8]) -> bool {
        let signature = Signature::from_der(&BASE64_STANDARD.decode(signature).unwrap()).unwrap();
        self.public.verify(bytes, &signature).is_ok()
    }

    /// The header and the claims of a token.
    fn open(&self, token: &str) -> [Value; 2] {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
        self.public.verify(signed.as_bytes(), &Signature::from_slice(&bytes(signature)).unwrap()).unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        [header, claims].map(|part| serde_json::from_slice(&bytes(part)).unwrap())
    }
}

/// The fields of an offer, as chance has them.
struct Offer {
    names: [String; 4],
    token: Option<String>,
    nonce: String,
    at: At,
}

impl Offer {
    fn new(rng: &mut Rng) -> Offer {
        const NAMES: [&str; 8] =
            ["com.example.alma", "Alma", "2X9R4HXF34", "alma.yearly", "Come back, 50 %", "ü\u{301}", "a\"\\/b", "x"];
        let names = std::array::from_fn(|_| NAMES[rng.below(NAMES.len())].to_owned());
        let token = match rng.below(6) {
            0 => None,
            1 => Some(String::new()),
            2 => Some("anna müller".to_owned()),
            _ => Some(uuid(rng)),
        };
        let at = [0, 999, 1_698_148_900_000, 1_795_253_400_000 + rng.below(100_000_000) as i64][rng.below(4)];
        Offer { names, token, nonce: uuid(rng), at: At(at) }
    }

    fn wanted(&self) -> Wanted<'_> {
        let [bundle_id, key_id, product_id, offer_id] = self.names.each_ref().map(String::as_str);
        let app_account_token = self.token.as_deref();
        Wanted { bundle_id, key_id, product_id, offer_id, app_account_token, nonce: &self.nonce, at: self.at }
    }

    fn question(&self, kind: &str, keys: &Keys, extra: Value) -> Value {
        let [bundle_id, key_id, product_id, offer_id] = &self.names;
        let mut question = json!({
            "kind": kind, "key": keys.pem, "key_id": key_id, "bundle_id": bundle_id, "product_id": product_id,
            "offer_id": offer_id, "nonce": self.nonce, "at": self.at.0,
        });
        question.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        question
    }

    fn v1_question(&self, keys: &Keys) -> Value {
        self.question("v1", keys, json!({"app_account_token": self.token.as_deref().unwrap_or_default()}))
    }
}

/// In lower case, in upper case as Swift has it, or in both.
fn uuid(rng: &mut Rng) -> String {
    let hex = format!("{:016x}{:016x}", rng.next(), rng.next());
    let uuid = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    match rng.below(3) {
        0 => uuid,
        1 => uuid.to_uppercase(),
        _ => uuid[..18].to_uppercase() + &uuid[18..],
    }
}

fn offers() -> Vec<Offer> {
    let mut rng = Rng::new(SEED);
    (0..OFFERS).map(|_| Offer::new(&mut rng)).collect()
}

#[test]
fn apples_own_library_signs_the_same_bytes() {
    let Some(python) = oracle::python() else { return };
    let (keys, offers) = (Keys::new(), offers());
    let theirs = oracle::answers(&python, "sign.py", offers.iter().map(|offer| offer.v1_question(&keys)));
    for (offer, theirs) in offers.iter().zip(&theirs) {
        let (wanted, question) = (offer.wanted(), offer.v1_question(&keys));
        assert!(keys.hold(theirs, &signed_bytes(&wanted)), "theirs: {question}");
        assert!(keys.hold(&v1(&wanted, &keys.ours).unwrap(), &signed_bytes(&wanted)), "ours: {question}");
    }
}

/// Of a name that is no UUID ours leaves the capitals, since the app passes it as it is; Apple's library does not.
#[test]
fn a_name_with_capitals_is_the_one_difference() {
    let Some(python) = oracle::python() else { return };
    let keys = Keys::new();
    let offer = Offer { token: Some("Anna".to_owned()), ..Offer::new(&mut Rng::new(SEED)) };
    let theirs = &oracle::answers(&python, "sign.py", [offer.v1_question(&keys)].into_iter())[0];
    assert!(!keys.hold(theirs, &signed_bytes(&offer.wanted())));
    let lowered = Offer { token: Some("anna".to_owned()), ..offer };
    assert!(keys.hold(theirs, &signed_bytes(&lowered.wanted())));
}

#[test]
fn apples_own_library_makes_the_same_tokens() {
    let Some(python) = oracle::python() else { return };
    let (keys, issuer) = (Keys::new(), "57246542-96fe-1a63-e053-0824d011072a");
    let (mut questions, mut ours) = (Vec::new(), Vec::new());
    for (n, offer) in offers().iter().enumerate() {
        let Wanted { bundle_id, key_id, product_id, offer_id, nonce, at, .. } = offer.wanted();
        let request = Request { issuer, key_id, bundle_id, nonce, at };
        let id = (2_000_000_000 + n).to_string();
        let (some, allowed) = ((n % 3 > 0).then_some(id.as_str()), n % 2 == 0);
        let extra = json!({"issuer": issuer, "transaction_id": some});
        questions.push(offer.question("promotional", &keys, extra));
        ours.push(promotional_jws(&request, product_id, offer_id, some, &keys.ours).unwrap());
        let extra = json!({"issuer": issuer, "transaction_id": id, "allowed": allowed});
        questions.push(offer.question("introductory", &keys, extra));
        ours.push(introductory_jws(&request, product_id, allowed, &id, &keys.ours).unwrap());
    }
    let theirs = oracle::answers(&python, "sign.py", questions.iter().cloned());
    for ((question, ours), theirs) in questions.iter().zip(&ours).zip(&theirs) {
        assert_eq!(keys.open(ours), keys.open(theirs), "{question}");
    }
}
