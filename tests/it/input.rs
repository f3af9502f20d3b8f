//! Bad input gets a clear problem, and nothing is stored.

use crate::support::caller::{ADMIN_TOKEN, SERVER_KEY};
use crate::support::world::World;

const POSTS: &[&str] = &[
    "/referral/claim",
    "/referral/confirm-redemption?referral_code=ABCDEF",
    "/admin/pool/refill",
    "/admin/codes/issue",
    "/admin/outbox/1-0/retry",
    "/admin/outbox/1-0/discard",
];

fn bodies() -> Vec<String> {
    let deep = 10_000;
    let mut all: Vec<String> = [
        "{",
        "}",
        "[]",
        "null",
        "7",
        "\"\"",
        "{]",
        "{\"code\":}",
        "{\"code\":\"ABCDEF\"",
        "{\"code\":\"ABCDEF\"} x",
        "{'code':'x'}",
        "\u{feff}{}",
        "code=ABCDEF",
        "<xml/>",
        "{\"code\": \"\\ud800\", \"campaign\": \"\\ud800\", \"reason\": \"\\ud800\", \"signed_transaction\": \"\\ud800\"}",
        "{\"code\": 7, \"slug\": 7, \"campaign\": 7, \"reason\": 7, \"signed_transaction\": 7}",
        "{\"code\": [], \"slug\": {}, \"campaign\": [], \"reason\": [], \"device_token\": []}",
        "{\"code\": \"A\", \"code\": \"B\", \"reason\": 1, \"app_transaction\": {}}",
        "{\"campaign\": \"friends\", \"count\": -1, \"assigned_to\": \"x\", \"reason\": {}, \"signed_transaction\": 1}",
        "{\"campaign\": \"friends\", \"count\": 1e99, \"assigned_to\": \"x\", \"reason\": 7, \"signed_transaction\": 1}",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push("[".repeat(deep));
    all.push("{\"code\":".repeat(deep));
    all.push(format!("{}{}", "[".repeat(deep), "]".repeat(deep)));
    all.push(format!("{{\"reason\":{}1{}, \"signed_transaction\":[]}}", "[".repeat(deep), "]".repeat(deep)));
    all
}

fn headers(path: &str) -> Vec<(&'static str, String)> {
    if path.starts_with("/admin") {
        vec![("authorization", format!("Bearer {ADMIN_TOKEN}"))]
    } else {
        vec![("authorization", format!("Bearer {SERVER_KEY}")), ("x-referd-user", "ann".to_owned())]
    }
}

async fn post(world: &World, path: &str, body: impl Into<bytes::Bytes>) -> crate::support::caller::Reply {
    let base = if path.starts_with("/admin") { &world.admin } else { &world.public };
    let headers = headers(path);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    world.raw("POST", &format!("{base}{path}"), &headers, body).await
}

#[tokio::test]
async fn bodies_that_make_no_sense_are_refused_by_every_route() {
    let world = World::stocked(2).await;
    let journal = world.journal();
    for path in POSTS {
        for body in bodies() {
            let reply = post(&world, path, body.clone()).await;
            assert_eq!(reply.status, 400, "{path} {}: {}", &body[..body.len().min(60)], reply.text);
            reply.problem(400, "bad-request");
        }
        for bad in [
            &b"\xff\xfe"[..],
            b"{\"code\":\"\xff\",\"campaign\":\"\xff\",\"reason\":\"\xff\",\"signed_transaction\":\"\xff\"}",
            b"\0",
        ] {
            post(&world, path, bytes::Bytes::copy_from_slice(bad)).await.problem(400, "bad-request");
        }
        let problem = post(&world, path, vec![b' '; 257 * 1024]).await.problem(413, "too-large");
        assert!(problem["detail"].is_string());
    }
    assert_eq!(world.journal(), journal, "nothing was stored");
    world.done().await;
}

#[tokio::test]
async fn values_that_mean_nothing_have_their_own_problems() {
    let world = World::stocked(2).await;
    let journal = world.journal();
    let long = "A".repeat(10_000);
    let rows = [
        ("/referral/claim", "{}".to_owned(), 400, "bad-request"),
        ("/referral/claim", r#"{"code":"ABCDEF","slug":"abcdef"}"#.to_owned(), 400, "bad-request"),
        ("/referral/claim", r#"{"code":""}"#.to_owned(), 404, "unknown-code"),
        ("/referral/claim", r#"{"code":"ABC DEF"}"#.to_owned(), 404, "unknown-code"),
        ("/referral/claim", r#"{"code":"ABCDEF\u0000"}"#.to_owned(), 404, "unknown-code"),
        ("/referral/claim", r#"{"code":"'; DROP TABLE"}"#.to_owned(), 404, "unknown-code"),
        ("/referral/claim", format!(r#"{{"code":"{long}"}}"#), 404, "unknown-code"),
        ("/referral/claim", r#"{"slug":""}"#.to_owned(), 404, "not-found"),
        ("/referral/claim", r#"{"slug":"../../x"}"#.to_owned(), 404, "not-found"),
        ("/referral/claim", format!(r#"{{"slug":"{long}"}}"#), 404, "not-found"),
        ("/referral/confirm-redemption", String::new(), 400, "bad-request"),
        ("/referral/confirm-redemption?referral_code=", String::new(), 404, "unknown-code"),
        ("/referral/confirm-redemption?referral_code=%00%00%00%00%00%00", String::new(), 404, "unknown-code"),
        ("/referral/confirm-redemption?referral_code=%ff", String::new(), 400, "bad-request"),
        ("/referral/confirm-redemption?referral_code=ABCDEF&referral_code=ABCDEF", String::new(), 400, "bad-request"),
        ("/admin/pool/refill", r#"{"campaign":"other"}"#.to_owned(), 404, "not-found"),
        ("/admin/codes/issue", r#"{"count":1,"assigned_to":"null"}"#.to_owned(), 400, "bad-request"),
        ("/admin/codes/issue", r#"{"count":1,"assigned_to":"a\u0000b"}"#.to_owned(), 400, "bad-request"),
        ("/admin/codes/issue", r#"{"count":1,"assigned_to":"x","label":"a\nb"}"#.to_owned(), 400, "bad-request"),
        ("/admin/codes/issue", r#"{"count":1,"assigned_to":"x","campaign":"other"}"#.to_owned(), 404, "not-found"),
        ("/admin/outbox/x/retry", String::new(), 404, "not-found"),
        ("/admin/outbox/999-0/retry", String::new(), 404, "not-found"),
        ("/admin/outbox/99999999999999999999-0/discard", String::new(), 404, "not-found"),
    ];
    for (path, body, status, name) in rows {
        post(&world, path, body).await.problem(status, name);
    }
    for (path, status) in [
        ("/referral/my-code?campaign=%00", 404),
        ("/referral/my-code?campaign=a&campaign=b", 400),
        ("/referral/my-code?campaign=%zz", 400),
        ("/referral/stats?campaign=other", 404),
    ] {
        world.get(path, "ann").await.is(status);
    }
    for (path, status) in [
        ("/admin/codes?limit=0", 400),
        ("/admin/codes?limit=501", 400),
        ("/admin/codes?limit=x", 400),
        ("/admin/codes?cursor=x", 400),
        ("/admin/journal?cursor=00", 400),
        ("/admin/codes?user=null", 400),
        ("/admin/explain/nobody", 404),
        ("/admin/explain/%00", 404),
        ("/admin/other/stats", 404),
    ] {
        let reply = world.admin_get(path).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text);
    }
    world.admin_get("/admin/explain/%ff").await.problem(400, "bad-request");
    assert_eq!(world.journal(), journal, "nothing was stored");
    let nobody = world.get("/referral/stats", "nobody-yet").await.is(200).json();
    assert_eq!(nobody["shared_codes"], 0);
    world.done().await;
}

#[tokio::test]
async fn methods_and_paths_that_are_not_there_are_problems() {
    let world = World::start().await;
    for (method, path, status, name) in [
        ("POST", "/referral/my-code", 405, "method-not-allowed"),
        ("GET", "/referral/claim", 405, "method-not-allowed"),
        ("PUT", "/webhooks/revenuecat", 405, "method-not-allowed"),
        ("DELETE", "/livez", 405, "method-not-allowed"),
        ("GET", "/", 404, "not-found"),
        ("GET", "/referral", 404, "not-found"),
        ("GET", "/referral/my-code/", 404, "not-found"),
        ("GET", "/REFERRAL/MY-CODE", 404, "not-found"),
        ("GET", "/webhooks/apple", 405, "method-not-allowed"),
        ("POST", "/webhooks/apple/", 404, "not-found"),
        ("GET", "/%2e%2e/etc/passwd", 404, "not-found"),
    ] {
        world.raw(method, &format!("{}{path}", world.public), &[], "").await.problem(status, name);
    }
    world.done().await;
}
