//! The HTTP client of every call: no redirects, no proxies, no repeats, bounded in time and size.

use super::Failure;
use super::public::{NotPublic, PublicNames};
use crate::domain::at::{At, Span};
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder, Method, RequestBuilder, Response};
use std::error::Error;
use std::time::Duration;

#[derive(Clone)]
pub struct Client(reqwest::Client);

/// What an answer may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub time: Duration,
    pub bytes: usize,
}

impl Limits {
    pub const USUAL: Limits = Limits { time: Duration::from_secs(30), bytes: 256 << 10 };
    /// For lists of codes.
    pub const LARGE: Limits = Limits { time: Duration::from_secs(60), bytes: 8 << 20 };
}

const CONNECT: Duration = Duration::from_secs(5);
/// Nobody is waited for longer than this on their own word.
const LONGEST_WAIT: Span = Span::hours(1);
/// Until somebody has mended a configuration.
pub(super) const MENDED: Span = Span::minutes(10);

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// Complete when the status is a success; otherwise as much as came and fits.
    pub body: Vec<u8>,
}

impl Client {
    /// Trusts the certificates of the machine. On a machine without any, https calls fail and plain http
    /// to a stand-in still works.
    pub fn new() -> Result<Client, Failure> {
        Client::built(builder)
    }

    /// For addresses that others choose: what a name stands for is looked up once, and called only if it is public.
    /// An address without a name is not looked up, so its caller checks it.
    pub(super) fn to_public_names() -> Result<Client, Failure> {
        Client::built(|| builder().dns_resolver(PublicNames))
    }

    /// Trusts these certificates (PEM) and none of the machine's.
    pub(super) fn trusting(pem: &[u8]) -> Result<Client, Failure> {
        let trusted = Certificate::from_pem_bundle(pem).map_err(|error| Failure::Never(reason(error)))?;
        Client::built(|| builder().tls_certs_only(trusted.clone()))
    }

    fn built(builder: impl Fn() -> ClientBuilder) -> Result<Client, Failure> {
        let client = builder().build().or_else(|error| {
            tracing::warn!(reason = %reason(error), "no trusted certificates on this machine: https calls will fail");
            builder().tls_certs_only([]).build()
        });
        client.map(Client).map_err(|error| Failure::NotSent(reason(error)))
    }

    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.0.request(method, url)
    }

    pub async fn call(&self, request: RequestBuilder, limits: Limits) -> Result<Answer, Failure> {
        let response = request.timeout(limits.time).send().await.map_err(failure)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let (body, complete) = read(response, limits.bytes).await;
        if status.is_success() {
            complete?;
        }
        Ok(Answer { status: status.as_u16(), headers, body })
    }

    /// The answer without its body, which is not read: it may be endless, and says nothing that the head did not.
    pub(super) async fn head(&self, request: RequestBuilder, time: Duration) -> Result<Answer, Failure> {
        let response = request.timeout(time).send().await.map_err(failure)?;
        Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), body: Vec::new() })
    }
}

impl Client {
    /// What time it is there.
    pub async fn time_of(&self, url: &str) -> Result<Option<At>, Failure> {
        Ok(self.head(self.request(Method::HEAD, url), Limits::USUAL.time).await?.date())
    }
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// When it was answered, by the other side's clock, to the second.
    pub fn date(&self) -> Option<At> {
        Some(At(instant(self.header(DATE.as_str())?)?.as_millisecond()))
    }

    /// What `Retry-After` says: seconds, or a date, which is measured from the answer's own.
    pub fn retry_after(&self) -> Option<Span> {
        let text = self.header(RETRY_AFTER.as_str())?.trim();
        let wait = match text.parse::<u32>() {
            Ok(seconds) => Span::seconds(seconds.into()),
            Err(_) => {
                let until = instant(text)?.duration_since(instant(self.header(DATE.as_str())?)?);
                Span::seconds(until.as_secs().clamp(0, u32::MAX.into()))
            }
        };
        Some(wait.min(LONGEST_WAIT))
    }
}

fn instant(text: &str) -> Option<jiff::Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

fn builder() -> ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("referd/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(CONNECT)
}

async fn read(mut response: Response, limit: usize) -> (Vec<u8>, Result<(), Failure>) {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => {
                return (body, Err(Failure::Unsure(format!("the answer is larger than {limit} bytes"))));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return (body, Ok(())),
            Err(error) => return (body, Err(Failure::Unsure(reason(error)))),
        }
    }
}

fn failure(error: reqwest::Error) -> Failure {
    if let Some(refused) = causes(&error).find_map(|cause| cause.downcast_ref::<NotPublic>()) {
        return Failure::later(refused.to_string(), Some(MENDED));
    }
    if error.is_connect() || error.is_builder() {
        Failure::NotSent(reason(error))
    } else {
        Failure::Unsure(reason(error))
    }
}

