//! Calls to the team's own server: signed bodies, to an address that the configuration gives.

use super::Failure;
use super::client::{Client, MENDED};
use super::public::{NotPublic, is_public};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Url};
use std::net::IpAddr;
use std::time::Duration;

/// What a receiver may take to answer; Standard Webhooks advises 15 to 30 seconds.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Post {
    client: Client,
    allow_private: bool,
    patience: Duration,
}

/// What became of what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Taken,
    /// The receiver wants nothing any more.
    Gone,
}

impl Post {
    /// Private addresses and plain http are for a receiver on the same machine or in the same network, and only where
    /// the team says so.
    pub fn new(allow_private: bool) -> Result<Post, Failure> {
        let client = if allow_private { Client::new() } else { Client::to_public_names() }?;
        Ok(Post { client, allow_private, patience: PATIENCE })
    }

    /// Sends a body as it is. Every failure is worth another try: the same bytes with the same id do no harm, and a
    /// receiver that is being put up or mended answers anything. The texts name the host and no more of the address,
    /// which may hold a secret.
    pub async fn send(
        &self,
        url: &str,
        content_type: Option<&str>,
        headers: &[(&str, String)],
        body: Vec<u8>,
    ) -> Result<Sent, Failure> {
        let url = self.checked(url)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut request = self.client.request(Method::POST, url.as_str()).body(body);
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = self.client.head(request, self.patience).await.map_err(|failure| of(&host, failure))?;
        match answer.status {
            410 => Ok(Sent::Gone),
            _ if answer.is_success() => Ok(Sent::Taken),
            status => Err(Failure::later(format!("{host} answered {status}"), answer.retry_after())),
        }
    }

    /// Whether anybody is there: any answer will do.
    pub async fn reach(&self, url: &str) -> Result<(), Failure> {
        let url = self.checked(url)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let request = self.client.request(Method::HEAD, url.as_str());
        self.client.head(request, self.patience).await.map(drop).map_err(|failure| of(&host, failure))
    }

    /// The address as it will be called, so that it cannot be read in two ways. Names are checked when they are looked
    /// up.
    fn checked(&self, url: &str) -> Result<Url, Failure> {
        let refused = |why: String| Failure::later(why, Some(MENDED));
        let url = Url::parse(url).map_err(|_| refused("the address is not a URL".to_owned()))?;
        let host = url.host_str().unwrap_or_default();
        match url.scheme() {
            "https" => {}
            "http" if self.allow_private => {}
            "http" => return Err(refused(format!("{host} is to be called by plain http"))),
            _ => return Err(refused("the address is neither https nor http".to_owned())),
        }
        // A literal address is not looked up.
        let literal = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        match literal.filter(|ip| !self.allow_private && !is_public(*ip)) {
            Some(ip) => Err(refused(NotPublic(ip).to_string())),
            None => Ok(url),
        }
    }
}

