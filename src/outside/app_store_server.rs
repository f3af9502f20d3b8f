//! Calls to the App Store Server API: transactions, subscriptions, and the notifications that Apple sent.

use super::Failure;
use super::client::{Answer, Client, Limits};
use crate::clock::Clock;
use crate::domain::at::At;
use crate::domain::consumption::{Api, Consumption};
use crate::domain::policy::Environment;
use crate::wire::app_store_server::{
    self as wire, ApiError, Extended, HistoryPage, LastTransaction, NotificationPage, SentNotification, consumption,
};
use crate::wire::apple_event::Jws;
use crate::wire::private_key::PrivateKey;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use std::sync::Arc;

/// What the configuration says about the key, the app and the hosts.
#[derive(Clone, Debug)]
pub struct Account {
    pub production_url: String,
    pub sandbox_url: String,
    /// An In-App Purchase key: that of App Store Connect is another.
    pub key: PrivateKey,
    pub key_id: String,
    pub issuer: String,
    pub bundle_id: String,
}

pub struct AppStoreServer {
    client: Client,
    account: Account,
    clock: Arc<dyn Clock>,
}

/// One request. The id is kept out of what is said when it fails.
struct Call<'a> {
    method: Method,
    path: String,
    body: Option<Vec<u8>>,
    id: &'a str,
}

impl<'a> Call<'a> {
    fn get(path: Result<String, wire::Fault>, id: &'a str) -> Result<Call<'a>, Failure> {
        Ok(Call { method: Method::GET, path: path.map_err(never)?, body: None, id })
    }
}

/// An answer that is a refusal, as Apple words it and as it is passed on.
struct Refusal {
    error: ApiError,
    failure: Failure,
    /// No verdict but a failure of the service: what was asked may be done all the same.
    is_trouble: bool,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        Refusal { error: ApiError::default(), failure, is_trouble: false }
    }
}

impl Refusal {
    /// Of a call that must not be made twice.
    fn once(self) -> Failure {
        match self.failure {
            Failure::Later { why, .. } if self.is_trouble => Failure::Unsure(why),
            failure => failure,
        }
    }
}

impl AppStoreServer {
    pub fn new(client: Client, account: Account, clock: Arc<dyn Clock>) -> AppStoreServer {
        AppStoreServer { client, account, clock }
    }

    /// The signed transaction, from the environment that knows it.
    pub async fn transaction(&self, id: &str) -> Result<(Environment, Jws), Failure> {
        let call = Call::get(wire::transaction_path(id), id)?;
        let (environment, answer) = self.wherever(&call).await?;
        Ok((environment, wire::transaction(&answer.body).map_err(unread)?))
    }

    /// All subscriptions of the customer who made this transaction, from the environment that knows it.
    pub async fn statuses(&self, any_id: &str) -> Result<(Environment, Vec<LastTransaction>), Failure> {
        let call = Call::get(wire::statuses_path(any_id), any_id)?;
        let (environment, answer) = self.wherever(&call).await?;
        Ok((environment, wire::statuses(&answer.body).map_err(unread)?))
    }

    /// A page of the transactions of the customer who made this one; `revision` is the `next` of the page before.
    pub async fn history(
        &self,
        any_id: &str,
        environment: Environment,
        revision: Option<&str>,
    ) -> Result<HistoryPage, Failure> {
        let call = Call::get(wire::history_path(any_id, revision), any_id)?;
        let answer = self.call(environment, &call).await.map_err(|refusal| refusal.failure)?;
        wire::history(&answer.body).map_err(unread)
    }

    /// A page of the notifications that were first sent between the two instants; `token` is the `next` of the page
    /// before. Apple keeps them for 180 days.
    pub async fn notification_history(
        &self,
        environment: Environment,
        start: At,
        end: At,
        token: Option<&str>,
    ) -> Result<NotificationPage, Failure> {
        let (path, body) = (wire::notification_history_path(token), wire::notification_history_body(start, end));
        let call = Call { method: Method::POST, path, body: Some(body), id: "" };
        let answer = self.call(environment, &call).await.map_err(|refusal| refusal.failure)?;
        wire::notification_history(&answer.body).map_err(unread)
    }

