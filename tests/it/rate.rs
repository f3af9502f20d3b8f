//! How often somebody may ask: guessing codes is hopeless, and whoever asks as apps and people do never notices.

use crate::support::caller::{HOOK_AUTHORIZATION, SERVER_KEY, together};
use crate::support::tokens::{AUDIENCE, ISSUER, claims, hs256};
use crate::support::world::{NOW, World};
use axum::Router;
use axum::body::Body;
use http_body_util::BodyExt;
use hyper::Request;
use referd::config::{Algorithm, Config, Jwt, JwtKey, Secret};
use referd::domain::at::Span;
use referd::fake::revenuecat_event::Event;
use referd::http::listen::Peer;
use referd::http::routes;
use serde_json::json;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tower::ServiceExt;

const USERS_SECRET: &str = "a-shared-secret-of-the-tests-01234567";
const WRONG: &str = "NOSUCHCODE00000000";
const USER_CALLS: usize = 120;
const SERVED: usize = 1_200;
const USER_MISSES: usize = 100;
const ADDRESS_CALLS: usize = 600;
const ADDRESS_MISSES: usize = 300;
const CODE_CALLS: usize = 1_000;

/// Users prove themselves by their own tokens.
fn with_tokens(config: &mut Config) {
    let key = JwtKey::Secret(Secret::new(USERS_SECRET));
    let (issuer, audience, user_claim) = (ISSUER.to_owned(), AUDIENCE.to_owned(), "sub".to_owned());
    config.apps[0].auth.jwt = Some(Jwt { algorithm: Algorithm::Hs256, key, issuer, audience, user_claim });
}

fn token(user: &str) -> String {
    let expires = NOW.plus(Span::days(30)).0 / 1000;
    format!("Bearer {}", hs256(USERS_SECRET, &claims(user, expires)))
}

/// A caller at an address of the network, which a socket of this machine cannot have.
struct Remote {
    router: Router,
    peer: SocketAddr,
    /// What the request says about where it comes from.
    forwarded_for: Option<String>,
}

struct Said {
    status: u16,
    retry_after: Option<u32>,
    text: String,
}

impl Remote {
    fn at(world: &World, peer: &str) -> Remote {
        let peer = SocketAddr::new(peer.parse().expect("an address"), 50_000);
        Remote { router: routes::public(&world.house().apps, None), peer, forwarded_for: None }
    }
    fn saying(self, forwarded_for: &str) -> Remote {
        Remote { forwarded_for: Some(forwarded_for.to_owned()), ..self }
    }
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Said {
        let mut request = Request::builder().method(method).uri(path).extension(Peer::Tcp(self.peer));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(said) = &self.forwarded_for {
            request = request.header("x-forwarded-for", said);
        }
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        let answer = self.router.clone().oneshot(request).await.expect("routers answer");
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let status = answer.status().as_u16();
        let text = answer.into_body().collect().await.expect("a whole answer").to_bytes();
        Said { status, retry_after, text: String::from_utf8_lossy(&text).into_owned() }
    }
    async fn claim(&self, user: &str, code: &str) -> Said {
        let body = json!({ "code": code }).to_string();
        self.ask("POST", "/referral/claim", &[("authorization", &token(user))], &body).await
    }
    async fn stats(&self, user: &str) -> Said {
        self.ask("GET", "/referral/stats", &[("authorization", &token(user))], "").await
    }
    async fn with_a_wrong_token(&self) -> Said {
        self.ask("GET", "/referral/stats", &[("authorization", "Bearer wrong")], "").await
    }
    async fn page(&self, slug: &str) -> Said {
        self.ask("GET", &format!("/r/{slug}"), &[], "").await
    }
    /// A call of the team's backend.
    async fn server(&self, method: &str, path: &str, user: &str, body: &str) -> Said {
        let key = format!("Bearer {SERVER_KEY}");
        self.ask(method, path, &[("authorization", &key), ("x-referd-user", user)], body).await
    }
}

/// As many as the metric counts.
async fn limited(world: &World, by: &str) -> usize {
    let line = format!("referd_rate_limited_total{{app=\"alma\",by=\"{by}\"}} ");
    let metrics = world.metrics().await;
    let value = metrics.lines().find_map(|found| found.strip_prefix(&line)).expect("the metric is there");
    value.parse().expect("a number")
}

