//! Twelve affiliates: ten with offers of their own, as many as Apple allows, and two with codes.

use super::*;

/// A customer's purchase and renewal are told by these.
const TOLD: [(bool, bool); 4] = [(true, true), (false, false), (true, false), (false, true)];

/// One transaction, as Apple or as RevenueCat tells it.
async fn told(world: &World, by_apple: bool, user: &str, sale: &Transaction, price: u32, is_first: bool) {
    let now = world.now();
    if by_apple {
        let notification =
            if is_first { Notification::subscribed(sale, now) } else { Notification::did_renew(sale, now) };
        world.apple(&notification).await.is(200);
        return;
    }
    let event = if is_first { Event::initial_purchase(user, now) } else { Event::renewal(user, now) };
    let event = event.charged(&format!("{}.{:02}", price / 100, price % 100), "USD");
    let event = match sale.text("offerIdentifier") {
        Some(offer) => event.offer(offer),
        None => event,
    };
    world.webhook(&event.transaction(sale.id(), sale.original_id())).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sale_is_the_right_ones() {
    let mut world = World::with_creators(|_| {}).await;
    let mut affiliates = Vec::new();
    for n in 0..12_u32 {
        let id = partner(&world, &format!("Affiliate{n}"), "20% always").await;
        let codes = match n {
            0..10 => {
                own_offer(&world, &id, &format!("OWN_{n}")).await;
                Vec::new()
            }
            _ => issued(&world, &id, TOLD.len() as u32).await,
        };
        affiliates.push((id, codes));
    }
    let refused = ask(&world, &format!("partners/{}/coupons", affiliates[10].0), json!({"offer": "OWN_10"})).await;
    refused.problem(409, "too-many-offers");

    let mut sales = Vec::new();
    for (n, (_, codes)) in affiliates.iter().enumerate() {
        let price = 1_000 + 100 * n as u32;
        for (c, (by_apple, _)) in TOLD.into_iter().enumerate() {
            let user = format!("customer-{n}-{c}");
            let offer = if codes.is_empty() { format!("OWN_{n}") } else { CREATORS_OFFER.to_owned() };
            let sale = Transaction::purchase(&format!("3000000000{n:02}{c}1"), world.now()).offer_code(&offer);
            let sale = sale.price(i64::from(price) * 10, "USD");
            if let Some(code) = codes.get(c) {
                world.claim(code, &user).await.is(201);
                // A code is somebody's, so the purchase needs a user: Apple tells of the same one again.
                told(&world, false, &user, &sale, price, true).await;
            }
            told(&world, by_apple, &user, &sale, price, true).await;
            sales.push((n, c, user, sale, price));
        }
    }
    let nobodys = Transaction::purchase("900000000000001", world.now()).price(9_990, "USD");
    world.apple(&Notification::subscribed(&nobodys, world.now())).await.is(200);
    world.later(Span::days(30)).await;
    world.restart().await;
    for (n, c, user, sale, price) in &sales {
        let renewal =
            Transaction::renewal_of(sale, &format!("3000000000{n:02}{c}2")).price(i64::from(*price) * 10, "USD");
        told(&world, TOLD[*c].1, user, &renewal, *price, false).await;
    }
    world.settle().await;

    assert_eq!(world.admin("stats").await["sales"], json!({"attributed": 96, "unattributed": 1}));
    let stats = world.admin("stats").await["campaigns"]["creators"].clone();
    assert_eq!((&stats["conversions"]["pending"], &stats["partners"]["active"]), (&json!(96), &json!(12)));
    for (n, (id, codes)) in affiliates.iter().enumerate() {
        let statement = world.admin(&format!("partners/{id}/statement")).await;
        assert_eq!(statement["counts"], json!({"pending": 8}), "{n}");
        let commission = (1_000 + 100 * n) / 5;
        assert_eq!(balances(&world, id).await, format!("USD pending {}", commission * 8), "{n}");
        for row in statement["conversions"].as_array().expect("conversions") {
            let sale = row["transaction_id"].as_str().expect("an id");
            assert!(sale.starts_with(&format!("3000000000{n:02}")), "{n}: {sale}");
            let customer: usize = sale[12..13].parse().expect("a customer");
            let coupon = codes.get(customer).cloned().unwrap_or(format!("OWN_{n}"));
            assert_eq!((&row["coupon"], &row["commission"]), (&json!(coupon), &json!(commission)));
            let kind = if sale.ends_with('1') { "first" } else { "renewal" };
            assert_eq!((&row["kind"], &row["partner"]), (&json!(kind), &json!(id)));
        }
    }
    world.done().await;
}
