//! Calls to RevenueCat: granted entitlements.

use super::Failure;
use super::client::{Answer, Client, Limits};
use crate::domain::at::At;
use crate::domain::grant::Shown;
use crate::domain::id::UserId;
use crate::wire::revenuecat::{self as wire, ApiError};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder};

pub struct RevenueCat {
    client: Client,
    base_url: String,
    api_key: String,
}

impl RevenueCat {
    /// `api_key` is a v1 secret key.
    pub fn new(client: Client, base_url: &str, api_key: &str) -> RevenueCat {
        RevenueCat { client, base_url: base_url.trim_end_matches('/').to_owned(), api_key: api_key.to_owned() }
    }

    /// Asks for the entitlement until `end` and gives the end that the answer shows. A 201 need not mean that
    /// anything was extended: compare. The same `end` may be sent again without harm.
    pub async fn grant(&self, user: &UserId, entitlement: &str, end: At) -> Result<Option<At>, Failure> {
        let request = self.post(wire::grant_path(user, entitlement))?;
        let request = request.header(CONTENT_TYPE, "application/json").body(wire::grant_body(end));
        self.read(request, user, |body| wire::promo_end(body, entitlement)).await
    }

    /// Takes every grant of the entitlement away and gives the furthest end that is left.
    pub async fn revoke(&self, user: &UserId, entitlement: &str) -> Result<Option<At>, Failure> {
        let request = self.post(wire::revoke_path(user, entitlement))?;
        self.read(request, user, |body| wire::promo_end(body, entitlement)).await
    }

    /// The grants of the entitlement that RevenueCat shows.
    pub async fn grants(&self, user: &UserId, entitlement: &str) -> Result<Vec<Shown>, Failure> {
        let request = self.request(Method::GET, wire::subscriber_path(user))?;
        self.read(request, user, |body| wire::grants(body, entitlement)).await
    }

    /// The App Store transactions that RevenueCat knows of a user. It makes users that it does not know, so
    /// only those are asked for whom the app named.
    pub async fn transactions(&self, user: &UserId) -> Result<Vec<String>, Failure> {
        let request = self.request(Method::GET, wire::subscriber_path(user))?;
        self.read(request, user, wire::transactions).await
    }

    fn post(&self, path: Result<String, wire::Fault>) -> Result<RequestBuilder, Failure> {
        self.request(Method::POST, path)
    }

    fn request(&self, method: Method, path: Result<String, wire::Fault>) -> Result<RequestBuilder, Failure> {
        let path = path.map_err(|fault| Failure::Never(fault.to_string()))?;
        let request = self.client.request(method, &format!("{}{path}", self.base_url));
        Ok(request.bearer_auth(&self.api_key).header(ACCEPT, "application/json"))
    }

    async fn read<T>(
        &self,
        request: RequestBuilder,
        user: &UserId,
        read: impl Fn(&[u8]) -> Result<T, wire::Fault>,
    ) -> Result<T, Failure> {
        let answer = self.client.call(request, Limits::USUAL).await?;
        if answer.is_success() {
            return read(&answer.body).map_err(|fault| Failure::Unsure(fault.to_string()));
        }
        Err(failure(&answer, user))
    }
}

/// Attributes busy, and a request already in progress (RevenueCat's BackendErrorCode).
const BUSY: [i64; 2] = [7_629, 7_638];

fn failure(answer: &Answer, user: &UserId) -> Failure {
    let error = ApiError::parse(&answer.body);
    let why = format!("RevenueCat answered {}: {}", answer.status, error.describe(user));
    match answer.status {
        429 => Failure::later(why, answer.retry_after()),
        _ if error.code.is_some_and(|code| BUSY.contains(&code)) => Failure::later(why, answer.retry_after()),
        408 | 500.. => Failure::Unsure(why),
        401 | 403 => Failure::Refused(why),
        _ => Failure::Never(why),
    }
}

#[cfg(test)]
mod tests {
    use super::super::stand_in::{Reply, StandIn, answer, refused_url};
    use super::*;
    use crate::domain::at::Span;

    const END: At = At(1_795_253_400_000);

    fn user() -> UserId {
        UserId::parse("$RCAnonymousID:80").unwrap()
    }

    fn revenuecat(base_url: &str) -> RevenueCat {
        RevenueCat::new(Client::new().unwrap(), base_url, "sk_key")
    }