    /// Has Apple send a TEST notification; the token is what [`AppStoreServer::test_status`] asks with.
    pub async fn request_test(&self, environment: Environment) -> Result<String, Failure> {
        let call = Call { method: Method::POST, path: wire::request_test_path(), body: None, id: "" };
        let answer = self.call(environment, &call).await.map_err(|refusal| refusal.failure)?;
        wire::test_token(&answer.body).map_err(unread)
    }

    /// None: Apple has not tried yet.
    pub async fn test_status(
        &self,
        environment: Environment,
        token: &str,
    ) -> Result<Option<SentNotification>, Failure> {
        let call = Call::get(wire::test_status_path(token), token)?;
        match self.call(environment, &call).await {
            Ok(answer) => wire::test_status(&answer.body).map(Some).map_err(unread),
            Err(refusal) if refusal.error.is_test_not_found() => Ok(None),
            Err(refusal) => Err(refusal.failure),
        }
    }

    /// From now on Apple names this token in what it says of the subscription. It may be set again without harm.
    pub async fn set_app_account_token(
        &self,
        environment: Environment,
        original_transaction_id: &str,
        uuid: &str,
    ) -> Result<(), Failure> {
        let path = wire::account_token_path(original_transaction_id).map_err(never)?;
        let body = Some(wire::account_token_body(uuid).map_err(never)?);
        let call = Call { method: Method::PUT, path, body, id: original_transaction_id };
        let answer = self.call(environment, &call).await.map_err(|refusal| refusal.failure)?;
        wire::token_is_set(&answer.body).map_err(unread)
    }

    /// What Apple should know of a purchase before it decides on a refund. The same may be said again without harm.
    pub async fn answer_refund(
        &self,
        environment: Environment,
        transaction_id: &str,
        api: Api,
        answer: &Consumption,
        app_account_token: Option<&str>,
    ) -> Result<(), Failure> {
        let path = consumption::path(api, transaction_id).map_err(never)?;
        let body = Some(consumption::body(api, answer, app_account_token));
        let call = Call { method: Method::PUT, path, body, id: transaction_id };
        let answer = self.call(environment, &call).await.map_err(|refusal| refusal.failure)?;
        match answer.status {
            202 => Ok(()),
            other => {
                Err(Failure::Unsure(format!("the App Store Server API answered {other} where it accepts with 202")))
            }
        }
    }

    /// Moves the renewal date of an active subscription, and says where it is now. Apple does not promise to know a
    /// request by its identifier: after an answer that is lost, look at the renewal date before asking again.
    pub async fn extend(
        &self,
        environment: Environment,
        original_transaction_id: &str,
        days: u32,
        reason: u8,
        request_identifier: &str,
    ) -> Result<At, Failure> {
        let path = wire::extend_path(original_transaction_id).map_err(never)?;
        let body = Some(wire::extend_body(days, reason, request_identifier).map_err(never)?);
        let call = Call { method: Method::PUT, path, body, id: original_transaction_id };
        let answer = self.call(environment, &call).await.map_err(Refusal::once)?;
        match wire::extended(&answer.body) {
            Ok(Extended { success: true, effective_at: Some(at) }) => Ok(at),
            Ok(Extended { success: true, effective_at: None }) => {
                Err(Failure::Unsure("the App Store Server API does not say until when it extended".to_owned()))
            }
            Ok(Extended { success: false, .. }) => {
                Err(Failure::Never("the App Store Server API answered that it did not extend".to_owned()))
            }
            Err(fault) => Err(Failure::Unsure(fault.to_string())),
        }
    }

    /// A transaction is known in one environment only: production, or else the sandbox.
    async fn wherever(&self, call: &Call<'_>) -> Result<(Environment, Answer), Failure> {
        let production = self.call(Environment::Production, call).await;
        let (environment, answer) = match production {
            Err(refusal) if refusal.error.is_transaction_not_found() => {
                (Environment::Sandbox, self.call(Environment::Sandbox, call).await)
            }
            answer => (Environment::Production, answer),
        };
        Ok((environment, answer.map_err(|refusal| refusal.failure)?))
    }

