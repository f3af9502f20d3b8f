//! Calls to App Store Connect: batches of one-time-use codes, custom codes, reports of redemptions.

use super::Failure;
use super::client::{Answer, Client, Limits};
use crate::clock::Clock;
use crate::domain::at::{At, Date, Span};
use crate::domain::policy::Environment;
use crate::wire::app_store_connect::{
    self as wire, ApiErrors, BatchInfo, Codes, CustomCodeInfo, OfferInfo, Page, RateLimit,
};
use crate::wire::private_key::PrivateKey;
use crate::wire::sales_report::{self, Redeemed};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

/// What the configuration says about the key and the host.
#[derive(Clone, Debug)]
pub struct Account {
    pub base_url: String,
    pub key: PrivateKey,
    pub key_id: String,
    /// Of a team key; an individual key has none.
    pub issuer: Option<String>,
}

pub struct AppStoreConnect {
    client: Client,
    account: Account,
    clock: Arc<dyn Clock>,
    token: Mutex<Option<Token>>,
}

struct Token {
    text: String,
    made: At,
    expires: At,
}

/// A token is not used in the last minutes of its life.
const SPARE: Span = Span::minutes(2);
/// The wait after a 429 that names none.
const WAIT: Span = Span::minutes(1);
/// More pages than any list has.
const PAGES: usize = 1_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Create,
    End,
    List,
    Values,
    Report,
}

impl Call {
    fn method(self) -> Method {
        match self {
            Call::Create => Method::POST,
            Call::End => Method::PATCH,
            Call::List | Call::Values | Call::Report => Method::GET,
        }
    }

    fn accept(self) -> &'static str {
        match self {
            Call::Create | Call::End | Call::List => "application/json",
            Call::Values => "text/csv",
            Call::Report => sales_report::MEDIA_TYPE,
        }
    }

    fn limits(self) -> Limits {
        match self {
            Call::Create | Call::End | Call::List => Limits::USUAL,
            Call::Values | Call::Report => Limits::LARGE,
        }
    }
}

impl AppStoreConnect {
    pub fn new(client: Client, account: Account, clock: Arc<dyn Clock>) -> AppStoreConnect {
        let base_url = account.base_url.trim_end_matches('/').to_owned();
        AppStoreConnect { client, account: Account { base_url, ..account }, clock, token: Mutex::new(None) }
    }

    /// Not to be repeated after `Unsure` without a look at [`AppStoreConnect::list_batches`]: Apple knows no
    /// idempotency key.
    pub async fn create_batch(
        &self,
        offer_id: &str,
        count: u32,
        expires: Date,
        environment: Environment,
    ) -> Result<BatchInfo, Failure> {
        let body = wire::create_batch(offer_id, count, expires, environment);
        let answer = self.call(Call::Create, &self.url(wire::CREATE_BATCH), body).await?;
        wire::batch(&answer.body).map_err(|fault| Failure::Unsure(fault.to_string()))
    }

    pub async fn offer(&self, id: &str) -> Result<OfferInfo, Failure> {
        let path = wire::offer_path(id).map_err(never)?;
        let answer = self.call(Call::List, &self.url(&path), Vec::new()).await?;
        wire::offer(&answer.body).map_err(unread)
    }

    /// Every batch of the offer, from all pages.
    pub async fn list_batches(&self, offer_id: &str) -> Result<Vec<BatchInfo>, Failure> {
        self.list(&wire::batches_path(offer_id).map_err(never)?, wire::batches).await
    }

    /// Not to be repeated after `Unsure` without a look at [`AppStoreConnect::list_custom_codes`].
    pub async fn create_custom_code(
        &self,
        offer_code_id: &str,
        code: &str,
        count: u32,
        expires: Option<Date>,
    ) -> Result<CustomCodeInfo, Failure> {
        let body = wire::create_custom_code(offer_code_id, code, count, expires);
        let answer = self.call(Call::Create, &self.url(wire::CREATE_CUSTOM_CODE), body).await;
        let answer = answer.map_err(|failure| failure.hiding(code))?;
        wire::custom_code(&answer.body).map_err(|fault| Failure::Unsure(fault.to_string()))
    }

