//! Who may do what: every route, with every way of not being allowed.

use crate::support::caller::{ADMIN_TOKEN, HOOK_AUTHORIZATION, SERVER_KEY};
use crate::support::tokens::{AUDIENCE, ISSUER, claims, es256, hs256, jwk, public_pem};
use crate::support::world::{NOW, World};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use hyper::Request;
use referd::config::{Algorithm, Config, Jwt, JwtKey, Secret};
use referd::fake::client::call;
use referd::fake::stand::Stand;
use referd::http::route::{About, Who};
use referd::http::routes::described;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

use Who::{Admin, Anyone, Apple, RevenueCat, Tremendous, User};

/// The addresses of a route, with an example in the place of each parameter.
fn urls(world: &World, route: &About) -> Vec<String> {
    let path = route
        .path
        .replace("{slug}", "abc")
        .replace("{id}", "1-0")
        .replace("{subject}", "ann")
        .replace("{what}", "codes")
        .replace("{coupon}", "0")
        .replace("{token}", "0");
    match route.who {
        Admin if path.contains("/{app}") => {
            ["", "/alma"].map(|app| format!("{}{}", world.admin, path.replace("/{app}", app))).into()
        }
        Admin => vec![format!("{}{path}", world.admin)],
        _ => vec![format!("{}{path}", world.public)],
    }
}

/// Headers that prove nothing.
fn wrong(secret: &str) -> Vec<Vec<(&'static str, String)>> {
    let bearer = |text: &str| ("authorization", format!("Bearer {text}"));
    let basic = ("authorization", "Basic YWxpY2U6c2VjcmV0".to_owned());
    let one = [
        bearer("wrong"),
        bearer(&secret[..secret.len() - 1]),
        bearer(&format!("{secret}x")),
        bearer(&secret.to_uppercase()),
        bearer(""),
        ("authorization", String::new()),
        ("authorization", "Bearer".to_owned()),
        ("x-authorization", format!("Bearer {secret}")),
        ("cookie", format!("authorization={secret}")),
        basic.clone(),
    ];
    let mut all: Vec<Vec<_>> = one.into_iter().map(|header| vec![header]).collect();
    all.extend([vec![], vec![bearer(secret), bearer(secret)], vec![bearer(secret), basic]]);
    all
}

#[tokio::test]
async fn wrong_or_missing_authorization_is_refused_on_every_route() {
    let world = World::stocked(3).await;
    world.my_code("ann").await;
    let journal = world.journal();
    for route in described() {
        let About { method, who, .. } = route;
        let mut attempts = match who {
            Anyone | Apple | Tremendous => continue,
            User => wrong(SERVER_KEY),
            RevenueCat => wrong(HOOK_AUTHORIZATION),
            Admin => wrong(ADMIN_TOKEN),
        };
        let others = [SERVER_KEY, ADMIN_TOKEN, HOOK_AUTHORIZATION];
        let own = match who {
            User => SERVER_KEY,
            Admin => ADMIN_TOKEN,
            _ => HOOK_AUTHORIZATION,
        };
        let bearers = others.iter().filter(|other| **other != own || who == RevenueCat);
        attempts.extend(bearers.map(|other| vec![("authorization", format!("Bearer {other}"))]));
        for attempt in attempts {
            let mut headers: Vec<(&str, &str)> = attempt.iter().map(|(name, value)| (*name, value.as_str())).collect();
            headers.push(("x-referd-user", "ann"));
            for url in urls(&world, &route) {
                let reply = world.raw(method, &url, &headers, "{\"code\":\"ABCDEF\"}").await;
                assert_eq!(reply.status, 401, "{method} {url} {attempt:?}");
                assert!(reply.header("www-authenticate").is_some());
                reply.problem(401, "unauthenticated");
            }
        }
    }
    assert_eq!(world.journal(), journal, "nothing was stored");
    world.done().await;
}

