//! What is said of a purchase whose refund is asked for, by Apple's own library and by ours: the same path, the same body.

use super::oracle;
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use referd::domain::at::Span;
use referd::domain::consumption::{Api, Consumption, Preference};
use referd::domain::purchase::Share;
use referd::domain::usage::Delivery;
use referd::wire::app_store_server::consumption::{body, path};
use serde_json::{Value, json};

const TOKEN: &str = "7e3fb20b-4cdb-47cc-936d-99d65f608138";

/// Every kind of delivery and wish, with every kind of consumption, age and play time.
fn answers() -> Vec<Consumption> {
    let mut all = Vec::new();
    let consumed = [None, Some(0), Some(1), Some(67_932), Some(100_000)];
    let minutes = [None, Some(0), Some(5), Some(60), Some(360), Some(1_440), Some(5_760), Some(23_040)];
    let days = [None, Some(0), Some(3), Some(10), Some(30), Some(90), Some(180), Some(365)];
    for delivery in Delivery::ALL {
        for preference in std::iter::once(None).chain(Preference::ALL.map(Some)) {
            for consumed in consumed {
                for (play_minutes, age) in minutes.into_iter().zip(days) {
                    all.push(Consumption {
                        delivery,
                        sample_content: all.len() % 2 == 0,
                        consumed: consumed.map(Share::new),
                        preference,
                        play_minutes,
                        account_age: age.map(Span::days),
                    });
                }
            }
        }
    }
    all
}

#[test]
fn apples_own_library_says_the_same() {
    let Some(python) = oracle::python() else { return };
    let key = p256::SecretKey::from_slice(&[7; 32]).unwrap().to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
    let (mut questions, mut ours) = (Vec::new(), Vec::new());
    for (n, answer) in answers().iter().enumerate() {
        for (api, word) in [(Api::V1, "v1"), (Api::V2, "v2")] {
            let (id, token) = ((2_000_000_000 + n).to_string(), (n % 3 > 0).then_some(TOKEN));
            questions.push(json!({
                "key": key, "api": word, "id": id, "delivery": answer.delivery.word(), "sample": answer.sample_content,
                "consumed": answer.consumed.map(Share::thousandths), "minutes": answer.play_minutes,
                "preference": answer.preference.map(Preference::word), "token": token.unwrap_or_default(),
                "days": answer.account_age.map(|age| age.0 / Span::days(1).0),
            }));
            let body: Value = serde_json::from_slice(&body(api, answer, token)).unwrap();
            ours.push(json!({"method": "PUT", "path": path(api, &id).unwrap(), "body": body}));
        }
    }
    let theirs = oracle::answers(&python, "consumption.py", questions.iter().cloned());
    for ((question, ours), theirs) in questions.iter().zip(&ours).zip(&theirs) {
        assert_eq!(&serde_json::from_str::<Value>(theirs).unwrap(), ours, "{question}");
    }
}