    /// Every custom code of the offer, from all pages.
    pub async fn list_custom_codes(&self, offer_code_id: &str) -> Result<Vec<CustomCodeInfo>, Failure> {
        self.list(&wire::custom_codes_path(offer_code_id).map_err(never)?, wire::custom_codes).await
    }

    /// For good: Apple takes none back. One that has ended already is fine, so this may be repeated.
    pub async fn end_custom_code(&self, id: &str) -> Result<(), Failure> {
        let path = wire::custom_code_path(id).map_err(never)?;
        let answer = self.ask(Call::End, &self.url(&path), wire::end_custom_code(id)).await?;
        // Apple says "inactive" here, and "inactivate" where it says the same of an offer.
        if answer.status == 409 && ApiErrors::parse(&answer.body).mention("inactiv") {
            return Ok(());
        }
        accepted(Call::End, answer).map(drop)
    }

    /// What was redeemed on a day, in all apps of the vendor. None: Apple has no report for it, or not yet.
    pub async fn sales_report(&self, vendor_number: &str, date: Date) -> Result<Option<Vec<Redeemed>>, Failure> {
        let url = self.url(&sales_report::path(vendor_number, date));
        let answer = self.ask(Call::Report, &url, Vec::new()).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let answer = accepted(Call::Report, answer)?;
        sales_report::redemptions(&answer.body).map(Some).map_err(unread)
    }

    async fn list<T>(&self, path: &str, read: fn(&[u8]) -> Result<Page<T>, wire::Fault>) -> Result<Vec<T>, Failure> {
        let mut url = self.url(path);
        let mut items = Vec::new();
        for _ in 0..PAGES {
            let answer = self.call(Call::List, &url, Vec::new()).await?;
            let page = read(&answer.body).map_err(unread)?;
            items.extend(page.items);
            let Some(next) = page.next else { return Ok(items) };
            if !wire::same_origin(&self.account.base_url, &next) {
                return Err(Failure::Never("the next page of the list is on another host".to_owned()));
            }
            url = next;
        }
        Err(Failure::Never("the list does not end".to_owned()))
    }

    /// The codes of a batch. Apple makes them after it has answered: fewer than were asked for means not yet all.
    pub async fn batch_values(&self, batch_id: &str) -> Result<Codes, Failure> {
        let path = wire::values_path(batch_id).map_err(never)?;
        let answer = self.call(Call::Values, &self.url(&path), Vec::new()).await?;
        let found = wire::codes(&answer.body).map_err(unread)?;
        if found.codes.is_empty() {
            return Err(Failure::later("the batch has no codes yet", answer.retry_after()));
        }
        Ok(found)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.account.base_url)
    }

    async fn call(&self, call: Call, url: &str, body: Vec<u8>) -> Result<Answer, Failure> {
        accepted(call, self.ask(call, url, body).await?)
    }

    /// The answer, whatever it says.
    async fn ask(&self, call: Call, url: &str, body: Vec<u8>) -> Result<Answer, Failure> {
        let token = self.token()?;
        let mut request = self.client.request(call.method(), url).bearer_auth(&token).header(ACCEPT, call.accept());
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let answer = self.client.call(request, call.limits()).await?;
        if answer.status == 401 {
            *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        Ok(answer)
    }

    /// Apple asks for one token to be used until it expires. One from the future, or with little life left by
    /// our clock, is made anew.
    fn token(&self) -> Result<String, Failure> {
        let now = self.clock.now();
        let mut kept = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = kept.as_ref().filter(|token| token.made <= now && now < token.expires.minus(SPARE)) {
            return Ok(token.text.clone());
        }
        let Account { key, key_id, issuer, .. } = &self.account;
        let (text, expires) =
            wire::token(key, key_id, issuer.as_deref(), now).map_err(|fault| Failure::NotSent(fault.to_string()))?;
        *kept = Some(Token { text: text.clone(), made: now, expires });
        Ok(text)
    }
}