#[tokio::test]
async fn the_servers_key_must_name_one_valid_user() {
    let world = World::stocked(3).await;
    let bearer = format!("Bearer {SERVER_KEY}");
    let (long, most) = ("x".repeat(101), "é".repeat(100));
    let journal = world.journal();
    for About { method, path, .. } in described().into_iter().filter(|route| route.who == User) {
        let url = format!("{}{path}", world.public);
        let without = [("authorization", bearer.as_str())];
        world.raw(method, &url, &without, "{}").await.problem(401, "unauthenticated");
        let twice = [("authorization", bearer.as_str()), ("x-referd-user", "ann"), ("x-referd-user", "bob")];
        world.raw(method, &url, &twice, "{}").await.problem(401, "unauthenticated");
        for bad in ["", " ", &long, "a/b", "a\tb", "null", "NULL", "guest", "0", "[object Object]", "(null)", "-1"] {
            let headers = [("authorization", bearer.as_str()), ("x-referd-user", bad)];
            world.raw(method, &url, &headers, "{}").await.problem(400, "bad-request");
        }
        let odd = Request::builder().method(method).uri(&url).header("authorization", &bearer);
        let odd = odd.header("x-referd-user", &b"a\xffb"[..]).body("{}".into()).expect("a request");
        assert_eq!(call(odd).await.expect("an answer").status, 400);
    }
    assert_eq!(world.journal(), journal, "nothing was stored");
    for good in ["ann", &most, "$RCAnonymousID:0a1b", "a b", "用户"] {
        world.get("/referral/my-code", good).await;
    }
    assert_eq!(world.all("codes").await.len(), 3);
    world.done().await;
}

#[tokio::test]
async fn the_private_side_stays_private() {
    let world = World::start().await;
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let token = [("authorization", bearer.as_str())];
    for route in described() {
        let About { method, who, .. } = route;
        if who != Admin {
            for url in urls(&world, &route) {
                let there = url.replace(&world.public, &world.admin);
                world.raw(method, &there, &token, "{}").await.problem(404, "not-found");
                world.raw(method, &there, &[], "{}").await.problem(401, "unauthenticated");
            }
            continue;
        }
        for url in urls(&world, &route) {
            let here = url.replace(&world.admin, &world.public);
            world.raw(method, &here, &token, "{}").await.problem(404, "not-found");
        }
    }
    for path in ["/admin", "/admin/", "/admin/nothing", "/admin/alma/nothing", "/", "/nothing", "/admin/other/stats"] {
        let url = format!("{}{path}", world.admin);
        world.raw("GET", &url, &[], "").await.problem(401, "unauthenticated");
        world.raw("GET", &url, &token, "").await.problem(404, "not-found");
    }
    world.done().await;
}

fn with_jwt(algorithm: Algorithm, key: JwtKey, user_claim: &str) -> impl FnOnce(&mut Config) {
    let (issuer, audience) = (ISSUER.to_owned(), AUDIENCE.to_owned());
    let jwt = Jwt { algorithm, key, issuer, audience, user_claim: user_claim.to_owned() };
    move |config| config.apps[0].auth.jwt = Some(jwt)
}

async fn with_token(world: &World, token: &str) -> crate::support::caller::Reply {
    let headers = [("authorization", &*format!("Bearer {token}")), ("x-referd-user", "somebody-else")];
    world.raw("GET", &format!("{}/referral/stats", world.public), &headers, "").await
}

const SOON: i64 = NOW.0 / 1000 + 600;

fn changed(field: &str, value: Value) -> Value {
    let mut all = claims("ann", SOON);
    match value {
        Value::Null => _ = all.as_object_mut().and_then(|all| all.remove(field)),
        value => all[field] = value,
    }
    all
}