#[tokio::test]
async fn a_user_who_guesses_is_held_back_whoever_speaks_for_them() {
    let world = World::stocked(5).await;
    let (code, journal) = (world.my_code("ann").await, world.journal());
    for n in 0..USER_MISSES {
        let reply = if n % 2 == 0 { world.claim(WRONG, "eve").await } else { world.confirm("short", "eve").await };
        reply.problem(404, "unknown-code");
    }
    let refused = world.claim(WRONG, "eve").await;
    assert_eq!(refused.header("retry-after"), Some("360"));
    refused.problem(429, "rate-limited");
    // A right guess is not told from a wrong one.
    world.claim(&code, "eve").await.problem(429, "rate-limited");
    world.confirm(&code, "eve").await.problem(429, "rate-limited");
    world.claim_slug("nosuchslug", "eve").await.problem(429, "rate-limited");
    assert_eq!(world.journal(), journal);
    assert_eq!((limited(&world, "user").await, limited(&world, "code").await), (4, 0));
    world.get("/referral/stats", "eve").await.is(200);

    world.advance(Span::millis(359_999));
    let refused = world.claim(WRONG, "eve").await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    refused.problem(429, "rate-limited");
    world.advance(Span::millis(1));
    world.claim_slug("nosuchslug", "eve").await.problem(404, "not-found");
    world.claim(WRONG, "eve").await.problem(429, "rate-limited");
    world.advance(Span::minutes(6));
    // What is no miss costs none, repeated or not.
    world.claim(&code, "eve").await.is(201);
    world.claim(&code, "eve").await.is(200);
    world.confirm(&code, "eve").await.is(202);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_once_are_no_more_than_one_after_another() {
    let world = World::stocked(5).await;
    let caller = world.caller();
    let statuses = together((0..USER_MISSES + 50).map(|n| {
        let caller = caller.clone();
        async move { caller.claim(&format!("NOSUCHCODE{n:08}"), "eve").await.status }
    }))
    .await;
    let count = |status| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(404), count(429)), (USER_MISSES, 50));
    world.done().await;
}

#[tokio::test]
async fn accounts_in_any_number_do_not_help_at_one_address() {
    let world = World::stocked_with(5, with_tokens).await;
    let code = world.my_code("ann").await;
    // One subscriber has all addresses of a /64.
    let eve = |n: usize| Remote::at(&world, &format!("2001:db8:1:2::{n:x}"));
    for n in 0..ADDRESS_MISSES {
        assert_eq!(eve(n).claim(&format!("eve-{n}"), WRONG).await.status, 404);
    }
    let refused = eve(99).claim("eve-99", &code).await;
    assert_eq!((refused.status, refused.retry_after), (429, Some(60)), "{}", refused.text);
    assert!(refused.text.contains("urn:referd:problem:rate-limited"), "{}", refused.text);
    assert_eq!(limited(&world, "address").await, 1);
    // Their own calls go on, so does everybody else's, and so does the team's server at that address.
    assert_eq!(eve(99).stats("eve-99").await.status, 200);
    assert_eq!(Remote::at(&world, "2001:db8:1:3::1").claim("bob", WRONG).await.status, 404);
    let claim = json!({ "code": code }).to_string();
    let answer = eve(99).server("POST", "/referral/claim", "cleo", &claim).await;
    assert_eq!(answer.status, 201, "{}", answer.text);

    // The refusal by address took nothing from the user.
    world.advance(Span::minutes(1));
    assert_eq!(eve(99).claim("eve-99", WRONG).await.status, 404);
    assert_eq!(eve(99).claim("eve-99", WRONG).await.status, 429);
    world.done().await;
}

