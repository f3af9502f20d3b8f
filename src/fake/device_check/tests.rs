use super::token::tests::{NOW, TEAM, key, token_with};
use super::*;
use crate::clock::ManualClock;
use crate::domain::at::Span;
use crate::fake::client::Answer;
use crate::fake::faults::{Fault, Op};
use crate::fake::tests::ask;
use serde_json::json;

const QUERY: &str = "/v1/query_two_bits";
const UPDATE: &str = "/v1/update_two_bits";

struct Rig {
    apple: DeviceCheck,
    clock: Arc<ManualClock>,
}

async fn rig() -> Rig {
    let clock = Arc::new(ManualClock::at(NOW));
    let setup = Setup { key: key(None), team_id: TEAM.into(), clock: clock.clone() };
    Rig { apple: DeviceCheck::start(setup).await.unwrap(), clock }
}

impl Rig {
    async fn send(&self, method: &str, path: &str, body: String) -> Option<Answer> {
        let iat = self.clock.now().0 / 1000;
        let bearer = format!("Bearer {}", token_with(json!({ "iat": iat })));
        let url = format!("{}{path}", self.apple.base_url());
        ask(method, &url, &[("authorization", &bearer)], body).await.ok()
    }
    /// A body about a device with some members changed; null takes one away.
    async fn post(&self, path: &str, device_token: &str, changes: Value) -> Option<(u16, String)> {
        let mut body = json!({"device_token": device_token, "transaction_id": "t", "timestamp": self.clock.now().0});
        let members = body.as_object_mut().unwrap();
        members.extend(changes.as_object().unwrap().clone());
        members.retain(|_, value| !value.is_null());
        let answer = self.send("POST", path, body.to_string()).await?;
        Some((answer.status, String::from_utf8(answer.body.to_vec()).unwrap()))
    }
}

fn text(status: u16, text: &str) -> Option<(u16, String)> {
    Some((status, text.to_owned()))
}

#[test]
fn tokens_name_their_device() {
    let (one, two) = (token("a", 1), token("a", 2));
    assert_ne!(one, two);
    assert_eq!((device_of(&one), device_of(&two)), (Some("a".to_owned()), Some("a".to_owned())));
    assert_eq!(device_of(&token("a:b", u32::MAX)).as_deref(), Some("a:b"));
    for odd in ["device:a:", "device:a:x", "device:a", "a:1", ""] {
        assert_eq!(device_of(&STANDARD.encode(odd)), None, "{odd}");
    }
    assert_eq!(device_of("device:a:1"), None);
}

#[tokio::test]
async fn every_wrong_request_is_refused() {
    let rig = rig().await;
    let good = token("a", 1);
    let seconds = NOW.0 / 1000;
    let rows = [
        (QUERY, json!({"device_token": null}), "Missing or badly formatted device token"),
        (QUERY, json!({"device_token": 7}), "Missing or badly formatted device token"),
        (QUERY, json!({"device_token": "AAAA"}), "Missing or badly formatted device token"),
        (QUERY, json!({"device_token": format!("{good}\n")}), "Missing or badly formatted device token"),
        (QUERY, json!({"transaction_id": null}), "Bad Payload"),
        (QUERY, json!({"transaction_id": ""}), "Bad Payload"),
        (QUERY, json!({"timestamp": null}), "Bad Timestamp"),
        (QUERY, json!({"timestamp": seconds}), "Bad Timestamp"),
        (QUERY, json!({"timestamp": "1790000000000"}), "Bad Timestamp"),
        (UPDATE, json!({}), "Bad Bits"),
        (UPDATE, json!({"bit0": 1, "bit1": 0}), "Bad Bits"),
        (UPDATE, json!({"bit0": true, "bit1": "false"}), "Bad Bits"),
    ];
    for (path, changes, said) in rows {
        assert_eq!(rig.post(path, &good, changes.clone()).await, text(400, said), "{path} {changes}");
    }
    for (method, path, body, status) in
        [("POST", QUERY, "{", 400), ("POST", QUERY, "[]", 400), ("GET", QUERY, "", 405), ("POST", "/v1/bits", "", 404)]
    {
        let answer = rig.send(method, path, body.to_owned()).await.unwrap();
        assert_eq!(answer.status, status, "{method} {path} {body}");
        assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
    }
    for headers in [&[][..], &[("authorization", "Bearer x")], &[("authorization", "x")]] {
        let answer = ask("POST", &format!("{}{QUERY}", rig.apple.base_url()), headers, "").await.unwrap();
        assert_eq!((answer.status, &answer.body[..]), (401, &b"Unable to verify authorization token"[..]));
    }
    assert_eq!(rig.apple.bits("a"), None);
}

