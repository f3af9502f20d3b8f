//! Calls to DeviceCheck: the two bits that Apple keeps of a device.

use super::Failure;
use super::client::{Answer, Client, Limits};
use crate::clock::Clock;
use crate::wire::device_check::{self as wire, Bits};
use crate::wire::private_key::PrivateKey;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use std::sync::Arc;

/// What the configuration says about the key, the team and the host.
#[derive(Clone, Debug)]
pub struct Account {
    pub base_url: String,
    /// A key of the developer account: those of App Store Connect are others.
    pub key: PrivateKey,
    pub key_id: String,
    pub team_id: String,
}

pub struct DeviceCheck {
    client: Client,
    account: Account,
    clock: Arc<dyn Clock>,
}

impl DeviceCheck {
    pub fn new(client: Client, account: Account, clock: Arc<dyn Clock>) -> DeviceCheck {
        DeviceCheck { client, account, clock }
    }

    /// Both bits are false of a device that was never written. A device token is meant for one request; the same
    /// request may be made again, with its own transaction id.
    pub async fn query(&self, device_token: &str, transaction_id: &str) -> Result<Bits, Failure> {
        let body = wire::query_body(device_token, transaction_id, self.clock.now()).map_err(never)?;
        let answer = self.post(wire::QUERY_PATH, body, device_token).await?;
        wire::bits(&answer.body).map_err(unread)
    }

    /// Sets both bits, whatever they were: it may be done again without harm.
    pub async fn update(&self, device_token: &str, transaction_id: &str, bits: Bits) -> Result<(), Failure> {
        let body = wire::update_body(device_token, transaction_id, self.clock.now(), bits).map_err(never)?;
        let answer = self.post(wire::UPDATE_PATH, body, device_token).await?;
        wire::is_updated(&answer.body).map_err(unread)
    }

    async fn post(&self, path: &str, body: Vec<u8>, device_token: &str) -> Result<Answer, Failure> {
        let Account { base_url, key, key_id, team_id } = &self.account;
        let token =
            wire::token(key, key_id, team_id, self.clock.now()).map_err(|fault| Failure::NotSent(fault.to_string()))?;
        let url = format!("{}{path}", base_url.trim_end_matches('/'));
        let request = self.client.request(Method::POST, &url).bearer_auth(token);
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let answer = self.client.call(request, Limits::USUAL).await?;
        if answer.is_success() { Ok(answer) } else { Err(failure(&answer, device_token)) }
    }
}

fn never(fault: wire::Fault) -> Failure {
    Failure::Never(fault.to_string())
}

/// Both calls may be made again. What comes in the place of an answer may be gone next time.
fn unread(fault: wire::Fault) -> Failure {
    Failure::later(fault.to_string(), None)
}

/// By the status: what the texts say changes.
fn failure(answer: &Answer, device_token: &str) -> Failure {
    let why = format!("DeviceCheck answered {}: {}", answer.status, wire::reason(&answer.body, device_token));
    match answer.status {
        401 | 403 => Failure::Refused(why),
        408 | 429 | 500.. => Failure::later(why, answer.retry_after()),
        _ => Failure::Never(why),
    }
}

#[cfg(test)]
mod tests {
    use super::super::stand_in::{Reply, StandIn, answer, refused_url};
    use super::*;
    use crate::clock::ManualClock;
    use crate::domain::at::{At, Span};
    use crate::wire::private_key::tests::{key, opened};

    const NOW: At = At(1_795_253_400_000);
    const DEVICE: &str = "AgAAAO1yc2Vu+/8=";
    const BITS: Bits = Bits { bit0: true, bit1: false };

    fn device_check(base_url: &str) -> DeviceCheck {
        let (key_id, team_id) = ("KEY1".to_owned(), "A1B2C3D4E5".to_owned());
        let account = Account { base_url: base_url.to_owned(), key: key(), key_id, team_id };
        DeviceCheck::new(Client::new().unwrap(), account, Arc::new(ManualClock::at(NOW)))
    }

    async fn stand(replies: &[&str]) -> StandIn {
        StandIn::start(replies.iter().map(|reply| Reply::Raw((*reply).to_owned())).collect()).await
    }