#[tokio::test]
async fn a_users_own_token_is_enough_when_all_of_it_holds() {
    let world = World::with(with_jwt(Algorithm::Es256, JwtKey::Public(public_pem(3)), "sub")).await;
    with_token(&world, &es256(3, None, &claims("ann", SOON))).await.is(200);
    with_token(&world, &es256(3, Some("any"), &changed("aud", json!(["x", AUDIENCE])))).await.is(200);
    let journal = world.journal();
    let now = NOW.0 / 1000;
    let bad = [
        es256(4, None, &claims("ann", SOON)),
        es256(3, None, &claims("ann", now - 3600)),
        es256(3, None, &changed("iss", json!("https://other.example.com"))),
        es256(3, None, &changed("aud", json!("other"))),
        es256(3, None, &changed("exp", Value::Null)),
        es256(3, None, &changed("iss", Value::Null)),
        es256(3, None, &changed("aud", Value::Null)),
        es256(3, None, &changed("sub", Value::Null)),
        es256(3, None, &changed("nbf", json!(now + 3600))),
        hs256(&public_pem(3), &claims("ann", SOON)),
        "eyJhbGciOiJub25lIn0.e30.".to_owned(),
        "a.b.c".to_owned(),
        "..".to_owned(),
    ];
    for token in bad {
        with_token(&world, &token).await.problem(401, "unauthenticated");
    }
    for user in ["null", "a/b", ""] {
        let reply = with_token(&world, &es256(3, None, &claims(user, SOON))).await;
        assert!([400, 401].contains(&reply.status), "{user}: {}", reply.status);
    }
    assert_eq!(world.journal(), journal);
    world.get("/referral/stats", "ann").await.is(200);
    world.done().await;
}

#[tokio::test]
async fn a_shared_secret_and_another_claim_work_too() {
    let secret = "a-shared-secret-of-the-tests-01234567";
    let world = World::with(with_jwt(Algorithm::Hs256, JwtKey::Secret(Secret::new(secret)), "uid")).await;
    with_token(&world, &hs256(secret, &changed("uid", json!("ann")))).await.is(200);
    with_token(&world, &hs256("another", &changed("uid", json!("ann")))).await.problem(401, "unauthenticated");
    with_token(&world, &hs256(secret, &claims("ann", SOON))).await.problem(401, "unauthenticated");
    world.done().await;
}

#[tokio::test]
async fn keys_from_an_address_are_read_again_when_they_rotate() {
    let keys: Arc<Mutex<Option<Value>>> = Arc::default();
    let shown = keys.clone();
    let answer = get(move || {
        let shown = shown.lock().expect("no panic holds this lock").clone();
        async move { shown.map(|keys| keys.to_string()).ok_or(StatusCode::SERVICE_UNAVAILABLE) }
    });
    let stand = Stand::bind().await.expect("a port is free").serve(Router::new().route("/jwks", answer));
    let url = format!("{}/jwks", stand.base_url());
    let set = |all: &[(u8, &str)]| {
        let all: Vec<Value> = all.iter().map(|(seed, kid)| jwk(*seed, kid)).collect();
        *keys.lock().expect("no panic holds this lock") = Some(json!({"keys": all}));
    };
    set(&[(3, "first")]);
    let world = World::with(with_jwt(Algorithm::Es256, JwtKey::JwksUrl(url), "sub")).await;
    with_token(&world, &es256(3, Some("first"), &claims("ann", SOON))).await.is(200);
    set(&[(3, "first"), (5, "second")]);
    with_token(&world, &es256(5, Some("second"), &claims("ann", SOON))).await.is(200);
    with_token(&world, &es256(3, Some("first"), &claims("ann", SOON))).await.is(200);
    with_token(&world, &es256(5, Some("first"), &claims("ann", SOON))).await.problem(401, "unauthenticated");
    with_token(&world, &es256(6, Some("third"), &claims("ann", SOON))).await.problem(401, "unauthenticated");
    set(&[(5, "second")]);
    with_token(&world, &es256(6, Some("third"), &claims("ann", SOON))).await.problem(401, "unauthenticated");
    with_token(&world, &es256(3, Some("first"), &claims("ann", SOON))).await.problem(401, "unauthenticated");
    world.raw("GET", &format!("{}/readyz", world.public), &[], "").await.is(200);
    world.done().await;
}

#[tokio::test]
async fn without_its_keys_the_appliance_is_not_ready() {
    let stand = Stand::bind().await.expect("a port is free").serve(Router::new());
    let url = format!("{}/jwks", stand.base_url());
    let world = World::with(with_jwt(Algorithm::Es256, JwtKey::JwksUrl(url), "sub")).await;
    world.raw("GET", &format!("{}/readyz", world.public), &[], "").await.problem(503, "unavailable");
    with_token(&world, &es256(3, Some("first"), &claims("ann", SOON))).await.problem(503, "unavailable");
    world.raw("GET", &format!("{}/livez", world.public), &[], "").await.is(200);
    world.get("/referral/stats", "ann").await.is(200);
    world.done().await;
}
