//! What is posted to the team's own server: as it was signed, and tried again as it is.

use referd::clock::{Clock, SystemClock};
use referd::domain::at::Span;
use referd::fake::faults::Fault;
use referd::fake::receiver::Receiver;
use referd::outside::Failure;
use referd::outside::post::{Post, Sent};
use referd::wire::standard_webhooks::{SigningKey, sign};
use standardwebhooks::Webhook;
use std::sync::Arc;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const BODY: &[u8] = "{\"type\":\"completion.credited\",\"data\":{\"name\":\"Zoë\"}}\n".as_bytes();

async fn send(receiver: &Receiver) -> Result<Sent, Failure> {
    let keys = [SigningKey::parse(SECRET).unwrap()];
    let headers = sign(&keys, "msg_1", SystemClock.now(), BODY).unwrap().named();
    let url = format!("{}/hooks?team=1", receiver.base_url());
    Post::new(true).unwrap().send(&url, Some("application/json"), &headers, BODY.to_vec()).await
}

#[tokio::test]
async fn the_receivers_own_library_accepts_every_attempt() {
    let receiver = Receiver::start(Arc::new(SystemClock)).await.unwrap();
    let faults = receiver.faults();
    let later = |status: u16, seconds: Option<i64>| {
        Err(Failure::later(format!("127.0.0.1 answered {status}"), seconds.map(Span::seconds)))
    };
    for (fault, expected) in [
        (Fault::Status(500), later(500, None)),
        (Fault::Status(301), later(301, None)),
        (Fault::Status(308), later(308, None)),
        (Fault::TooMany { retry_after: Some(3) }, later(429, Some(3))),
        (Fault::CutBody, Ok(Sent::Taken)),
        (Fault::Status(410), Ok(Sent::Gone)),
    ] {
        faults.next(None, 1, fault.clone());
        assert_eq!(send(&receiver).await, expected, "{fault:?}");
    }
    for fault in [Fault::DropBefore, Fault::AcceptThenDrop] {
        faults.next(None, 1, fault.clone());
        assert!(matches!(send(&receiver).await, Err(Failure::Later { after: None, .. })), "{fault:?}");
    }
    assert_eq!(send(&receiver).await, Ok(Sent::Taken));

    let received = receiver.received();
    assert_eq!(received.len(), 9, "no redirect is followed, and nothing is sent twice by itself");
    let library = Webhook::new(SECRET).unwrap();
    for one in received {
        assert_eq!((one.path.as_str(), &*one.body), ("/hooks?team=1", BODY));
        assert_eq!(one.header("webhook-id"), Some("msg_1"));
        assert_eq!(one.header("content-type"), Some("application/json"));
        library.verify(&one.body, &one.headers).unwrap();
    }
}
