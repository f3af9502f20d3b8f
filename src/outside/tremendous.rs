//! Calls to Tremendous: money as rewards that the recipients choose.

use super::Failure;
use super::client::{Answer, Client, Limits};
use crate::domain::at::Span;
use crate::domain::money::Money;
use crate::wire::tremendous::{self as wire, Made, Wish};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder};

/// What the configuration says about the organisation and the host.
#[derive(Clone)]
pub struct Account {
    /// With the version, as in `https://api.tremendous.com/api/v2`.
    pub base_url: String,
    pub api_key: String,
    /// What pays.
    pub funding_source_id: String,
    /// What recipients choose from.
    pub campaign_id: Option<String>,
}

pub struct Tremendous {
    client: Client,
    account: Account,
}

/// What became of a request for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It was made now. It may wait for somebody's approval.
    New(Made),
    /// It was there under this name, and nothing was made. Compare it: Tremendous did not always do so.
    Repeated(Made),
    /// Another order was there under this name, and nothing was made.
    Conflict(String),
}

/// Until somebody has put money in.
const NO_FUNDS: Span = Span::minutes(10);
/// What Tremendous asks for where it names no wait.
const TOO_MANY: Span = Span::seconds(1);

impl Tremendous {
    pub fn new(client: Client, account: Account) -> Tremendous {
        Tremendous { client, account }
    }

    /// Orders a reward: by e-mail where an address is given, as a link where not. What is unsure may be asked again
    /// with the same content: one name is one order.
    pub async fn order(
        &self,
        external_id: &str,
        money: Money,
        recipient_name: &str,
        recipient_email: Option<&str>,
    ) -> Result<Answered, Failure> {
        // An order that cannot be found by its name could be made twice.
        wire::order_path(external_id).map_err(never)?;
        let (funding_source, campaign) = (&*self.account.funding_source_id, self.account.campaign_id.as_deref());
        let wish = Wish { external_id, money, funding_source, campaign, recipient_name, recipient_email };
        let request = self.request(Method::POST, wire::ORDERS_PATH);
        let request = request.header(CONTENT_TYPE, "application/json").body(wire::order_body(&wish));
        let answer = self.client.call(request, Limits::USUAL).await?;
        let why = || self.why(&answer, &[recipient_name, recipient_email.unwrap_or_default()]);
        match answer.status {
            201 => made(&answer).map(Answered::Repeated),
            _ if answer.is_success() => made(&answer).map(Answered::New),
            409 => Ok(Answered::Conflict(why())),
            402 => Err(Failure::later(why(), Some(NO_FUNDS))),
            // Nobody knows whether the order was made.
            408 | 500.. => Err(Failure::Unsure(why())),
            _ => Err(failure(&answer, why())),
        }
    }

    /// The order of this name, ours or Tremendous'.
    pub async fn find(&self, id: &str) -> Result<Option<Made>, Failure> {
        let path = wire::order_path(id).map_err(never)?;
        let answer = self.client.call(self.request(Method::GET, &path), Limits::USUAL).await?;
        let why = || self.why(&answer, &[]);
        match answer.status {
            404 => Ok(None),
            _ if answer.is_success() => {
                wire::made(&answer.body).map(Some).map_err(|fault| Failure::later(fault.to_string(), None))
            }
            408 | 500.. => Err(Failure::later(why(), answer.retry_after())),
            _ => Err(failure(&answer, why())),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let Account { base_url, api_key, .. } = &self.account;
        let request = self.client.request(method, &format!("{}{path}", base_url.trim_end_matches('/')));
        request.bearer_auth(api_key).header(ACCEPT, "application/json")
    }

    fn why(&self, answer: &Answer, hidden: &[&str]) -> String {
        let hidden = [&[self.account.api_key.as_str()], hidden].concat();
        format!("Tremendous answered {}: {}", answer.status, wire::reason(&answer.body, &hidden))
    }
}

fn never(fault: wire::Fault) -> Failure {
    Failure::Never(fault.to_string())
}

fn made(answer: &Answer) -> Result<Made, Failure> {
    wire::made(&answer.body).map_err(|fault| Failure::Unsure(fault.to_string()))
}

/// What means the same in both calls.
fn failure(answer: &Answer, why: String) -> Failure {
    match answer.status {
        401 | 403 => Failure::Refused(why),
        429 => Failure::later(why, Some(answer.retry_after().unwrap_or(TOO_MANY).max(TOO_MANY))),
        _ => Failure::Never(why),
    }
}

#[cfg(test)]
mod tests {
    use super::super::stand_in::{Reply, StandIn, answer, refused_url};
    use super::*;
    use crate::domain::money::Currency;
    use crate::wire::tremendous::{DeliveryStatus, Method as Delivered, Status};