    async fn call(&self, environment: Environment, call: &Call<'_>) -> Result<Answer, Refusal> {
        let Account { production_url, sandbox_url, key, key_id, issuer, bundle_id } = &self.account;
        let base_url = match environment {
            Environment::Production => production_url,
            Environment::Sandbox => sandbox_url,
        };
        let token = wire::token(key, key_id, issuer, bundle_id, self.clock.now())
            .map_err(|fault| Failure::NotSent(fault.to_string()))?;
        let url = format!("{}{}", base_url.trim_end_matches('/'), call.path);
        let mut request = self.client.request(call.method.clone(), &url).bearer_auth(token);
        request = request.header(ACCEPT, "application/json");
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        // A page of twenty notifications with all that is signed inside is larger than the usual answer.
        let answer = self.client.call(request, Limits::LARGE).await?;
        if answer.is_success() { Ok(answer) } else { Err(refusal(&answer, call.id, self.clock.now())) }
    }
}

fn never(fault: wire::Fault) -> Failure {
    Failure::Never(fault.to_string())
}

/// Of a call that may be made again. What comes in the place of an answer may be gone next time.
fn unread(fault: wire::Fault) -> Failure {
    Failure::later(fault.to_string(), None)
}

fn refusal(answer: &Answer, id: &str, now: At) -> Refusal {
    let error = ApiError::parse(answer.header(CONTENT_TYPE.as_str()), &answer.body);
    let why = format!("the App Store Server API answered {}: {}", answer.status, error.describe(id));
    let is_trouble = matches!(answer.status, 408 | 500..);
    let failure = match answer.status {
        403 if error.is_not_extendable() => Failure::Never(why),
        401 | 403 => Failure::Refused(why),
        429 => Failure::later(why, Some(wire::pause(answer.header(RETRY_AFTER.as_str()), now))),
        _ if is_trouble || error.is_retryable() => Failure::later(why, None),
        _ => Failure::Never(why),
    };
    Refusal { error, failure, is_trouble }
}

#[cfg(test)]
mod tests {
    use super::super::stand_in::{Reply, StandIn, answer, refused_url};
    use super::*;
    use crate::clock::ManualClock;
    use crate::domain::at::Span;
    use crate::domain::consumption::{Bought, RefundRules};
    use crate::domain::usage::Used;
    use crate::wire::private_key::tests::{key, opened};
    use Environment::{Production, Sandbox};

    const NOW: At = At(1_795_253_400_000);
    const UUID: &str = "7e3fb20b-4cdb-47cc-936d-99d65f608138";
    const FOUND: &str = r#"{"signedTransactionInfo":"a.b.c"}"#;
    const JSON: &str = "Content-Type: application/json\r\n";

    fn server(production: &str, sandbox: &str) -> AppStoreServer {
        let (production_url, sandbox_url) = (production.to_owned(), sandbox.to_owned());
        let (key_id, issuer, bundle_id) = ("KEY1".to_owned(), "issuer-1".to_owned(), "com.example.alma".to_owned());
        let account = Account { production_url, sandbox_url, key: key(), key_id, issuer, bundle_id };
        AppStoreServer::new(Client::new().unwrap(), account, Arc::new(ManualClock::at(NOW)))
    }

