//! What users allow: the latest word holds, whichever of their ids it was said of.

use crate::support::world::World;
use referd::domain::at::Span;
use referd::fake::revenuecat_event::Event;
use referd::wire::text::rfc3339;
use serde_json::{Value, json};

async fn says(world: &World, user: &str, body: Value) -> Value {
    let reply = world.put("/users/me/consent", user, &body).await;
    reply.is(200).json()
}

#[tokio::test]
async fn the_latest_word_of_any_id_holds() {
    let world = World::stocked(0).await;
    for (user, given, is_new) in
        [("jen", true, true), ("jen", true, false), ("jen", false, true), ("jen", false, false), ("jen", true, true)]
    {
        world.advance(Span::minutes(1));
        let journal = world.journal();
        let told = says(&world, user, json!({ "refund_data": given })).await;
        assert_eq!(told["refund_data"], given);
        assert_eq!(world.journal() - journal, u64::from(is_new), "a word that changes nothing is not kept");
    }
    let said_at = rfc3339(world.now());
    world.advance(Span::hours(1));
    world.webhook(&Event::initial_purchase("jen", world.now()).set("aliases", json!(["jen", "jen-2"]))).await.is(200);
    let told = says(&world, "jen-2", json!({"refund_data": true})).await;
    assert_eq!(told, json!({"refund_data": true, "refund_data_at": said_at}), "she said so by her other id");
    world.advance(Span::minutes(1));
    says(&world, "jen-2", json!({"refund_data": false})).await;
    assert_eq!(says(&world, "jen", json!({"refund_data": false})).await["refund_data"], false);
    let known = world.admin("users/jen").await["consent"].as_array().map(Vec::len);
    assert_eq!(known, Some(2), "each word stands with its id");
    let told = world.admin("explain/jen-2").await.to_string();
    assert!(told.contains("jen-2 does not allow refund_data"), "{told}");
    world.done().await;
}

#[tokio::test]
async fn what_says_nothing_is_refused() {
    let world = World::stocked(0).await;
    for body in
        [json!({}), json!({"refund_data": null}), json!({"refund_data": "yes"}), json!({"winback": true}), json!([])]
    {
        world.put("/users/me/consent", "jen", &body).await.problem(400, "bad-request");
    }
    assert!(world.all("journal?user=jen").await.is_empty());
    world.done().await;
}