#[tokio::test]
async fn calls_are_counted_by_user_and_by_address() {
    let world = World::stocked_with(5, with_tokens).await;
    let office = Remote::at(&world, "198.51.100.7");
    for n in 0..ADDRESS_CALLS {
        assert_eq!(office.stats(&format!("user-{}", n % 60)).await.status, 200, "call {n}");
    }
    let refused = office.stats("user-0").await;
    assert_eq!((refused.status, refused.retry_after), (429, Some(1)));
    // Also before anybody is proved.
    assert_eq!(office.with_a_wrong_token().await.status, 429);
    assert_eq!(office.page("nobody").await.status, 429);
    assert_eq!(Remote::at(&world, "198.51.100.8").stats("user-0").await.status, 200);
    world.advance(Span::seconds(1));
    for n in 0..10 {
        assert_eq!(office.with_a_wrong_token().await.status, 401, "call {n}");
    }
    assert_eq!(office.stats("user-0").await.status, 429);
    assert_eq!((limited(&world, "user").await, limited(&world, "address").await), (0, 4));

    let phone = Remote::at(&world, "198.51.100.77");
    for n in 0..USER_CALLS {
        assert_eq!(phone.stats("kim").await.status, 200, "call {n}");
    }
    assert_eq!(phone.stats("kim").await.status, 429);
    for n in 0..SERVED {
        let user =
            if n % 2 == 0 { "0A1B2C3D-0000-4000-8000-00000000000F" } else { "0a1b2c3d-0000-4000-8000-00000000000f" };
        world.get("/referral/stats", user).await.is(200);
    }
    let refused = world.get("/referral/my-code", "0A1B2C3D-0000-4000-8000-00000000000F").await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    refused.problem(429, "rate-limited");
    world.get("/referral/stats", "ann").await.is(200);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stampede_on_one_code_is_held_back() {
    let world = World::stocked(5).await;
    let (code, other, caller) = (world.my_code("ann").await, world.my_code("bob").await, world.caller());
    let statuses = together((0..CODE_CALLS + 10).map(|n| {
        let (caller, code) = (caller.clone(), if n % 2 == 0 { code.clone() } else { code.to_lowercase() });
        async move { caller.claim(&code, &format!("friend-{n}")).await.status }
    }))
    .await;
    let count = |status| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(201), count(409), count(429)), (1, CODE_CALLS - 1, 10));
    assert_eq!(limited(&world, "code").await, 10);
    world.claim(&other, "dan").await.is(201);
    world.advance(Span::millis(250));
    world.claim(&code, "dan").await.problem(409, "already-claimed");
    world.done().await;
}

#[tokio::test]
async fn the_teams_server_and_webhooks_have_no_address() {
    let world = World::stocked_with(5, with_tokens).await;
    let backend = Remote::at(&world, "198.51.100.7");
    let claim = json!({ "code": WRONG }).to_string();
    for n in 0..ADDRESS_CALLS + 50 {
        let user = format!("user-{}", n % 100);
        let (method, path, status) =
            if n % 10 == 0 { ("POST", "/referral/claim", 404) } else { ("GET", "/referral/stats", 200) };
        let answer = backend.server(method, path, &user, &claim).await;
        assert_eq!(answer.status, status, "call {n}: {}", answer.text);
    }
    for n in 0..ADDRESS_CALLS + 50 {
        let wrong = [("authorization", "wrong")];
        assert_eq!(backend.ask("POST", "/webhooks/apple", &[], "{}").await.status, 401, "delivery {n}");
        assert_eq!(backend.ask("POST", "/webhooks/revenuecat", &wrong, "{}").await.status, 401, "delivery {n}");
    }
    let event = Event::initial_purchase("friend", world.now()).body();
    let event = str::from_utf8(&event).expect("events are text");
    let right = [("authorization", HOOK_AUTHORIZATION)];
    assert_eq!(backend.ask("POST", "/webhooks/revenuecat", &right, event).await.status, 200);
    assert_eq!(backend.ask("GET", "/livez", &[], "").await.status, 200);
    assert_eq!(limited(&world, "address").await, 0);
    // For one user it is limited too.
    for n in 0..SERVED {
        assert_eq!(backend.server("GET", "/referral/stats", "eve", "").await.status, 200, "call {n}");
    }
    assert_eq!(backend.server("GET", "/referral/stats", "eve", "").await.status, 429);
    world.done().await;
}