/// The error and its innermost cause. The URL stays out: its path names users.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let outer = error.to_string();
    match causes(&error).last().map(ToString::to_string) {
        Some(inner) if inner != outer => format!("{outer}: {inner}"),
        _ => outer,
    }
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| (*cause).source())
}

#[cfg(test)]
mod tests {
    use super::super::stand_in::{Reply, StandIn, answer, refused_url};
    use super::*;

    async fn get(url: &str, limits: Limits) -> Result<Answer, Failure> {
        let client = Client::new().unwrap();
        client.call(client.request(Method::GET, url), limits).await
    }

    fn small(bytes: usize) -> Limits {
        Limits { bytes, ..Limits::USUAL }
    }

    #[tokio::test]
    async fn answers() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n";
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nabc";
        let cut_chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n";
        let cut_refusal = cut.replace("200 OK", "403 Forbidden");
        let rows = [
            (Reply::Raw(answer(200, "", "abcdef")), Ok((200, "abcdef"))),
            (Reply::Raw(chunked.to_owned()), Ok((200, "abcdef"))),
            (Reply::Raw(answer(302, "Location: http://127.0.0.1:9/\r\n", "x")), Ok((302, "x"))),
            (Reply::Raw(answer(500, "", "x")), Ok((500, "x"))),
            (Reply::Raw(cut_refusal), Ok((403, "abc"))),
            (Reply::Raw(answer(403, "", "abcdefg")), Ok((403, ""))),
            (Reply::Raw(answer(200, "", "abcdefg")), Err("unsure")),
            (Reply::Raw(cut.to_owned()), Err("unsure")),
            (Reply::Raw(cut_chunked.to_owned()), Err("unsure")),
            (Reply::Raw("garbage\r\n\r\n".to_owned()), Err("unsure")),
            (Reply::Drop, Err("unsure")),
        ];
        for (reply, expected) in rows {
            let name = format!("{reply:?}");
            let stand_in = StandIn::start(vec![reply]).await;
            let got = match get(&stand_in.url, small(6)).await {
                Ok(answer) => Ok((answer.status, String::from_utf8(answer.body).unwrap())),
                Err(Failure::Unsure(_)) => Err("unsure"),
                Err(other) => panic!("{name}: {other}"),
            };
            assert_eq!(got, expected.map(|(status, body)| (status, body.to_owned())), "{name}");
        }
    }

    #[tokio::test]
    async fn nothing_sent() {
        let (_socket, refused) = refused_url();
        for url in [refused.as_str(), "not a url", "ftp://127.0.0.1/"] {
            assert!(matches!(get(url, Limits::USUAL).await, Err(Failure::NotSent(_))), "{url}");
        }
    }

    #[tokio::test]
    async fn silence_is_unsure() {
        let stand_in = StandIn::start(vec![Reply::Silence]).await;
        let limits = Limits { time: Duration::from_millis(100), ..Limits::USUAL };
        let Err(Failure::Unsure(why)) = get(&format!("{}/users/secret", stand_in.url), limits).await else {
            panic!("an answer out of silence")
        };
        assert!(!why.contains("secret"), "{why}");
    }

    #[tokio::test]
    async fn the_request_names_us_and_nothing_else() {
        let stand_in = StandIn::start(vec![Reply::Raw(answer(200, "", ""))]).await;
        get(&stand_in.url, Limits::USUAL).await.unwrap();
        assert!(stand_in.request(0).contains(concat!("user-agent: referd/", env!("CARGO_PKG_VERSION"), "\r\n")));
    }

    #[test]
    fn waits() {
        let rows = [
            ("30", Some(Span::seconds(30))),
            (" 0 ", Some(Span::ZERO)),
            ("86400", Some(LONGEST_WAIT)),
            ("-1", None),
            ("99999999999999999999", None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", Some(Span::seconds(28 * 60))),
            ("Wed, 21 Oct 2026 06:59:59 GMT", Some(Span::ZERO)),
            ("Wed, 21 Oct 2037 07:28:00 GMT", Some(LONGEST_WAIT)),
            ("soon", None),
            ("", None),
        ];
        for (header, expected) in rows {
            let date = "Wed, 21 Oct 2026 07:00:00 GMT";
            let headers = HeaderMap::from_iter([(RETRY_AFTER, header.parse().unwrap()), (DATE, date.parse().unwrap())]);
            assert_eq!(Answer { status: 429, headers, body: Vec::new() }.retry_after(), expected, "{header}");
        }
        let headers = HeaderMap::from_iter([(RETRY_AFTER, "Wed, 21 Oct 2026 07:28:00 GMT".parse().unwrap())]);
        assert_eq!(Answer { status: 429, headers, body: Vec::new() }.retry_after(), None, "without a date to compare");
    }
}