    fn error(status: u16, code: i64) -> String {
        answer(status, JSON, &format!(r#"{{"errorCode":{code},"errorMessage":"M of 2000"}}"#))
    }

    async fn stand(replies: &[&str]) -> StandIn {
        StandIn::start(replies.iter().map(|reply| Reply::Raw((*reply).to_owned())).collect()).await
    }

    #[tokio::test]
    async fn failures() {
        let said = |what: &str| format!("the App Store Server API answered {what}");
        let coded = |status: u16, code: i64| said(&format!("{status}: {code}: M of …"));
        let silent = |status: u16| said(&format!("{status}: no reason given"));
        let limited = |retry_after: &str| {
            let body = r#"{"errorCode":4290000,"errorMessage":"M of 2000"}"#;
            answer(429, &format!("{JSON}{retry_after}"), body)
        };
        let wait = |pause: Span| Failure::later(coded(429, 4_290_000), Some(pause));
        let html = "Content-Type: text/html\r\n";
        let json = r#"{"errorCode":4040010,"errorMessage":"M"}"#;
        let rows = [
            (limited("Retry-After: 1795253490000\r\n"), wait(Span::seconds(90))),
            (limited("Retry-After: 1999999999999\r\n"), wait(Span::days(1))),
            (limited("Retry-After: 90\r\n"), wait(Span::minutes(1))),
            (limited("Retry-After: soon\r\n"), wait(Span::minutes(1))),
            (limited(""), wait(Span::minutes(1))),
            (answer(401, "", "Unauthenticated\n"), Failure::Refused(silent(401))),
            (error(401, 4_010_000), Failure::Refused(coded(401, 4_010_000))),
            (answer(403, "", "Forbidden"), Failure::Refused(silent(403))),
            (error(403, 4_030_006), Failure::Refused(coded(403, 4_030_006))),
            (error(403, 4_030_004), Failure::Never(coded(403, 4_030_004))),
            (error(404, 4_040_002), Failure::later(coded(404, 4_040_002), None)),
            (error(404, 4_040_004), Failure::later(coded(404, 4_040_004), None)),
            (error(404, 4_040_006), Failure::later(coded(404, 4_040_006), None)),
            (error(500, 5_000_000), Failure::later(coded(500, 5_000_000), None)),
            (error(500, 5_000_001), Failure::later(coded(500, 5_000_001), None)),
            (answer(503, html, "<html>"), Failure::later(silent(503), None)),
            (answer(408, "", ""), Failure::later(silent(408), None)),
            (error(400, 4_000_006), Failure::Never(coded(400, 4_000_006))),
            (error(404, 4_040_001), Failure::Never(coded(404, 4_040_001))),
            (error(404, 4_040_008), Failure::Never(coded(404, 4_040_008))),
            (answer(404, html, json), Failure::Never(silent(404))),
            (answer(404, "", json), Failure::Never(silent(404))),
            (answer(302, "Location: {base}/x\r\n", ""), Failure::Never(silent(302))),
        ];
        for (reply, expected) in rows {
            let stand = stand(&[&reply]).await;
            let got = server(&stand.url, "http://127.0.0.1:9").transaction("2000").await;
            assert_eq!(got, Err(expected), "{reply}");
            assert_eq!(stand.count(), 1);
        }
        for unread in [answer(200, JSON, "{}"), answer(200, html, "<html>"), answer(200, JSON, "")] {
            let stand = stand(&[&unread]).await;
            let got = server(&stand.url, "http://127.0.0.1:9").transaction("2000").await;
            assert!(matches!(&got, Err(Failure::Later { after: None, .. })), "{unread}: {got:?}");
        }
    }

    #[tokio::test]
    async fn lost_and_unsent() {
        let stand = StandIn::start(vec![Reply::Drop]).await;
        let lost = server(&stand.url, "http://127.0.0.1:9").transaction("2000").await;
        assert!(matches!(&lost, Err(Failure::Unsure(why)) if !why.contains("2000")), "{lost:?}");
        let (_socket, refused) = refused_url();
        let server = server(&refused, &refused);
        assert!(matches!(server.transaction("2000").await, Err(Failure::NotSent(_))));
        assert!(matches!(server.transaction("..").await, Err(Failure::Never(_))));
        let set = |id, uuid| server.set_app_account_token(Production, id, uuid);
        assert!(matches!(set("2000", UUID).await, Err(Failure::NotSent(_))));
        assert!(matches!(set("2000", "jen").await, Err(Failure::Never(_))));
        assert!(matches!(set("", UUID).await, Err(Failure::Never(_))));
    }

    #[tokio::test]
    async fn extensions() {
        let coded = |status: u16, code: i64| format!("the App Store Server API answered {status}: {code}: M of …");
        let silent = |status: u16| format!("the App Store Server API answered {status}: no reason given");
        let json = |body: &str| answer(200, JSON, body);
        let shape = "the answer is not what the App Store Server API documents: an extension";
        let undated = "the App Store Server API does not say until when it extended";
        let failed = "the App Store Server API answered that it did not extend";
        let limited = Failure::later(coded(429, 4_290_000), Some(Span::minutes(1)));
        let rows = [
            (json(r#"{"success":true,"effectiveDate":1795253400001}"#), Ok(At(1_795_253_400_001))),
            (json(r#"{"success":true}"#), Err(Failure::Unsure(undated.to_owned()))),
            (json(r#"{"success":false,"effectiveDate":1795253400001}"#), Err(Failure::Never(failed.to_owned()))),
            (json("{}"), Err(Failure::Unsure(shape.to_owned()))),
            (answer(200, "Content-Type: text/html\r\n", "<html>"), Err(Failure::Unsure(shape.to_owned()))),
            (error(403, 4_030_004), Err(Failure::Never(coded(403, 4_030_004)))),
            (error(403, 4_030_005), Err(Failure::Never(coded(403, 4_030_005)))),
            (error(403, 4_030_007), Err(Failure::Never(coded(403, 4_030_007)))),
            (answer(403, "", ""), Err(Failure::Refused(silent(403)))),
            (answer(401, "", ""), Err(Failure::Refused(silent(401)))),
            (error(400, 4_000_009), Err(Failure::Never(coded(400, 4_000_009)))),
            (error(404, 4_040_005), Err(Failure::Never(coded(404, 4_040_005)))),
            (error(404, 4_040_006), Err(Failure::later(coded(404, 4_040_006), None))),
            (error(429, 4_290_000), Err(limited)),
            (error(500, 5_000_001), Err(Failure::Unsure(coded(500, 5_000_001)))),
            (answer(503, "", ""), Err(Failure::Unsure(silent(503)))),
            (answer(408, "", ""), Err(Failure::Unsure(silent(408)))),
        ];
        for (reply, expected) in rows {
            let stand = stand(&[&reply]).await;
            let got = server(&stand.url, "http://127.0.0.1:9").extend(Production, "2000", 30, 2, "r-1").await;
            assert_eq!(got, expected, "{reply}");
            assert_eq!(stand.count(), 1);
        }
        let stand = StandIn::start(vec![Reply::Drop]).await;
        let lost = server("http://127.0.0.1:9", &stand.url).extend(Sandbox, "2000", 30, 2, "r-1").await;
        assert!(matches!(&lost, Err(Failure::Unsure(why)) if !why.contains("2000")), "{lost:?}");
        let (_socket, refused) = refused_url();
        let server = server(&refused, &refused);
        assert!(matches!(server.extend(Production, "2000", 30, 2, "r-1").await, Err(Failure::NotSent(_))));
        for (id, days, reason, request) in
            [("..", 30, 2, "r"), ("2000", 91, 2, "r"), ("2000", 30, 4, "r"), ("2000", 30, 2, "")]
        {
            let got = server.extend(Production, id, days, reason, request).await;
            assert!(matches!(got, Err(Failure::Never(_))), "{id} {days} {reason} {request}: {got:?}");
        }
    }

    #[tokio::test]
    async fn production_first() {
        let ok = || answer(200, JSON, FOUND);
        let absent = || error(404, 4_040_010);
        let never = || {
            let why = "the App Store Server API answered 404: 4040010: M of …";
            Err(Failure::Never(why.to_owned()))
        };
        let later = Err(Failure::later("the App Store Server API answered 500: 5000001: M of …", None));
        // The two answers, what came of them, and how often each was asked.
        let rows = [
            (ok(), ok(), Ok(Production), (1, 0)),
            (absent(), ok(), Ok(Sandbox), (1, 1)),
            (absent(), absent(), never(), (1, 1)),
            (absent(), error(500, 5_000_001), later.clone(), (1, 1)),
            (error(500, 5_000_001), ok(), later, (1, 0)),
        ];
        for (production, sandbox, expected, asked) in rows {
            let (production, sandbox) = (stand(&[&production]).await, stand(&[&sandbox]).await);
            let got = server(&production.url, &sandbox.url).transaction("2000").await;
            assert_eq!(
                got.map(|(environment, jws)| (environment, jws.as_str() == "a.b.c")),
                expected.map(|at| (at, true))
            );
            assert_eq!((production.count(), sandbox.count()), asked);
        }
        let statuses = answer(200, JSON, r#"{"data":[]}"#);
        let (production, sandbox) = (stand(&[&absent()]).await, stand(&[&statuses]).await);
        let got = server(&production.url, &sandbox.url).statuses("2000").await;
        assert_eq!(got, Ok((Sandbox, vec![])));
    }

    #[tokio::test]
    async fn what_is_sent() {
        let ok = |body: &str| Reply::Raw(answer(200, JSON, body));
        let page = r#"{"notificationHistory":[],"hasMore":false}"#;
        let stand = StandIn::start(vec![
            ok(FOUND),
            ok(r#"{"data":[]}"#),
            ok(r#"{"signedTransactions":[],"hasMore":true,"revision":"r2"}"#),
            ok(page),
            ok(page),
            ok(r#"{"testNotificationToken":"t-1"}"#),
            ok(r#"{"signedPayload":"a.b.c","sendAttempts":[]}"#),
            Reply::Raw(answer(200, "", "")),
            ok(r#"{"success":true,"effectiveDate":7}"#),
            Reply::Raw(answer(202, "", "")),
            Reply::Raw(answer(202, "", "")),
        ])
        .await;
        let (_socket, refused) = refused_url();
        let production = server(&format!("{}/", stand.url), &refused);
        production.transaction("a/1").await.unwrap();
        production.statuses("2000").await.unwrap();
        let sandbox = server(&refused, &stand.url);
        assert_eq!(sandbox.history("2000", Sandbox, Some("r 1")).await.unwrap().next.as_deref(), Some("r2"));
        sandbox.notification_history(Sandbox, At(1), NOW, None).await.unwrap();
        sandbox.notification_history(Sandbox, At(1), NOW, Some("p=1")).await.unwrap();
        assert_eq!(sandbox.request_test(Sandbox).await.as_deref(), Ok("t-1"));
        assert!(sandbox.test_status(Sandbox, "t-1").await.unwrap().is_some());
        production.set_app_account_token(Production, "2000", UUID).await.unwrap();
        assert_eq!(sandbox.extend(Sandbox, "2000", 30, 2, "r-1").await, Ok(At(7)));
        production.answer_refund(Production, "2001", Api::V2, &said(), Some(UUID)).await.unwrap();
        sandbox.answer_refund(Sandbox, "2001", Api::V1, &said(), Some(UUID)).await.unwrap();

        let range = r#"{"endDate":1795253400000,"startDate":1}"#;
        let token = format!(r#"{{"appAccountToken":"{UUID}"}}"#);
        let rows = [
            ("GET /inApps/v1/transactions/a%2F1", ""),
            ("GET /inApps/v1/subscriptions/2000", ""),
            ("GET /inApps/v2/history/2000?revision=r%201", ""),
            ("POST /inApps/v1/notifications/history", range),
            ("POST /inApps/v1/notifications/history?paginationToken=p%3D1", range),
            ("POST /inApps/v1/notifications/test", ""),
            ("GET /inApps/v1/notifications/test/t-1", ""),
            ("PUT /inApps/v1/transactions/2000/appAccountToken", token.as_str()),
            (
                "PUT /inApps/v1/subscriptions/extend/2000",
                r#"{"extendByDays":30,"extendReasonCode":2,"requestIdentifier":"r-1"}"#,
            ),
        ];
        let said = [Api::V2, Api::V1].map(|api| consumption::body(api, &said(), Some(UUID)));
        let said = said.map(|body| String::from_utf8(body).unwrap());
        let rows = rows.into_iter().chain([
            ("PUT /inApps/v2/transactions/consumption/2001", said[0].as_str()),
            ("PUT /inApps/v1/transactions/consumption/2001", said[1].as_str()),
        ]);
        let rows: Vec<_> = rows.collect();
        for (index, (line, body)) in rows.iter().enumerate() {
            let request = stand.request(index);
            assert!(request.starts_with(&format!("{line} HTTP/1.1\r\n")), "{request}");
            assert!(request.ends_with(&format!("\r\n\r\n{body}")), "{request}");
            assert_eq!(request.contains("content-type: application/json\r\n"), !body.is_empty(), "{request}");
            let bearer = request.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap();
            let (header, claims) = opened(bearer);
            assert_eq!(
                (&header["kid"], &claims["bid"], &claims["iss"]),
                (&"KEY1".into(), &"com.example.alma".into(), &"issuer-1".into())
            );
            assert_eq!(claims["iat"], NOW.minus(Span::minutes(1)).0 / 1_000);
        }
        assert_eq!(stand.count(), rows.len());
    }

    fn said() -> Consumption {
        let bought = Bought { product_id: "coins", is_renewing: false, had_free_period: true };
        RefundRules::default().consumption(&bought, &Used::default(), NOW)
    }

    #[tokio::test]
    async fn an_answer_about_a_refund_is_accepted_with_202() {
        for (reply, expected) in [
            (answer(202, "", ""), None),
            (answer(202, JSON, "{}"), None),
            (answer(200, "Content-Type: text/html\r\n", "<html>"), Some("unsure")),
            (error(400, 4_000_036), Some("never")),
            (error(404, 4_040_010), Some("never")),
            (error(429, 4_290_000), Some("later")),
            (error(500, 5_000_000), Some("later")),
            (answer(401, "", "Unauthenticated"), Some("refused")),
        ] {
            let stand = stand(&[&reply]).await;
            let server = server(&stand.url, "http://127.0.0.1:9");
            let failure = server.answer_refund(Production, "2000", Api::V2, &said(), None).await.err();
            let word = failure.as_ref().map(|failure| match failure {
                Failure::Unsure(_) => "unsure",
                Failure::Never(_) => "never",
                Failure::Later { .. } => "later",
                Failure::Refused(_) => "refused",
                Failure::NotSent(_) => "not sent",
            });
            assert_eq!(word, expected, "{reply}: {failure:?}");
        }
        let nobody = server("http://127.0.0.1:9", "http://127.0.0.1:9");
        let bad = nobody.answer_refund(Production, "..", Api::V2, &said(), None).await;
        assert!(matches!(bad, Err(Failure::Never(_))), "{bad:?}");
    }

    #[tokio::test]
    async fn a_test_takes_a_while() {
        let tried = r#"{"signedPayload":"a.b.c","sendAttempts":[{"attemptDate":7,"sendAttemptResult":"SUCCESS"}]}"#;
        let (not_yet, none) = (error(404, 4_040_008), error(404, 4_040_007));
        let stand = stand(&[&not_yet, &answer(200, JSON, tried), &error(400, 4_000_020), &none]).await;
        let server = server(&stand.url, &stand.url);
        assert_eq!(server.test_status(Production, "t-1").await, Ok(None));
        let status = server.test_status(Production, "t-1").await.unwrap().unwrap();
        assert!(status.send_attempts[0].is_success());
        assert!(matches!(server.test_status(Production, "t-1").await, Err(Failure::Never(_))));
        assert!(matches!(server.request_test(Production).await, Err(Failure::Never(_))));
    }

    #[tokio::test]
    async fn a_full_page_is_taken() {
        let item = format!(r#"{{"signedPayload":"{}"}}"#, "x".repeat(40_000));
        let page = format!(
            r#"{{"notificationHistory":[{}],"hasMore":true,"paginationToken":"p1"}}"#,
            vec![item; 20].join(",")
        );
        let stand = stand(&[&answer(200, JSON, &page)]).await;
        let found = server(&stand.url, &stand.url).notification_history(Production, At(1), NOW, None).await.unwrap();
        assert_eq!((found.notifications.len(), found.next.as_deref()), (20, Some("p1")));
    }
}