    fn subscriber(end: &str) -> String {
        format!(
            r#"{{"subscriber":{{"subscriptions":{{"rc_promo_pro_custom":{{"store":"promotional","expires_date":"{end}"}}}}}}}}"#
        )
    }

    #[tokio::test]
    async fn outcomes() {
        let good = subscriber("2026-11-21T09:30:00Z");
        let error = |code: &str| format!(r#"{{"code":{code},"message":"no $RCAnonymousID:80 here"}}"#);
        let said = |what: &str| format!("RevenueCat answered {what}: no … here");
        let rows = [
            (answer(201, "", &good), Ok(Some(END))),
            (answer(200, "", &good), Ok(Some(END))),
            (answer(201, "", r#"{"subscriber":{}}"#), Ok(None)),
            (answer(201, "", ""), Err(Failure::Unsure("the answer is no RevenueCat subscriber".to_owned()))),
            (
                answer(429, "Retry-After: 12\r\n", ""),
                Err(Failure::later("RevenueCat answered 429: no reason given", Some(Span::seconds(12)))),
            ),
            (answer(429, "", &error("7000")), Err(Failure::later(said("429: code 7000"), None))),
            (answer(423, "", &error("7638")), Err(Failure::later(said("423: code 7638"), None))),
            (answer(400, "", &error("\"7629\"")), Err(Failure::later(said("400: code 7629"), None))),
            (answer(500, "", &error("7110")), Err(Failure::Unsure(said("500: code 7110")))),
            (answer(502, "", "<html>"), Err(Failure::Unsure("RevenueCat answered 502: no reason given".to_owned()))),
            (answer(401, "", &error("7225")), Err(Failure::Refused(said("401: code 7225")))),
            (answer(403, "", &error("7243")), Err(Failure::Refused(said("403: code 7243")))),
            (answer(404, "", &error("7259")), Err(Failure::Never(said("404: code 7259")))),
            (
                answer(307, "Location: {base}/x\r\n", ""),
                Err(Failure::Never("RevenueCat answered 307: no reason given".to_owned())),
            ),
        ];
        for (reply, expected) in rows {
            let stand_in = StandIn::start(vec![Reply::Raw(reply.clone())]).await;
            assert_eq!(revenuecat(&stand_in.url).grant(&user(), "pro", END).await, expected, "{reply}");
            assert_eq!(stand_in.count(), 1);
        }
    }

    #[tokio::test]
    async fn what_is_sent() {
        let gone = answer(200, "", r#"{"subscriber":{}}"#);
        let good = answer(201, "", &subscriber("2026-11-21T09:30:00Z"));
        let stand_in = StandIn::start(vec![Reply::Raw(good), Reply::Raw(gone)]).await;
        let revenuecat = revenuecat(&format!("{}/", stand_in.url));
        revenuecat.grant(&user(), "Team Pro", END).await.unwrap();
        revenuecat.revoke(&user(), "pro").await.unwrap();
        let grant = stand_in.request(0);
        let path = "POST /v1/subscribers/%24RCAnonymousID%3A80/entitlements/Team%20Pro/promotional HTTP/1.1\r\n";
        assert!(grant.starts_with(path), "{grant}");
        assert!(grant.contains("authorization: Bearer sk_key\r\n"), "{grant}");
        assert!(grant.contains("content-type: application/json\r\n"), "{grant}");
        assert!(grant.ends_with("\r\n\r\n{\"end_time_ms\":1795253400000}"), "{grant}");
        assert!(
            stand_in
                .request(1)
                .starts_with("POST /v1/subscribers/%24RCAnonymousID%3A80/entitlements/pro/revoke_promotionals ")
        );
    }

    #[tokio::test]
    async fn lost_and_unsent() {
        let stand_in = StandIn::start(vec![Reply::Drop]).await;
        let lost = revenuecat(&stand_in.url).grant(&user(), "pro", END).await;
        assert!(matches!(&lost, Err(Failure::Unsure(why)) if !why.contains("RCAnonymous")), "{lost:?}");
        assert_eq!(stand_in.count(), 1);
        let (_socket, refused) = refused_url();
        let unsent = revenuecat(&refused).grant(&user(), "pro", END).await;
        assert!(matches!(&unsent, Err(Failure::NotSent(why)) if !why.contains("RCAnonymous")), "{unsent:?}");
        let dots = UserId::parse("..").unwrap();
        assert!(matches!(revenuecat("http://127.0.0.1:9").grant(&dots, "pro", END).await, Err(Failure::Never(_))));
    }
}