#[tokio::test]
async fn only_a_trusted_proxy_says_who_calls() {
    let proxy: IpAddr = "10.0.0.1".parse().expect("an address");
    for is_trusted in [true, false] {
        let world = World::stocked_with(5, |config| {
            with_tokens(config);
            config.server.trusted_proxies = if is_trusted { vec![proxy.into()] } else { Vec::new() };
        })
        .await;
        // The client writes what it likes; a proxy adds where that came from.
        let said = |n: usize| if is_trusted { format!("203.0.113.{n}, 192.0.2.9") } else { format!("203.0.113.{n}") };
        let eve = |n: usize| Remote::at(&world, &proxy.to_string()).saying(&said(n));
        for n in 0..ADDRESS_MISSES {
            assert_eq!(eve(n).claim(&format!("eve-{n}"), WRONG).await.status, 404);
        }
        assert_eq!(eve(99).claim("eve-99", WRONG).await.status, 429, "trusted: {is_trusted}");
        let neighbour = Remote::at(&world, &proxy.to_string()).saying("192.0.2.10");
        let expected = if is_trusted { 404 } else { 429 };
        assert_eq!(neighbour.claim("bob", WRONG).await.status, expected, "trusted: {is_trusted}");
        world.done().await;
    }
}

#[tokio::test]
async fn over_sockets_a_proxys_header_is_read_too() {
    let world = World::stocked_with(5, |config| {
        config.server.trusted_proxies = vec![IpAddr::from(Ipv4Addr::LOCALHOST).into()];
    })
    .await;
    let url = format!("{}/r/nobody", world.public);
    for (n, status) in (0..61).map(|n| (n, if n < 60 { 404 } else { 429 })) {
        let headers = [("x-forwarded-for", "203.0.113.1"), ("x-forwarded-for", "203.0.113.5")];
        let reply = world.raw("GET", &url, &headers, "").await;
        assert_eq!(reply.status, status, "call {n}");
        assert_eq!(reply.header("retry-after"), (status == 429).then_some("1"));
    }
    world.raw("GET", &url, &[("x-forwarded-for", "203.0.113.1")], "").await.is(404);
    // Without a word of the proxy nobody can be told from anybody.
    for _ in 0..100 {
        world.raw("GET", &url, &[], "").await.is(404);
    }
    world.done().await;
}

#[tokio::test]
async fn looking_for_share_links_is_slow_and_opening_them_is_not() {
    let world = World::stocked(5).await;
    let url = world.get("/referral/my-code", "ann").await.is(200).json()["share_url"].clone();
    let slug = url.as_str().and_then(|url| url.split_once("/r/")).expect("a share link").1.to_owned();
    let eve = Remote::at(&world, "198.51.100.7");
    for _ in 0..ADDRESS_CALLS / 10 {
        assert_eq!(eve.page("abcdefghjk").await.status, 404);
    }
    let refused = eve.page(&slug).await;
    assert_eq!((refused.status, refused.retry_after), (429, Some(1)));
    assert!(refused.text.contains("<h1>") && !refused.text.contains("<code>"), "{}", refused.text);
    world.advance(Span::seconds(1));
    assert_eq!(eve.page("abcdefghjk").await.status, 404);
    assert_eq!(eve.page("abcdefghjk").await.status, 429);

    let office = Remote::at(&world, "198.51.100.8");
    for n in 0..ADDRESS_CALLS - 10 {
        assert_eq!(office.page(&slug).await.status, 200, "visit {n}");
    }
    assert_eq!(limited(&world, "address").await, 2);
    world.done().await;
}

#[tokio::test]
async fn a_thousand_addresses_change_nothing_for_a_guesser() {
    let world = World::stocked_with(5, with_tokens).await;
    let eve = Remote::at(&world, "198.51.100.7");
    for n in 0..ADDRESS_MISSES {
        assert_eq!(eve.claim(&format!("eve-{n}"), WRONG).await.status, 404);
    }
    let mut statuses = BTreeSet::new();
    for n in 0..1000 {
        let other = Remote::at(&world, &format!("203.0.{}.{}", n / 250, n % 250));
        statuses.insert(other.page("nobody").await.status);
        statuses.insert(other.claim(&format!("other-{n}"), &format!("NOSUCHCODE{n:08}")).await.status);
    }
    assert_eq!(statuses, BTreeSet::from([404]));
    assert_eq!(eve.claim("eve-99", WRONG).await.status, 429);
    world.done().await;
}
