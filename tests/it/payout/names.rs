//! Several apps and several appliances may pay from one account at Tremendous.

use crate::support::world::{World, creators};

/// Two ledgers whose histories are the same name their partners and payouts otherwise.
#[tokio::test]
async fn ids_of_two_ledgers_are_never_the_same() {
    let world = World::with(|config| {
        config.apps[0].campaigns.push(creators());
        let mut other = config.apps[0].clone();
        (other.name, other.base_path) = ("beta".to_owned(), "/beta".to_owned());
        config.apps.push(other);
    })
    .await;
    let mut ids = Vec::new();
    for app in ["alma", "beta"] {
        let body =
            r#"{"name":"Jen","campaign":"creators","commission":{"basis_points":1,"of":"price"},"recurring":"first"}"#;
        let made = world.admin_post(&format!("/admin/{app}/partners"), body).await.is(201).json();
        ids.push(made["id"].as_str().expect("an id").to_owned());
    }
    assert_ne!(ids[0], ids[1]);
    world.done().await;
}