    const EMAIL: &str = "jane@example.com";
    const ORDER: &str = r#"{"order":{"id":"ORDER1","external_id":"payout-1","status":"EXECUTED","rewards":[{"id":"REWARD1",
        "value":{"denomination":8.99,"currency_code":"EUR"},"recipient":{"email":"jane@example.com"},
        "delivery":{"method":"EMAIL","status":"SCHEDULED"}}]}}"#;

    fn eur() -> Money {
        Money::new(899, Currency::parse("EUR").unwrap())
    }

    fn made() -> Made {
        Made {
            order_id: "ORDER1".to_owned(),
            external_id: Some("payout-1".to_owned()),
            status: Status::Executed,
            reward_id: Some("REWARD1".to_owned()),
            method: Some(Delivered::Email),
            delivery: Some(DeliveryStatus::Scheduled),
            money: Some(eur()),
            email: Some(EMAIL.to_owned()),
            link: None,
        }
    }

    fn tremendous(base_url: &str) -> Tremendous {
        let account = Account {
            base_url: format!("{base_url}/api/v2/"),
            api_key: "TEST_key".to_owned(),
            funding_source_id: "BALANCE".to_owned(),
            campaign_id: Some("CAMP1".to_owned()),
        };
        Tremendous::new(Client::new().unwrap(), account)
    }

    async fn order(base_url: &str) -> Result<Answered, Failure> {
        tremendous(base_url).order("payout-1", eur(), "Jane Doe", Some(EMAIL)).await
    }

    async fn stand(reply: &str) -> StandIn {
        StandIn::start(vec![Reply::Raw(reply.to_owned())]).await
    }

    fn error(status: u16, headers: &str) -> String {
        answer(status, headers, r#"{"errors":{"message":"not for Jane Doe, Jane@example.com"}}"#)
    }

    fn said(status: u16) -> String {
        format!("Tremendous answered {status}: not for …, …")
    }

    #[tokio::test]
    async fn outcomes_of_an_order() {
        let unread = || Err(Failure::Unsure("the answer is no Tremendous order".to_owned()));
        let later = |status, seconds| Err(Failure::later(said(status), Some(Span::seconds(seconds))));
        let rows = [
            (answer(200, "", ORDER), Ok(Answered::New(made()))),
            (answer(201, "", ORDER), Ok(Answered::Repeated(made()))),
            (
                answer(202, "", &ORDER.replace("EXECUTED", "PENDING APPROVAL")),
                Ok(Answered::New(Made { status: Status::Pending, ..made() })),
            ),
            (answer(200, "", "<html>"), unread()),
            (answer(201, "", r#"{"order":{}}"#), unread()),
            (answer(204, "", ""), unread()),
            (error(409, ""), Ok(Answered::Conflict(said(409)))),
            (error(402, ""), later(402, 600)),
            (error(429, ""), later(429, 1)),
            (error(429, "Retry-After: 0\r\n"), later(429, 1)),
            (error(429, "Retry-After: 5\r\n"), later(429, 5)),
            (error(401, ""), Err(Failure::Refused(said(401)))),
            (error(403, ""), Err(Failure::Refused(said(403)))),
            (error(408, ""), Err(Failure::Unsure(said(408)))),
            (error(500, ""), Err(Failure::Unsure(said(500)))),
            (
                answer(503, "Retry-After: 5\r\n", "<html>"),
                Err(Failure::Unsure("Tremendous answered 503: no reason given".to_owned())),
            ),
            (error(400, ""), Err(Failure::Never(said(400)))),
            (error(404, ""), Err(Failure::Never(said(404)))),
            (error(422, ""), Err(Failure::Never(said(422)))),
            (
                answer(307, "Location: {base}/x\r\n", ""),
                Err(Failure::Never("Tremendous answered 307: no reason given".to_owned())),
            ),
        ];
        for (reply, expected) in rows {
            let stand = stand(&reply).await;
            assert_eq!(order(&stand.url).await, expected, "{reply}");
            assert_eq!(stand.count(), 1);
        }
    }

    #[tokio::test]
    async fn outcomes_of_a_look() {
        let error = |status, headers| error(status, headers).replace("Jane Doe, ", "");
        let said = |status| format!("Tremendous answered {status}: not for …");
        let later = |status, seconds: Option<i64>| Err(Failure::later(said(status), seconds.map(Span::seconds)));
        let rows = [
            (answer(200, "", ORDER), Ok(Some(made()))),
            (error(404, ""), Ok(None)),
            (answer(200, "", "<html>"), Err(Failure::later("the answer is no Tremendous order", None))),
            (error(429, ""), later(429, Some(1))),
            (error(500, ""), later(500, None)),
            (error(503, "Retry-After: 30\r\n"), later(503, Some(30))),
            (error(408, ""), later(408, None)),
            (error(401, ""), Err(Failure::Refused(said(401)))),
            (error(403, ""), Err(Failure::Refused(said(403)))),
            (error(400, ""), Err(Failure::Never(said(400)))),
        ];
        for (reply, expected) in rows {
            let stand = stand(&reply).await;
            assert_eq!(tremendous(&stand.url).find("payout-1").await, expected, "{reply}");
            assert_eq!(stand.count(), 1);
        }
    }

    #[tokio::test]
    async fn lost_and_unsent() {
        let stand = StandIn::start(vec![Reply::Drop, Reply::Drop]).await;
        assert!(matches!(order(&stand.url).await, Err(Failure::Unsure(_))));
        assert!(matches!(tremendous(&stand.url).find("payout-1").await, Err(Failure::Unsure(_))));
        let (_socket, refused) = refused_url();
        assert!(matches!(order(&refused).await, Err(Failure::NotSent(_))));
        for odd in ["", ".", ".."] {
            let never = Failure::Never("an id that cannot stand in a path".to_owned());
            assert_eq!(tremendous(&refused).order(odd, eur(), "Jane Doe", None).await, Err(never.clone()));
            assert_eq!(tremendous(&refused).find(odd).await, Err(never));
        }
    }

    #[tokio::test]
    async fn what_is_sent() {
        let replies = [answer(200, "", ORDER), answer(404, "", "")];
        let stand = StandIn::start(replies.map(Reply::Raw).to_vec()).await;
        assert!(order(&stand.url).await.is_ok());
        assert_eq!(tremendous(&stand.url).find("pay/out 1").await, Ok(None));

        let head = r#""external_id":"payout-1","payment":{"funding_source_id":"BALANCE"}"#;
        let value = r#""value":{"denomination":8.99,"currency_code":"EUR"},"campaign_id":"CAMP1""#;
        let recipient = r#""recipient":{"name":"Jane Doe","email":"jane@example.com"},"delivery":{"method":"EMAIL"}"#;
        let body = format!(r#"{{{head},"reward":{{{value},{recipient}}}}}"#);
        let (posted, looked) = (stand.request(0), stand.request(1));
        assert!(posted.starts_with("POST /api/v2/orders HTTP/1.1\r\n"), "{posted}");
        assert!(posted.contains("content-type: application/json\r\n"), "{posted}");
        assert!(posted.ends_with(&format!("\r\n\r\n{body}")), "{posted}");
        assert!(looked.starts_with("GET /api/v2/orders/pay%2Fout%201 HTTP/1.1\r\n"), "{looked}");
        for request in [posted, looked] {
            assert!(request.contains("authorization: Bearer TEST_key\r\n"), "{request}");
            assert!(request.contains("accept: application/json\r\n"), "{request}");
        }
    }
}