    #[tokio::test]
    async fn failures() {
        let said = |what: &str| format!("DeviceCheck answered {what}");
        let silent = |status: u16| said(&format!("{status}: no reason given"));
        let wait = Some(Span::seconds(30));
        let unread = |what: &str| Failure::later(format!("the answer is not what DeviceCheck documents: {what}"), None);
        let later = |what: &str, after| Failure::later(said(what), after);
        let rows = [
            (
                answer(401, "", "Authorization Token Expired"),
                Failure::Refused(said("401: Authorization Token Expired")),
            ),
            (answer(403, "", ""), Failure::Refused(silent(403))),
            (answer(429, "Retry-After: 30\r\n", "Too Many Requests"), later("429: Too Many Requests", wait)),
            (answer(429, "", "Too Many Requests"), later("429: Too Many Requests", None)),
            (answer(503, "Retry-After: 30\r\n", "<html>"), later("503: no reason given", wait)),
            (answer(500, "", "Server Error"), later("500: Server Error", None)),
            (answer(408, "", ""), later("408: no reason given", None)),
            (answer(400, "", "Bad Device Token"), Failure::Never(said("400: Bad Device Token"))),
            (answer(400, "", "Unable to verify authorization token"), {
                Failure::Never(said("400: Unable to verify authorization token"))
            }),
            (answer(400, "", &format!("Bad {DEVICE}!")), Failure::Never(said("400: Bad …"))),
            (answer(404, "", ""), Failure::Never(silent(404))),
            (answer(405, "", "Method Not Allowed"), Failure::Never(said("405: Method Not Allowed"))),
            (answer(302, "Location: {base}/x\r\n", ""), Failure::Never(silent(302))),
            (answer(200, "", "<html>"), unread("no state of two bits")),
            (answer(200, "", ""), unread("no state of two bits")),
        ];
        for (reply, expected) in rows {
            let stand = stand(&[&reply]).await;
            assert_eq!(device_check(&stand.url).query(DEVICE, "t-1").await, Err(expected), "{reply}");
            assert_eq!(stand.count(), 1);
        }
        let rows = [
            (answer(401, "", ""), Failure::Refused(silent(401))),
            (answer(400, "", "Bad Bits"), Failure::Never(said("400: Bad Bits"))),
            (answer(200, "", "<html>"), unread("an update is answered by an empty body")),
        ];
        for (reply, expected) in rows {
            let stand = stand(&[&reply]).await;
            assert_eq!(device_check(&stand.url).update(DEVICE, "t-1", BITS).await, Err(expected), "{reply}");
        }
    }

    #[tokio::test]
    async fn lost_and_unsent() {
        let stand = StandIn::start(vec![Reply::Drop]).await;
        let lost = device_check(&stand.url).query(DEVICE, "t-1").await;
        assert!(matches!(&lost, Err(Failure::Unsure(why)) if !why.contains(DEVICE)), "{lost:?}");
        let (_socket, refused) = refused_url();
        let device_check = device_check(&refused);
        assert!(matches!(device_check.query(DEVICE, "t-1").await, Err(Failure::NotSent(_))));
        assert!(matches!(device_check.update(DEVICE, "t-1", BITS).await, Err(Failure::NotSent(_))));
        for odd in ["", "no base64", "AAAA\n"] {
            let why = "a device token is base64 without line breaks".to_owned();
            assert_eq!(device_check.query(odd, "t-1").await, Err(Failure::Never(why.clone())));
            assert_eq!(device_check.update(odd, "t-1", BITS).await, Err(Failure::Never(why)));
        }
    }

    #[tokio::test]
    async fn what_is_sent() {
        let known = answer(200, "", r#"{"bit0":true,"bit1":false,"last_update_time":"2026-11"}"#);
        let unknown = answer(200, "Content-Type: text/plain\r\n", "Failed to find bit state");
        let stand = stand(&[&known, &unknown, &answer(200, "", "")]).await;
        let device_check = device_check(&format!("{}/", stand.url));
        assert_eq!(device_check.query(DEVICE, "t-1").await, Ok(BITS));
        assert_eq!(device_check.query(DEVICE, "t-2").await, Ok(Bits::default()));
        assert_eq!(device_check.update(DEVICE, "t-3", BITS).await, Ok(()));

        let question =
            |id: &str| format!(r#""device_token":"{DEVICE}","timestamp":1795253400000,"transaction_id":"{id}""#);
        let rows = [
            ("POST /v1/query_two_bits", format!("{{{}}}", question("t-1"))),
            ("POST /v1/query_two_bits", format!("{{{}}}", question("t-2"))),
            ("POST /v1/update_two_bits", format!(r#"{{"bit0":true,"bit1":false,{}}}"#, question("t-3"))),
        ];
        for (index, (line, body)) in rows.into_iter().enumerate() {
            let request = stand.request(index);
            assert!(request.starts_with(&format!("{line} HTTP/1.1\r\n")), "{request}");
            assert!(request.ends_with(&format!("\r\n\r\n{body}")), "{request}");
            assert!(request.contains("content-type: application/json\r\n"), "{request}");
            let bearer = request.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap();
            let (header, claims) = opened(bearer);
            assert_eq!((&header["kid"], &claims["iss"]), (&"KEY1".into(), &"A1B2C3D4E5".into()));
            assert_eq!(claims["iat"], NOW.minus(Span::minutes(1)).0 / 1_000);
        }
        assert_eq!(stand.count(), 3);
    }
}