#[tokio::test]
async fn bits_are_of_the_device_whatever_its_token() {
    let rig = rig().await;
    let never = text(200, "Failed to find bit state");
    let state = |bit0, bit1, month: &str| {
        text(200, &json!({"bit0": bit0, "bit1": bit1, "last_update_time": month}).to_string())
    };
    assert_eq!(rig.post(QUERY, &token("a", 1), json!({})).await, never);
    assert_eq!(rig.apple.bits("a"), None);
    assert_eq!(rig.post(UPDATE, &token("a", 2), json!({"bit0": false, "bit1": false})).await, text(200, ""));
    assert_eq!(rig.post(QUERY, &token("a", 3), json!({})).await, state(false, false, "2026-09"));
    assert_eq!(rig.post(QUERY, &token("b", 3), json!({})).await, never);
    rig.clock.set(NOW.plus(Span::days(30)));
    for (changes, bits) in [
        (json!({"bit0": true, "bit1": false}), (true, false)),
        (json!({"bit1": true}), (true, true)),
        (json!({"bit0": false}), (false, true)),
    ] {
        assert_eq!(rig.post(UPDATE, &token("a", 4), changes.clone()).await, text(200, ""));
        assert_eq!(rig.apple.bits("a"), Some(bits), "{changes}");
        assert_eq!(rig.post(QUERY, &token("a", 5), json!({})).await, state(bits.0, bits.1, "2026-10"));
    }
    rig.apple.set("b", true, true);
    assert_eq!(rig.post(QUERY, &token("b", 4), json!({})).await, state(true, true, "2026-10"));
}

#[tokio::test]
async fn faults_strike_one_operation() {
    let rig = rig().await;
    let faults = rig.apple.faults();
    faults.next(Some(Op::UpdateBits), 1, Fault::AcceptThenDrop);
    faults.next(Some(Op::QueryBits), 1, Fault::DropBefore);
    faults.next(Some(Op::QueryBits), 1, Fault::Status(503));
    faults.next(Some(Op::QueryBits), 1, Fault::TooMany { retry_after: Some(2) });
    faults.next(Some(Op::QueryBits), 1, Fault::Status(401));
    faults.next(None, 1, Fault::Code(5_000_001));
    let bits = json!({"bit0": true, "bit1": false});
    assert_eq!(rig.post(UPDATE, &token("a", 1), bits).await, None);
    assert_eq!(rig.apple.bits("a"), Some((true, false)));
    for (nonce, expected) in [
        (2, None),
        (3, text(503, "Service Unavailable")),
        (4, text(429, "Too Many Requests")),
        (5, text(401, "Unable to verify authorization token")),
    ] {
        assert_eq!(rig.post(QUERY, &token("a", nonce), json!({"transaction_id": "t-1"})).await, expected);
    }
    assert_eq!(rig.post(QUERY, &token("a", 6), json!({})).await.map(|answer| answer.0), Some(200));
    let calls = rig.apple.calls();
    assert_eq!(calls.len(), 6);
    let (update, last) = (&calls[0], &calls[4]);
    assert_eq!((update.path.as_str(), update.status, update.bits), (UPDATE, None, Some((true, false))));
    assert_eq!((last.path.as_str(), last.status, last.bits, last.at), (QUERY, Some(401), None, NOW));
    assert_eq!((last.device.as_deref(), last.transaction_id.as_deref()), (Some("a"), Some("t-1")));
}