fn of(host: &str, failure: Failure) -> Failure {
    match failure {
        Failure::NotSent(why) => Failure::NotSent(format!("{host}: {why}")),
        Failure::Later { why, after } => Failure::later(format!("{host}: {why}"), after),
        Failure::Unsure(why) | Failure::Refused(why) | Failure::Never(why) => {
            Failure::later(format!("{host}: {why}"), None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stand_in::{Reply, StandIn, answer, refused_url};
    use super::*;
    use crate::domain::at::Span;

    fn post(allow_private: bool) -> Post {
        Post::new(allow_private).unwrap()
    }

    async fn send(post: &Post, url: &str) -> Result<Sent, Failure> {
        post.send(url, None, &[], b"{}".to_vec()).await
    }

    fn later(why: impl Into<String>, seconds: Option<i64>) -> Result<Sent, Failure> {
        Err(Failure::later(why, seconds.map(Span::seconds)))
    }

    #[tokio::test]
    async fn outcomes() {
        let said = |status: u16, seconds| later(format!("127.0.0.1 answered {status}"), seconds);
        let endless = "HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\nabc".to_owned();
        let rows = [
            (answer(200, "", "fine"), Ok(Sent::Taken)),
            (answer(201, "", ""), Ok(Sent::Taken)),
            (answer(202, "Retry-After: 5\r\n", ""), Ok(Sent::Taken)),
            (answer(204, "", ""), Ok(Sent::Taken)),
            (endless, Ok(Sent::Taken)),
            (answer(410, "Retry-After: 5\r\n", ""), Ok(Sent::Gone)),
            (answer(301, "Location: {base}/x\r\n", ""), said(301, None)),
            (answer(302, "Location: {base}/x\r\n", ""), said(302, None)),
            (answer(307, "Location: {base}/x\r\n", ""), said(307, None)),
            (answer(308, "Location: {base}/x\r\nRetry-After: 5\r\n", ""), said(308, Some(5))),
            (answer(304, "", ""), said(304, None)),
            (answer(400, "", "the text of a stranger"), said(400, None)),
            (answer(401, "", ""), said(401, None)),
            (answer(404, "", ""), said(404, None)),
            (answer(429, "", ""), said(429, None)),
            (answer(429, "Retry-After: 30\r\n", ""), said(429, Some(30))),
            (answer(500, "", ""), said(500, None)),
            (answer(502, "Retry-After: 7\r\n", ""), said(502, Some(7))),
            (answer(503, "Retry-After: 999999\r\n", ""), said(503, Some(3_600))),
            (
                answer(
                    503,
                    "Date: Wed, 21 Oct 2026 07:28:00 GMT\r\nRetry-After: Wed, 21 Oct 2026 07:30:00 GMT\r\n",
                    "",
                ),
                said(503, Some(120)),
            ),
            (answer(504, "Retry-After: soon\r\n", ""), said(504, None)),
            (answer(599, "", ""), said(599, None)),
        ];
        for (reply, expected) in rows {
            let stand = StandIn::start(vec![Reply::Raw(reply.clone())]).await;
            assert_eq!(send(&post(true), &stand.url).await, expected, "{reply}");
            assert_eq!(stand.count(), 1);
        }
    }

    #[tokio::test]
    async fn lost_and_unsent() {
        let patient = Post { patience: Duration::from_millis(100), ..post(true) };
        for reply in [Reply::Drop, Reply::Silence, Reply::Raw("garbage\r\n\r\n".to_owned())] {
            let name = format!("{reply:?}");
            let stand = StandIn::start(vec![reply]).await;
            let url = format!("{}/secret?of=secret#secret", stand.url).replace("http://", "http://secret:secret@");
            let Err(Failure::Later { why, after: None }) = send(&patient, &url).await else { panic!("{name}") };
            assert!(why.starts_with("127.0.0.1: ") && !why.contains("secret"), "{name}: {why}");
        }
        let (_socket, refused) = refused_url();
        let Err(Failure::NotSent(why)) = send(&patient, &format!("{refused}/secret")).await else { panic!("sent") };
        assert!(why.starts_with("127.0.0.1: ") && !why.contains("secret"), "{why}");
    }

    #[tokio::test]
    async fn what_is_sent() {
        let stand = StandIn::start(vec![Reply::Raw(answer(200, "", "")); 2]).await;
        let url = format!("{}/hooks/referd?team=1", stand.url);
        let headers = [("webhook-id", "msg_1".to_owned()), ("webhook-signature", "v1,a v1,b".to_owned())];
        let sent = post(true).send(&url, Some("application/json"), &headers, b"{\"a\": 1}\n".to_vec()).await;
        assert_eq!(sent, Ok(Sent::Taken));
        assert_eq!(send(&post(true), &url).await, Ok(Sent::Taken));
        let (first, second) = (stand.request(0), stand.request(1));
        assert!(first.starts_with("POST /hooks/referd?team=1 HTTP/1.1\r\n"), "{first}");
        for line in ["webhook-id: msg_1", "webhook-signature: v1,a v1,b", "content-type: application/json"] {
            assert!(first.contains(&format!("\r\n{line}\r\n")), "{first}");
        }
        assert!(first.ends_with("\r\n\r\n{\"a\": 1}\n"), "{first}");
        assert!(!second.contains("content-type"), "{second}");
    }

    #[tokio::test]
    async fn a_private_address_is_not_called() {
        let stand = StandIn::start(Vec::new()).await;
        let port = stand.url.rsplit(':').next().unwrap();
        let rows = [
            ("https://127.0.0.1:{port}/secret", "127.0.0.1 is not a public address"),
            ("https://127.1:{port}/", "127.0.0.1 is not a public address"),
            ("https://2130706433:{port}/", "127.0.0.1 is not a public address"),
            ("https://0x7f.0.0.1:{port}/", "127.0.0.1 is not a public address"),
            ("https://0177.0.0.1:{port}/", "127.0.0.1 is not a public address"),
            ("https://127.0.0.1.:{port}/", "127.0.0.1 is not a public address"),
            ("https://１２７.0.0.1:{port}/", "127.0.0.1 is not a public address"),
            ("https://secret@127.0.0.1:{port}/", "127.0.0.1 is not a public address"),
            ("https://0:{port}/", "0.0.0.0 is not a public address"),
            ("https://[::1]:{port}/", "::1 is not a public address"),
            ("https://[::ffff:127.0.0.1]:{port}/", "::ffff:127.0.0.1 is not a public address"),
            ("https://[::127.0.0.1]:{port}/", "::7f00:1 is not a public address"),
            ("https://[64:ff9b::7f00:1]:{port}/", "64:ff9b::7f00:1 is not a public address"),
            ("https://169.254.169.254/latest/meta-data/", "169.254.169.254 is not a public address"),
            ("https://localhost:{port}/secret", "localhost: 127.0.0.1 is not a public address"),
            ("https://LOCALHOST:{port}/", "localhost: 127.0.0.1 is not a public address"),
            ("http://127.0.0.1:{port}/", "127.0.0.1 is to be called by plain http"),
            ("http://example.com/secret", "example.com is to be called by plain http"),
            ("ftp://example.com/secret", "the address is neither https nor http"),
            ("file:///secret", "the address is neither https nor http"),
            ("secret", "the address is not a URL"),
            ("https://[fe80::1%25eth0]/", "the address is not a URL"),
            ("https://", "the address is not a URL"),
        ];
        for (url, expected) in rows {
            let got = send(&post(false), &url.replace("{port}", port)).await;
            // Which of its addresses comes first is the machine's affair.
            let got = got.map_err(|failure| match failure {
                Failure::Later { why, after } => {
                    Failure::later(why.replace("localhost: ::1", "localhost: 127.0.0.1"), after)
                }
                other => other,
            });
            assert_eq!(got, later(expected, Some(600)), "{url}");
        }
        assert_eq!(stand.count(), 0);
    }

    #[tokio::test]
    async fn a_private_one_is_called_where_that_is_allowed() {
        let stand = StandIn::start(vec![Reply::Raw(answer(200, "", "")); 2]).await;
        for url in [stand.url.clone(), stand.url.replace("127.0.0.1", "localhost")] {
            assert_eq!(send(&post(true), &url).await, Ok(Sent::Taken), "{url}");
        }
        assert_eq!(
            send(&post(true), "ftp://127.0.0.1/").await,
            later("the address is neither https nor http", Some(600))
        );
    }
}
