//! The verification of what Apple signed beside its floor, in one run on one core: ratios, not times.
//!
//!     cargo bench --bench verify
//!
//! The floor is the one P-256 check that no verifier can leave out, of the same text by the same library, with the key
//! read beforehand.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey, UnparsedPublicKey};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use referd::clock::{Clock, Stopwatch, SystemClock};
use referd::domain::at::At;
use referd::fake::apple_chain::Chain;
use referd::wire::jws::Verifier;
use serde_json::{Value, json};
use std::hint::black_box;
use x509_cert::der::Decode;

const SHOTS: usize = 5;
const EACH: usize = 4_000;
const COLD_EACH: usize = 400;
/// A notification of Apple's with one nested payload.
const LENGTH: usize = 7_400;

fn main() {
    let now = SystemClock.now();
    let chain = Chain::new(now);
    let jws = notification(&chain, now);
    println!("text              {:>9} bytes", jws.len());

    let (message, signature) = jws.rsplit_once('.').expect("three segments");
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let point = leaf_key(&jws);
    let parsed = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).expect("a key");
    let unparsed = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point);
    let warm = Verifier::trusting(chain.root()).expect("a root");
    let verify = |verifier: &Verifier| assert!(black_box(verifier.verify(black_box(&jws), now)).is_ok());
    verify(&warm);

    let mut rates: [Vec<f64>; 4] = Default::default();
    for _ in 0..SHOTS {
        rates[0].push(rate(EACH, |_| parsed.verify_sig(black_box(message.as_bytes()), &signature).expect("it holds")));
        rates[1].push(rate(EACH, |_| unparsed.verify(black_box(message.as_bytes()), &signature).expect("it holds")));
        rates[2].push(rate(EACH, |_| verify(&warm)));
        let fresh: Vec<_> = (0..COLD_EACH).map(|_| Verifier::trusting(chain.root()).expect("a root")).collect();
        rates[3].push(rate(COLD_EACH, |n| verify(&fresh[n])));
    }
    let [floor, unread, warm, cold] = rates.map(median);
    println!("floor             {floor:>9.0}/s");
    println!("floor, key unread {unread:>9.0}/s  ratio {:.2}", unread / floor);
    println!("chain known       {warm:>9.0}/s  ratio {:.2}", warm / floor);
    println!("chain unknown     {cold:>9.0}/s  ratio {:.2}", cold / floor);
}

/// A purchase by an offer code, padded to the length.
fn notification(chain: &Chain, now: At) -> String {
    let transaction = json!({
        "transactionId": "2000000000000001", "originalTransactionId": "2000000000000001", "bundleId": "com.example.app",
        "productId": "com.example.app.monthly", "purchaseDate": now.0, "signedDate": now.0, "environment": "Production",
        "offerType": 3, "offerIdentifier": "REF30", "type": "Auto-Renewable Subscription",
    });
    let with = |padding: usize| {
        chain.sign(&json!({
            "notificationType": "SUBSCRIBED", "subtype": "INITIAL_BUY", "version": "2.0", "signedDate": now.0,
            "notificationUUID": "5e09dcfc-205e-4ea1-9883-96676f394992",
            "data": { "bundleId": "com.example.app", "environment": "Production", "bundleVersion": "1".repeat(padding),
                      "signedTransactionInfo": chain.sign(&transaction) },
        }))
    };
    // Base64 makes four characters of three bytes.
    let missing = LENGTH.saturating_sub(with(0).len()) * 3 / 4;
    with(missing)
}

fn leaf_key(jws: &str) -> Vec<u8> {
    let header = BASE64_URL_SAFE_NO_PAD.decode(jws.split('.').next().expect("a header")).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    let leaf = BASE64_STANDARD.decode(header["x5c"][0].as_str().expect("a text")).expect("base64");
    let leaf = x509_cert::Certificate::from_der(&leaf).expect("a certificate");
    let info = leaf.tbs_certificate().subject_public_key_info();
    info.subject_public_key.as_bytes().expect("whole bytes").to_vec()
}

fn rate(count: usize, mut each: impl FnMut(usize)) -> f64 {
    let watch = Stopwatch::start();
    (0..count).for_each(&mut each);
    count as f64 / (watch.micros() as f64 / 1e6)
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
