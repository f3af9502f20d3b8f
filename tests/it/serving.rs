//! How it is served: health, versions of HTTP, several apps, the end in good order.

use crate::support::caller::{ADMIN_TOKEN, SERVER_KEY};
use crate::support::world::World;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use referd::domain::at::Span;
use tokio::net::TcpStream;

#[tokio::test]
async fn it_is_live_and_ready() {
    let world = World::start().await;
    let ask = |path: &'static str| {
        let url = format!("{}{path}", world.public);
        let caller = world.caller();
        async move { caller.raw("GET", &url, &[], "").await.is(200).text }
    };
    assert_eq!(ask("/livez").await, "ok\n");
    assert_eq!(ask("/readyz").await, "ready\n");
    world.advance(Span::hours(1));
    let journal = world.journal();
    assert_eq!(ask("/readyz").await, "ready\n", "a durable write is tried when the last is old");
    assert_eq!(world.journal(), journal);
    world.done().await;
}

#[tokio::test]
async fn http_2_is_spoken() {
    let world = World::stocked(40).await;
    let address = world.house().public;
    let stream = TcpStream::connect(address).await.expect("it listens");
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut running = tokio::task::JoinSet::new();
    for n in 0..40 {
        let mut sender = sender.clone();
        let request = Request::get(format!("http://{address}/referral/my-code"))
            .header("authorization", format!("Bearer {SERVER_KEY}"))
            .header("x-referd-user", format!("user-{n}"))
            .body(Full::new(Bytes::new()))
            .expect("a request");
        running.spawn(async move {
            let response = sender.send_request(request).await.expect("an answer");
            assert_eq!(response.status(), 200);
            response.into_body().collect().await.expect("a whole answer").to_bytes()
        });
    }
    let mut answers = running.join_all().await;
    answers.sort();
    answers.dedup();
    assert_eq!(answers.len(), 40);
    drop(sender);
    world.done().await;
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let mut world = World::stocked(9).await;
    world.completes("ann", "friend").await;
    let code = world.my_code("ann").await;
    world.claim(&code, "other").await.is(201);
    let lists = ["codes", "claims", "completions", "redemptions", "outbox", "journal", "stats", "pool"];
    let mut before = Vec::new();
    for list in lists {
        before.push(world.admin(list).await);
    }
    world.restart().await;
    for (list, before) in lists.iter().zip(before) {
        assert_eq!(world.admin(list).await, before, "{list}");
    }
    assert_eq!(world.my_code("ann").await, code);
    world.claim(&code, "other").await.is(200);
    world.done().await;
}

#[tokio::test]
async fn apps_do_not_meet() {
    let world = World::with(|config| {
        let mut second = config.apps[0].clone();
        (second.name, second.base_path) = ("bora".to_owned(), "/bora".to_owned());
        second.app_store_connect = None;
        second.campaigns[0].policy.offer_code_id = String::new();
        second.auth.server_key = Some(referd::config::Secret::new("the-second-servers-key-0123456789"));
        config.apps.push(second);
    })
    .await;
    let import = |app: &str, code: &str| {
        let path = format!("/admin/{app}/pool/import?campaign=friends&expires_at=2027-02-01");
        let (caller, body) = (world.caller(), format!("{code}\n"));
        async move { caller.admin_post(&path, body).await.is(200) }
    };
    import("alma", "CODEOFALMA").await;
    import("bora", "CODEOFBORA").await;
    assert_eq!(world.my_code("ann").await, "CODEOFALMA");
    world.get("/bora/referral/my-code", "ann").await.problem(401, "unauthenticated");
    let headers = [("authorization", "Bearer the-second-servers-key-0123456789"), ("x-referd-user", "ann")];
    let url = format!("{}/bora/referral/my-code", world.public);
    let body = world.raw("GET", &url, &headers, "").await.is(200).json();
    assert_eq!(body["code"], "CODEOFBORA");
    assert!(
        body["share_url"].as_str().is_some_and(|url| url.starts_with("https://refer.example.com/bora/r/")),
        "{body}"
    );
    let claim = format!("{}/bora/referral/claim", world.public);
    world.raw("POST", &claim, &headers, "{\"code\":\"CODEOFALMA\"}").await.problem(404, "unknown-code");
    world.admin_get("/admin/stats").await.problem(400, "bad-request");
    assert_eq!(world.admin("alma/codes").await["items"].as_array().map(Vec::len), Some(1));
    let refill = world.admin_post("/admin/bora/pool/refill", "{}").await;
    refill.problem(400, "bad-request");
    let metrics = world.metrics().await;
    assert!(metrics.contains("app=\"alma\"") && metrics.contains("app=\"bora\""));
    assert!(!metrics.contains(ADMIN_TOKEN));
    world.done().await;
}