fn never(fault: wire::Fault) -> Failure {
    Failure::Never(fault.to_string())
}

/// Reading changes nothing. What comes in the place of an answer, such as a proxy's page, may be gone next time; a batch
/// that was given up for it would be asked for twice.
fn unread(fault: impl Display) -> Failure {
    Failure::later(fault.to_string(), None)
}

fn accepted(call: Call, answer: Answer) -> Result<Answer, Failure> {
    if answer.is_success() { Ok(answer) } else { Err(failure(call, &answer)) }
}

fn failure(call: Call, answer: &Answer) -> Failure {
    let reasons = ApiErrors::parse(&answer.body).describe();
    let why = format!("App Store Connect answered {}: {reasons}", answer.status);
    match (answer.status, call) {
        (429, _) => {
            let left = answer.header("x-rate-limit").map(RateLimit::parse).unwrap_or_default();
            let left = left.hour_left.map_or(String::new(), |left| format!(" ({left} requests left this hour)"));
            Failure::later(why + &left, answer.retry_after().or(Some(WAIT)))
        }
        (401 | 403, _) => Failure::Refused(why),
        (408 | 500.., Call::Create) => Failure::Unsure(why),
        (408 | 500.., _) | (404 | 409, Call::Values) => Failure::later(why, answer.retry_after()),
        _ => Failure::Never(why),
    }
}

#[cfg(test)]
mod tests {
    use super::super::stand_in::{Reply, StandIn, answer, refused_url};
    use super::*;
    use crate::clock::ManualClock;
    use crate::wire::private_key::tests::key;

    const NOW: At = At(1_795_253_400_000);
    const BATCH: &str = r#"{"data":{"id":"b-1","attributes":{"numberOfCodes":2,"expirationDate":"2027-05-01"}}}"#;

