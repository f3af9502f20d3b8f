//! The page behind a share link.

use crate::support::caller::Reply;
use crate::support::world::World;

async fn look(world: &World, path: &str) -> Reply {
    world.raw("GET", &format!("{}{path}", world.public), &[], "").await
}

async fn slug(world: &World, user: &str) -> String {
    let url = world.get("/referral/my-code", user).await.is(200).json()["share_url"].clone();
    let path = url.as_str().and_then(|url| url.split_once("/r/")).expect("a share link");
    path.1.to_owned()
}

#[tokio::test]
async fn it_shows_the_code_and_a_button_and_changes_nothing() {
    let world = World::stocked_with(3, |config| {
        config.apps[0].campaigns[0].share_text = "<b>Free & \"easy\"</b> with {code}: {redeem_url}".to_owned();
    })
    .await;
    let (slug, code) = (slug(&world, "ann").await, world.my_code("ann").await);
    let journal = world.journal();
    let page = look(&world, &format!("/r/{slug}")).await.is(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'")));
    assert!(page.text.contains(&format!("<code>{code}</code>")));
    assert!(page.text.contains(&format!("code={code}\"")), "{}", page.text);
    assert!(!page.text.contains("<b>") && !page.text.contains("\"easy\""), "{}", page.text);
    assert!(page.text.contains("Free &amp; ") || page.text.contains("Free &#38; "), "{}", page.text);
    for path in [format!("/r/{slug}?fbclid=x"), format!("/r/{slug}")] {
        look(&world, &path).await.is(200);
    }
    assert_eq!(world.journal(), journal);
    world.done().await;
}

#[tokio::test]
async fn nobodys_link_and_an_empty_pool_say_so() {
    let world = World::stocked(1).await;
    let slug = slug(&world, "ann").await;
    for unknown in ["abcdefgh", "x", "%00", "..%2f", "%ff", "<script>"] {
        let path = format!("/r/{}", unknown.replace('<', "%3C").replace('>', "%3E"));
        let page = look(&world, &path).await;
        assert!([400, 404].contains(&page.status), "{path}: {}", page.status);
        assert!(!page.text.contains("<script>"), "{path}");
    }
    // The only code is used up.
    let code = world.my_code("ann").await;
    world.claim(&code, "friend").await.is(201);
    world.buys("friend").await;
    let journal = world.journal();
    let page = look(&world, &format!("/r/{slug}")).await.is(503);
    assert!(page.text.contains("no code to give") && page.header("retry-after").is_some(), "{}", page.text);
    assert_eq!(world.journal(), journal);
    world.done().await;
}
