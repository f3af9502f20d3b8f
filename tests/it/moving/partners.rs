//! Affiliates of another programme.

use crate::support::caller::Reply;
use crate::support::world::World;
use serde_json::{Value, json};

const LIST: &str = "\
stripe_customer_id,first_name,last_name,Email,PayPal Email,Commission,Offer name,Coupon code,State
cus_1,Jen,Doe,jen@example.com,jen-pays@example.com,25%,PARTNER_JEN,,active
cus_2,Jen,Doe,JEN@example.com,jen-pays@example.com,25%,PARTNER_JEN,,active
cus_3,Kai,Roe,kai@example.com,,,,KAI20,active
cus_4,Lou,Poe,lou@example.com,,,,,disabled
cus_5,Mo,Woe,not an address,,,,,active
cus_6,Nic,Foe,nic@example.com,,lots,,,active
cus_7,Pat,Zoe,pat@example.com,,,PARTNER_JEN,,active
cus_8,Quin,Joe,quin@example.com,,,,KAI20,active
";

async fn send(world: &World, more: &str, list: &str) -> Reply {
    let path = format!("/admin/import/partners?campaign=creators&commission=20&rail=csv{more}");
    world.admin_post(&path, list.to_owned()).await
}

fn lines(said: &Value) -> Vec<String> {
    let all = said["lines"].as_array().expect("lines");
    all.iter().map(|line| format!("{} {}", line["line"], line["why"].as_str().expect("a word"))).collect()
}

fn counts(said: &Value) -> [i64; 5] {
    ["rows", "taken", "known", "refused", "coupons"].map(|name| said[name].as_i64().unwrap_or(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn come_once() {
    let world = World::with_creators(|_| {}).await;
    let before = world.journal();
    let odd = ["5 malformed", "6 bad-request", "7 malformed", "8 taken", "9 taken"];
    let tried = send(&world, "&dry_run=true", LIST).await.is(200).json();
    assert_eq!((counts(&tried), lines(&tried)), ([8, 4, 1, 5, 2], odd.map(str::to_owned).to_vec()), "{tried}");
    assert_eq!(world.journal(), before, "a trial writes nothing");
    let said = send(&world, "", LIST).await.is(200).json();
    assert_eq!((counts(&said), lines(&said)), (counts(&tried), lines(&tried)), "{said}");
    assert_eq!(said["ignored_columns"], json!(["stripe_customer_id"]));

    let partners = world.all("partners").await;
    let mut found: Vec<String> = partners
        .iter()
        .map(|row| {
            let [name, email] = ["name", "email"].map(|field| row[field].as_str().expect("a text"));
            let (share, pays) = (&row["commission"]["basis_points"], row["payout"]["email"].as_str().unwrap_or("-"));
            format!("{name} {email} {share} {pays} {}", row["recurring"])
        })
        .collect();
    found.sort();
    let expected = [
        "Jen Doe jen@example.com 2500 jen-pays@example.com \"always\"",
        "Kai Roe kai@example.com 2000 - \"always\"",
        "Pat Zoe pat@example.com 2000 - \"always\"",
        "Quin Joe quin@example.com 2000 - \"always\"",
    ];
    assert_eq!(found, expected);
    world.settle().await;

    let journal = world.journal();
    let again = send(&world, "", LIST).await.is(200).json();
    assert_eq!((counts(&again), world.journal()), ([8, 0, 5, 5, 0], journal), "{again}");
    let other = "email,name,commission,country\njen@example.com,Jen Doe-Smith,30,DE\n";
    let said = send(&world, "", other).await.is(200).json();
    assert_eq!(said["lines"][0]["detail"], "left as it is here: name, commission, country");
    assert_eq!((counts(&said), world.journal()), ([1, 0, 1, 0, 0], journal));

    // What an administrator ended is not made again.
    let coupon = world.all("partners").await.iter().find(|row| row["name"] == "Jen Doe").map(|row| row["id"].clone());
    let id = coupon.expect("she is there").as_str().expect("an id").to_owned();
    let statement = world.admin(&format!("partners/{id}/statement")).await;
    let offer = statement["coupons"][0]["id"].as_str().expect("an id").to_owned();
    world.admin_post(&format!("/admin/partners/{id}/coupons/{offer}/end"), "").await.is(200);
    let again = send(&world, "", LIST).await.is(200).json();
    assert_eq!(counts(&again), [8, 0, 5, 5, 0], "{again}");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn belong_in_a_campaign_of_partners() {
    let world = World::with_partners(|_| {}).await;
    for (query, status) in [
        ("campaign=friends", 400),
        ("campaign=foes", 404),
        ("campaign=creators&commission=lots", 400),
        ("campaign=creators&recurring=sometimes", 400),
        ("campaign=creators&rail=cash", 400),
    ] {
        let reply = world.admin_post(&format!("/admin/import/partners?{query}"), LIST).await;
        assert_eq!(reply.status, status, "{query}: {}", reply.text);
    }
    let said =
        world.admin_post("/admin/import/partners?campaign=creators", "email\na@b.example\n").await.is(200).json();
    assert_eq!(said["lines"][0]["detail"], "commission is missing");
    world.done().await;
}