    fn connect(base_url: &str) -> (AppStoreConnect, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(NOW));
        let issuer = Some("issuer-1".to_owned());
        let account = Account { base_url: base_url.to_owned(), key: key(), key_id: "KEY1".to_owned(), issuer };
        (AppStoreConnect::new(Client::new().unwrap(), account, clock.clone()), clock)
    }

    async fn create(base_url: &str) -> Result<BatchInfo, Failure> {
        connect(base_url).0.create_batch("offer-1", 2, Date(20_939), Environment::Production).await
    }

    fn error(code: &str) -> String {
        format!(r#"{{"errors":[{{"status":"0","code":"{code}","title":"T"}}]}}"#)
    }

    fn batches(next: &str) -> String {
        let item = r#"{"id":"b-1","attributes":{"numberOfCodes":2}}"#;
        format!(r#"{{"data":[{item}],"links":{{"self":"s","next":{next}}}}}"#)
    }

    #[tokio::test]
    async fn creating() {
        let said = |status: u16| format!("App Store Connect answered {status}: C: T");
        let wait = |seconds, said: String| Failure::later(said, Some(Span::seconds(seconds)));
        let rows = [
            (answer(201, "Location: {base}/x\r\n", BATCH), Ok("b-1")),
            (
                answer(201, "", "{}"),
                Err(Failure::Unsure("the answer is not what App Store Connect documents: a batch".to_owned())),
            ),
            (answer(429, "Retry-After: 90\r\n", &error("C")), Err(wait(90, said(429)))),
            (
                answer(429, "X-Rate-Limit: user-hour-lim:3600;user-hour-rem:0;\r\n", &error("C")),
                Err(wait(60, said(429) + " (0 requests left this hour)")),
            ),
            (answer(401, "", &error("C")), Err(Failure::Refused(said(401)))),
            (answer(403, "", &error("C")), Err(Failure::Refused(said(403)))),
            (answer(500, "", &error("C")), Err(Failure::Unsure(said(500)))),
            (answer(503, "", &error("C")), Err(Failure::Unsure(said(503)))),
            (answer(400, "", &error("C")), Err(Failure::Never(said(400)))),
            (answer(404, "", &error("C")), Err(Failure::Never(said(404)))),
            (answer(409, "", &error("C")), Err(Failure::Never(said(409)))),
            (answer(422, "", &error("C")), Err(Failure::Never(said(422)))),
            (answer(302, "Location: {base}/x\r\n", &error("C")), Err(Failure::Never(said(302)))),
            (
                answer(406, "", "plain"),
                Err(Failure::Never("App Store Connect answered 406: no reason given".to_owned())),
            ),
        ];
        for (reply, expected) in rows {
            let stand_in = StandIn::start(vec![Reply::Raw(reply.clone())]).await;
            let got = create(&stand_in.url).await.map(|batch| batch.id);
            assert_eq!(got, expected.map(str::to_owned), "{reply}");
            assert_eq!(stand_in.count(), 1);
        }
    }

    #[tokio::test]
    async fn creating_without_an_answer() {
        for reply in [Reply::Drop, Reply::Raw(answer(201, "", &" ".repeat(300_000)))] {
            let stand_in = StandIn::start(vec![reply]).await;
            assert!(matches!(create(&stand_in.url).await, Err(Failure::Unsure(_))));
            assert_eq!(stand_in.count(), 1);
        }
        let (_socket, refused) = refused_url();
        assert!(matches!(create(&refused).await, Err(Failure::NotSent(_))));
    }

    #[tokio::test]
    async fn what_is_sent() {
        let replies = vec![Reply::Raw(answer(201, "", BATCH)), Reply::Raw(answer(200, "", "AAAAAA\n"))];
        let stand_in = StandIn::start(replies).await;
        let (connect, _) = connect(&format!("{}/", stand_in.url));
        connect.create_batch("offer-1", 2, Date(20_939), Environment::Production).await.unwrap();
        connect.batch_values("b/1").await.unwrap();
        let (post, get) = (stand_in.request(0), stand_in.request(1));
        assert!(post.starts_with("POST /v1/subscriptionOfferCodeOneTimeUseCodes HTTP/1.1\r\n"), "{post}");
        assert!(post.contains("content-type: application/json\r\n"), "{post}");
        assert!(post.contains("accept: application/json\r\n"), "{post}");
        assert!(post.contains("authorization: Bearer ey"), "{post}");
        assert!(post.contains(r#""expirationDate":"2027-05-01""#), "{post}");
        assert!(get.starts_with("GET /v1/subscriptionOfferCodeOneTimeUseCodes/b%2F1/values HTTP/1.1\r\n"), "{get}");
        assert!(get.contains("accept: text/csv\r\n"), "{get}");
    }

    #[tokio::test]
    async fn all_pages_of_one_host() {
        let page = |next: &str| Reply::Raw(answer(200, "", &batches(next)));
        let stand_in = StandIn::start(vec![page(r#""{base}/v1/more?cursor=2""#), page("null")]).await;
        let found = connect(&stand_in.url).0.list_batches("offer-1").await.unwrap();
        assert_eq!(found.len(), 2);
        let first = stand_in.request(0);
        assert!(first.starts_with("GET /v1/subscriptionOfferCodes/offer-1/oneTimeUseCodes?limit=200 "), "{first}");
        assert!(stand_in.request(1).starts_with("GET /v1/more?cursor=2 "));

        let elsewhere = StandIn::start(vec![page("null")]).await;
        let stand_in = StandIn::start(vec![page(&format!("\"{}/v1/more\"", elsewhere.url))]).await;
        assert!(matches!(connect(&stand_in.url).0.list_batches("offer-1").await, Err(Failure::Never(_))));
        assert_eq!(elsewhere.count(), 0);
    }

    #[tokio::test]
    async fn listing_fails() {
        let rows = [
            (answer(500, "", &error("C")), "later"),
            (answer(429, "", ""), "later"),
            (answer(404, "", &error("C")), "never"),
            (answer(200, "", "<html>"), "later"),
        ];
        for (reply, expected) in rows {
            let stand_in = StandIn::start(vec![Reply::Raw(reply.clone())]).await;
            let got = connect(&stand_in.url).0.list_batches("offer-1").await;
            assert_eq!(got.map_err(name), Err(expected), "{reply}");
        }
    }

    #[tokio::test]
    async fn values() {
        let rows = [
            (answer(200, "Content-Type: text/csv\r\n", "AAAAAA,u\r\nBBBBBB,u\r\n"), Ok(2)),
            (answer(200, "", &"AAAAAA\n".repeat(100_000)), Ok(1)),
            (answer(200, "", ""), Err("later")),
            (answer(200, "", "code\n"), Err("later")),
            (answer(404, "", &error("NOT_FOUND")), Err("later")),
            (answer(409, "", &error("STATE_ERROR")), Err("later")),
            (answer(500, "", ""), Err("later")),
            (answer(403, "", &error("FORBIDDEN_ERROR")), Err("refused")),
            (answer(200, "", "AAAAAA\n<html>\n"), Err("later")),
            (answer(406, "", "plain"), Err("never")),
            (answer(200, "", &"AAAAAA\n".repeat(1_300_000)), Err("unsure")),
        ];
        for (reply, expected) in rows {
            let stand_in = StandIn::start(vec![Reply::Raw(reply.clone())]).await;
            let got = connect(&stand_in.url).0.batch_values("b-1").await;
            let got = got.map(|found| found.codes.len()).map_err(name);
            assert_eq!(got, expected, "{}", reply.chars().take(200).collect::<String>());
        }
    }

    const CUSTOM: &str = r#"{"id":"c-1","attributes":{"customCode":"ANNA26","numberOfCodes":500}}"#;

    fn name(failure: Failure) -> &'static str {
        match failure {
            Failure::NotSent(_) => "not sent",
            Failure::Unsure(_) => "unsure",
            Failure::Later { .. } => "later",
            Failure::Refused(_) => "refused",
            Failure::Never(_) => "never",
        }
    }

    #[tokio::test]
    async fn custom_codes() {
        let made = format!(r#"{{"data":{CUSTOM}}}"#);
        let taken = r#"{"errors":[{"code":"C","title":"T","detail":"anna26 is taken"}]}"#;
        let rows = [
            (Reply::Raw(answer(201, "", &made)), Ok("c-1")),
            (Reply::Raw(answer(201, "", "{}")), Err("unsure")),
            (Reply::Raw(answer(500, "", "")), Err("unsure")),
            (Reply::Drop, Err("unsure")),
            (Reply::Raw(answer(429, "", "")), Err("later")),
            (Reply::Raw(answer(403, "", "")), Err("refused")),
            (Reply::Raw(answer(409, "", taken)), Err("never")),
        ];
        for (reply, expected) in rows {
            let stand_in = StandIn::start(vec![reply.clone()]).await;
            let got = connect(&stand_in.url).0.create_custom_code("offer-1", "ANNA26", 500, Some(Date(20_939))).await;
            assert!(!format!("{got:?}").to_uppercase().contains("ANNA"), "{got:?}");
            assert_eq!(got.map(|made| made.id).map_err(name), expected.map(str::to_owned), "{reply:?}");
            let post = stand_in.request(0);
            assert!(post.starts_with("POST /v1/subscriptionOfferCodeCustomCodes HTTP/1.1\r\n"), "{post}");
            assert!(post.contains(r#""expirationDate":"2027-05-01""#), "{post}");
        }

        let page =
            |next: &str| Reply::Raw(answer(200, "", &format!(r#"{{"data":[{CUSTOM}],"links":{{"next":{next}}}}}"#)));
        let stand_in = StandIn::start(vec![page(r#""{base}/v1/more""#), page("null")]).await;
        assert_eq!(connect(&stand_in.url).0.list_custom_codes("offer-1").await.unwrap().len(), 2);
        let first = stand_in.request(0);
        assert!(first.starts_with("GET /v1/subscriptionOfferCodes/offer-1/customCodes?limit=200 "), "{first}");
    }

    #[tokio::test]
    async fn ending_a_custom_code() {
        let inactive = r#"{"errors":[{"code":"STATE_ERROR","title":"T","detail":"Given custom code is inactive"}]}"#;
        let rows = [
            (answer(200, "", &format!(r#"{{"data":{CUSTOM}}}"#)), Ok(())),
            (answer(409, "", inactive), Ok(())),
            (answer(409, "", &error("STATE_ERROR")), Err("never")),
            (answer(400, "", inactive), Err("never")),
            (answer(404, "", &error("NOT_FOUND")), Err("never")),
            (answer(500, "", inactive), Err("later")),
            (answer(429, "", ""), Err("later")),
            (answer(401, "", ""), Err("refused")),
        ];
        for (reply, expected) in rows {
            let stand_in = StandIn::start(vec![Reply::Raw(reply.clone())]).await;
            let got = connect(&stand_in.url).0.end_custom_code("c/1").await;
            assert_eq!(got.map_err(name), expected, "{reply}");
            let patch = stand_in.request(0);
            assert!(patch.starts_with("PATCH /v1/subscriptionOfferCodeCustomCodes/c%2F1 HTTP/1.1\r\n"), "{patch}");
            assert!(patch.contains("content-type: application/json\r\n"), "{patch}");
            assert!(patch.contains(r#""attributes":{"active":false}"#), "{patch}");
        }
    }

    #[tokio::test]
    async fn reports() {
        let heading = "Date\tApp Apple ID\tOffer Reference Name\tOffer Code\tTerritory\tRedemptions\n";
        let line = "11/21/2026\t1\tREF30\t\tDE\t7\n";
        let large = format!("{heading}{}", line.repeat(20_000));
        let rows = [
            (answer(200, "", &format!("{heading}{line}")), Ok(Some(1))),
            (answer(200, "", heading), Ok(Some(0))),
            (answer(200, "", &large), Ok(Some(20_000))),
            (answer(404, "", &error("NOT_FOUND")), Ok(None)),
            (answer(200, "", "<html>"), Err("later")),
            (answer(200, "", "Date\tUnits\n"), Err("later")),
            (answer(400, "", &error("PARAMETER_ERROR.INVALID")), Err("never")),
            (answer(403, "", &error("FORBIDDEN_ERROR")), Err("refused")),
            (answer(429, "", ""), Err("later")),
            (answer(500, "", ""), Err("later")),
        ];
        for (reply, expected) in rows {
            let stand_in = StandIn::start(vec![Reply::Raw(reply.clone())]).await;
            let got = connect(&stand_in.url).0.sales_report("80012345", Date(20_778)).await;
            let got = got.map(|report| report.map(|lines| lines.len())).map_err(name);
            assert_eq!(got, expected, "{}", reply.chars().take(200).collect::<String>());
            let get = stand_in.request(0);
            assert!(get.starts_with("GET /v1/salesReports?filter%5Bfrequency%5D=DAILY&"), "{get}");
            assert!(get.contains("vendorNumber%5D=80012345&filter%5BreportDate%5D=2026-11-21 HTTP/1.1\r\n"), "{get}");
            assert!(get.contains("accept: application/a-gzip\r\n"), "{get}");
        }
    }

    #[tokio::test]
    async fn one_token_while_it_lives() {
        let ok = || Reply::Raw(answer(200, "", &batches("null")));
        let denied = Reply::Raw(answer(401, "", ""));
        let stand_in = StandIn::start(vec![ok(), ok(), ok(), ok(), denied, ok()]).await;
        let (connect, clock) = connect(&stand_in.url);
        let minute = |n| NOW.plus(Span::minutes(n));
        for at in [NOW, minute(12).minus(Span::millis(1)), minute(12), minute(11), minute(11), minute(11)] {
            clock.set(at);
            let _ = connect.list_batches("offer-1").await;
        }
        let bearer = |index: usize| {
            let request = stand_in.request(index);
            request.lines().find(|line| line.starts_with("authorization")).unwrap().to_owned()
        };
        let same: Vec<bool> = (1..6).map(|index| bearer(index - 1) == bearer(index)).collect();
        assert_eq!(same, [true, false, false, true, false]);
    }
}
