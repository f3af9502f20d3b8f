//! A certificate authority that speaks ACME (RFC 8555): names are proven by TLS-ALPN-01 (RFC 8737), on the port that is
//! served anyway.

use super::Failure;
use super::client::{Client, Limits};
use crate::wire::certificate::Pair;
use bytes::Bytes;
use http::{Request, Response};
use instant_acme::{
    AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType, Error, HttpClient, Identifier, Key, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use reqwest::Body;
use reqwest::header::{CONTENT_TYPE, USER_AGENT};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

/// The authority takes its time to look at a name, and to sign.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(90));

pub struct Acme {
    client: Client,
    directory_url: String,
    contact: Option<String>,
}

/// An account, by whose key every order is signed.
pub struct Account {
    inner: instant_acme::Account,
    /// PEM.
    pub key: String,
}

impl Acme {
    /// `authority` (PEM) is trusted instead of the machine's certificates, for a directory of one's own.
    pub fn new(directory_url: String, contact: Option<String>, authority: Option<&[u8]>) -> Result<Acme, Failure> {
        let client = match authority {
            Some(pem) => Client::trusting(pem)?,
            None => Client::new()?,
        };
        Ok(Acme { client, directory_url, contact })
    }

    /// The account of a key that was kept, made anew where the authority does not know it; or one with a fresh key.
    pub async fn account(&self, kept: Option<&str>) -> Result<Account, Failure> {
        let builder = instant_acme::Account::builder_with_http(Box::new(Wire(self.client.clone())));
        let contact: Vec<&str> = self.contact.iter().map(String::as_str).collect();
        let Some(kept) = kept else {
            let wish = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
            let made = builder.create(&wish, self.directory_url.clone(), None).await;
            let (inner, credentials) = made.map_err(failure)?;
            let key = KeyPair::try_from(credentials.private_key()).map_err(own)?;
            return Ok(Account { inner, key: key.serialize_pem() });
        };
        let key = KeyPair::from_pem(kept).map_err(own)?.serialize_der();
        let pair = Key::from_pkcs8_der(key.as_slice().into()).map_err(failure)?;
        let private = key.try_into().map_err(|why| Failure::Never(format!("the key of the account: {why}")))?;
        let found = builder.create_from_key((pair, private), self.directory_url.clone()).await;
        let (inner, _) = found.map_err(failure)?;
        inner.update_contacts(&contact).await.map_err(failure)?;
        Ok(Account { inner, key: kept.to_owned() })
    }
}

impl Account {
    /// A certificate for these names. `prove` is given what the authority must find at each name before it is told to
    /// look.
    pub async fn certificate(
        &self,
        names: &[String],
        prove: impl FnOnce(BTreeMap<String, Pair>) -> Result<(), String> + Send,
    ) -> Result<Pair, Failure> {
        let names: Vec<Identifier> = names.iter().cloned().map(Identifier::Dns).collect();
        let mut order = self.inner.new_order(&NewOrder::new(&names)).await.map_err(failure)?;
        prove(proofs(&mut order).await?).map_err(Failure::Never)?;
        begin(&mut order).await.map_err(failure)?;
        match order.poll_ready(&PATIENCE).await {
            Ok(OrderStatus::Ready) => {}
            Ok(_) => return Err(refusal(&mut order, None).await),
            Err(error) => return Err(refusal(&mut order, Some(error)).await),
        }
        let key = order.finalize().await.map_err(failure)?;
        let chain = order.poll_certificate(&PATIENCE).await.map_err(failure)?;
        Ok(Pair { chain: chain.into(), key: key.into() })
    }
}

/// What the authority must find at each name that it still asks about.
async fn proofs(order: &mut Order) -> Result<BTreeMap<String, Pair>, Failure> {
    let mut proofs = BTreeMap::new();
    let mut names = order.authorizations();
    while let Some(name) = names.next().await {
        let mut name = name.map_err(failure)?;
        if name.status == AuthorizationStatus::Valid {
            continue;
        }
        let challenge = name.challenge(ChallengeType::TlsAlpn01);
        let challenge = challenge.ok_or_else(|| Failure::Never("the authority offers no TLS-ALPN-01".to_owned()))?;
        let name = challenge.identifier().to_string();
        let proof = proof(&name, challenge.key_authorization().digest().as_ref()).map_err(own)?;
        proofs.insert(name, proof);
    }
    Ok(proofs)
}

fn proof(name: &str, digest: &[u8]) -> Result<Pair, rcgen::Error> {
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions.push(CustomExtension::new_acme_identifier(digest));
    let key = KeyPair::generate()?;
    let chain = params.self_signed(&key)?.pem();
    Ok(Pair { chain: chain.into(), key: key.serialize_pem().into() })
}

/// Tells the authority to look.
async fn begin(order: &mut Order) -> Result<(), Error> {
    let mut names = order.authorizations();
    while let Some(name) = names.next().await {
        let mut name = name?;
        if name.status == AuthorizationStatus::Valid {
            continue;
        }
        if let Some(mut challenge) = name.challenge(ChallengeType::TlsAlpn01) {
            challenge.set_ready().await?;
        }
    }
    Ok(())
}

/// What the authority says of each name that it did not take; of the order it says next to nothing.
async fn refusal(order: &mut Order, error: Option<Error>) -> Failure {
    let mut said = Vec::new();
    let mut names = order.authorizations();
    while let Some(Ok(mut name)) = names.next().await {
        if name.refresh().await.is_err() {
            break;
        }
        let of = name.identifier().to_string();
        let errors = name.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
        said.extend(errors.map(|problem| format!("{of}: {problem}")));
    }
    match (said.is_empty(), error) {
        (false, _) => Failure::later(said.join("; "), None),
        (true, Some(error)) => failure(error),
        (true, None) => Failure::later("the authority called the order invalid", None),
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Other(inner) => match inner.downcast::<Failure>() {
            Ok(failure) => *failure,
            Err(other) => Failure::later(other.to_string(), None),
        },
        other => Failure::later(other.to_string(), None),
    }
}

/// Keys and requests are made here: what fails there is no answer.
fn own(error: rcgen::Error) -> Failure {
    Failure::Never(format!("a key or a request cannot be made or read: {error}"))
}

/// The calls of the library go through our own client.
struct Wire(Client);

type Answer = Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>>;

impl HttpClient for Wire {
    fn request(&self, request: Request<BodyWrapper<Bytes>>) -> Answer {
        let (mut head, body) = request.into_parts();
        head.headers.remove(USER_AGENT);
        let client = self.0.clone();
        let request = client.request(head.method, &head.uri.to_string()).headers(head.headers).body(Body::wrap(body));
        Box::pin(async move { call(&client, request).await.map_err(|failure| Error::Other(failure.into())) })
    }
}

async fn call(client: &Client, request: reqwest::RequestBuilder) -> Result<BytesResponse, Failure> {
    let answer = client.call(request, Limits::USUAL).await?;
    let is_problem = answer.header(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.starts_with("application/problem"));
    if !answer.is_success() && !is_problem {
        return Err(Failure::later(format!("the authority answered {}", answer.status), answer.retry_after()));
    }
    let mut response = Response::new(());
    *response.status_mut() = answer.status.try_into().map_err(|_| Failure::Never("a status of none".to_owned()))?;
    *response.headers_mut() = answer.headers;
    Ok(BytesResponse { parts: response.into_parts().0, body: Box::new(Bytes::from(answer.body)) })
}

#[cfg(test)]
mod tests {
    use super::super::stand_in::{Reply, StandIn, answer, refused_url};
    use super::*;

    async fn account(directory_url: String, key: Option<&str>) -> Failure {
        let acme = Acme::new(directory_url, Some("mailto:ops@example.com".to_owned()), None).unwrap();
        acme.account(key).await.err().expect("nobody speaks ACME there")
    }

    #[tokio::test]
    async fn what_is_no_authority_is_said() {
        let html = "Content-Type: text/html\r\n";
        let busy = "Content-Type: application/problem+json\r\n";
        let directory = r#"{"newNonce":"{base}/n","newAccount":"{base}/a","newOrder":"{base}/o"}"#;
        let nonce = "Replay-Nonce: abc\r\n";
        let problem = r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many accounts","status":429}"#;
        let rows: Vec<(Vec<String>, &str)> = vec![
            (vec![answer(404, html, "<html>")], "to be tried later: the authority answered 404"),
            (vec![answer(302, "Location: {base}/x\r\n", "")], "to be tried later: the authority answered 302"),
            (vec![answer(200, html, "<html>")], "to be tried later: failed to (de)serialize JSON"),
            (vec![answer(200, "", directory), answer(503, "", "")], "to be tried later: the authority answered 503"),
            (
                vec![answer(200, "", directory), answer(200, nonce, ""), answer(429, busy, problem)],
                "to be tried later: API error: too many accounts (urn:ietf:params:acme:error:rateLimited)",
            ),
        ];
        for (replies, expected) in rows {
            let stand_in = StandIn::start(replies.into_iter().map(Reply::Raw).collect()).await;
            let said = account(format!("{}/directory", stand_in.url), None).await.to_string();
            assert!(said.starts_with(expected), "{said}");
            assert!(stand_in.request(0).contains("user-agent: referd/"), "{}", stand_in.request(0));
        }
        let (_socket, refused) = refused_url();
        assert!(matches!(account(refused.clone(), None).await, Failure::NotSent(_)));
        assert!(matches!(account(refused, Some("no key")).await, Failure::Never(_)));
    }

    #[test]
    fn a_proof_is_for_its_name_and_marked() {
        let pair = proof("a.example", &[7; 32]).unwrap();
        let (kind, der) = x509_cert::der::pem::decode_vec(&pair.chain).unwrap();
        assert_eq!(
            (kind, crate::wire::certificate::read(&der).unwrap().names),
            ("CERTIFICATE", vec!["a.example".into()])
        );
        // id-pe-acmeIdentifier, critical, and the digest as an OCTET STRING in an OCTET STRING (RFC 8737, section 3).
        let mark = [&[6, 8, 0x2b, 6, 1, 5, 5, 7, 1, 31, 1, 1, 0xff, 4, 34, 4, 32][..], &[7; 32]].concat();
        assert!(der.windows(mark.len()).any(|part| part == mark));
    }
}
