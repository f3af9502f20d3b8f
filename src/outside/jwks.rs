//! The public keys of a team's own user tokens.

use super::Failure;
use super::client::{Client, Limits};
use reqwest::Method;
use reqwest::header::ACCEPT;

/// The key set as it was served, not yet looked at.
pub async fn fetch_jwks(client: &Client, url: &str) -> Result<Vec<u8>, Failure> {
    let request = client.request(Method::GET, url).header(ACCEPT, "application/jwk-set+json, application/json");
    let answer = client.call(request, Limits::USUAL).await?;
    let why = format!("the key server answered {}", answer.status);
    match answer.status {
        200 => Ok(answer.body),
        408 | 429 | 500.. => Err(Failure::later(why, answer.retry_after())),
        401 | 403 => Err(Failure::Refused(why)),
        _ => Err(Failure::Never(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::stand_in::{Reply, StandIn, answer};
    use super::*;
    use crate::domain::at::Span;

    #[tokio::test]
    async fn outcomes() {
        let said = |status| format!("the key server answered {status}");
        let rows = [
            (answer(200, "", "{\"keys\":[]}"), Ok(b"{\"keys\":[]}".to_vec())),
            (answer(302, "Location: {base}/other\r\n", ""), Err(Failure::Never(said(302)))),
            (answer(404, "", ""), Err(Failure::Never(said(404)))),
            (answer(403, "", ""), Err(Failure::Refused(said(403)))),
            (answer(503, "Retry-After: 7\r\n", ""), Err(Failure::later(said(503), Some(Span::seconds(7))))),
        ];
        for (reply, expected) in rows {
            let stand_in = StandIn::start(vec![Reply::Raw(reply)]).await;
            let client = Client::new().unwrap();
            assert_eq!(fetch_jwks(&client, &format!("{}/keys", stand_in.url)).await, expected);
            assert_eq!(stand_in.count(), 1);
        }
        let stand_in = StandIn::start(vec![Reply::Raw(answer(200, "", &"x".repeat(300_000)))]).await;
        let got = fetch_jwks(&Client::new().unwrap(), &stand_in.url).await;
        assert_eq!(got, Err(Failure::Unsure("the answer is larger than 262144 bytes".to_owned())));
    }
}
