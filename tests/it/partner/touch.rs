//! Two partners brought the same customer: the first or the last counts, as the campaign says.

use super::*;
use referd::domain::policy::Touch;

async fn world_of(touch: Touch) -> (World, String, String) {
    let change = move |config: &mut referd::config::Config| {
        config.apps[0].campaigns[1].policy.payout.as_mut().expect("partners are paid").touch = touch;
    };
    let world = World::with_creators(change).await;
    let (ann, ben) = (partner(&world, "Ann", "20% always").await, partner(&world, "Ben", "20% always").await);
    (world, ann, ben)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_claim_stands() {
    let (world, ann, ben) = world_of(Touch::First).await;
    let (one, two) = (issued(&world, &ann, 1).await.remove(0), issued(&world, &ben, 1).await.remove(0));
    world.claim(&one, "kim").await.is(201);
    world.claim(&two, "kim").await.problem(409, "already-claimed");
    buys(&world, "kim").await;
    world.claim(&two, "kim").await.problem(409, "already-claimed");
    assert_eq!(sold(&world, &ann).await, [format!("{one} first 200 pending")]);
    assert_eq!(sold(&world, &ben).await, [""; 0]);
    // The code that was refused is still free.
    world.claim(&two, "lee").await.is(201);
    buys(&world, "lee").await;
    assert_eq!(sold(&world, &ben).await, [format!("{two} first 200 pending")]);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_claim_before_the_purchase_counts() {
    let (mut world, ann, ben) = world_of(Touch::Last).await;
    let (one, two) = (issued(&world, &ann, 1).await.remove(0), issued(&world, &ben, 1).await.remove(0));
    world.claim(&one, "kim").await.is(201);
    world.claim(&one, "lee").await.problem(409, "already-claimed");
    world.claim(&two, "kim").await.is(201);
    world.claim(&two, "kim").await.is(200);
    world.restart().await;
    buys(&world, "kim").await;
    assert_eq!(sold(&world, &ben).await, [format!("{two} first 200 pending")]);
    assert_eq!(sold(&world, &ann).await, [""; 0]);
    // The first code is free again, and after the purchase there is no change of mind.
    world.claim(&one, "kim").await.problem(409, "already-claimed");
    world.claim(&one, "lee").await.is(201);
    buys(&world, "lee").await;
    assert_eq!(sold(&world, &ann).await, [format!("{one} first 200 pending")]);
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mind_is_changed_there_and_back() {
    let (world, ann, ben) = world_of(Touch::Last).await;
    let (one, two) = (issued(&world, &ann, 1).await.remove(0), issued(&world, &ben, 1).await.remove(0));
    for code in [&one, &two, &one, &two, &one] {
        world.claim(code, "kim").await.is(201);
    }
    buys(&world, "kim").await;
    assert_eq!(sold(&world, &ann).await, [format!("{one} first 200 pending")]);
    assert_eq!(sold(&world, &ben).await, [""; 0]);
    world.claim(&two, "lee").await.is(201);
    world.done().await;
}

/// Two offers are redeemed on one subscription, a month apart, and a month is renewed after each.
async fn two_offers(touch: Touch, to_ann: &[&str], to_ben: &[&str]) {
    for late in [false, true] {
        let (world, ann, ben) = world_of(touch).await;
        own_offer(&world, &ann, "OWN_ANN").await;
        if !late {
            own_offer(&world, &ben, "OWN_BEN").await;
        }
        let bought = subscribes(&world, "200000000000001", "OWN_ANN").await;
        world.advance(Span::days(30));
        renews(&world, &bought, "200000000000002").await;
        world.advance(Span::days(30));
        let again = Transaction::renewal_of(&bought, "200000000000003").offer_code("OWN_BEN");
        let again = again.price(9_990, "USD").set("purchaseDate", json!(world.now().0));
        world.apple(&Notification::offer_redeemed(&again, world.now())).await.is(200);
        world.advance(Span::days(30));
        renews(&world, &bought, "200000000000004").await;
        // Whether his offer was known at the time makes no difference.
        if late {
            own_offer(&world, &ben, "OWN_BEN").await;
            world.settle().await;
        }
        assert_eq!(sold(&world, &ann).await, to_ann, "{touch:?}, late: {late}");
        assert_eq!(live(sold(&world, &ben).await), to_ben, "{touch:?}, late: {late}");
        world.done().await;
    }
}

fn live(rows: Vec<String>) -> Vec<String> {
    rows.into_iter().filter(|row| !row.ends_with("rejected")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_offer_keeps_the_customer() {
    let renewal = "OWN_ANN renewal 200 pending";
    two_offers(Touch::First, &["OWN_ANN first 200 pending", renewal, renewal, renewal], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_offer_takes_the_customer_from_then_on() {
    let ann = ["OWN_ANN first 200 pending", "OWN_ANN renewal 200 pending"];
    let ben = ["OWN_BEN first 200 pending", "OWN_BEN renewal 200 pending"];
    two_offers(Touch::Last, &ann, &ben).await;
}
