//! Custom codes and the report of their redemptions, between our calls and the stand-in for Apple.

use referd::clock::ManualClock;
use referd::domain::at::{At, Date};
use referd::entropy::SeededEntropy;
use referd::fake::app_store_connect::{AppStoreConnect as Apple, Offer, Setup, fresh_key};
use referd::fake::faults::{Fault, Op};
use referd::outside::Failure;
use referd::outside::app_store_connect::{Account, AppStoreConnect};
use referd::outside::client::Client;
use referd::wire::private_key::PrivateKey;
use referd::wire::sales_report::Redeemed;
use std::sync::Arc;

const NOW: At = At(1_795_253_400_000);
const VENDOR: &str = "80012345";

async fn pair() -> (Apple, AppStoreConnect) {
    let clock = Arc::new(ManualClock::at(NOW));
    let (pem, key) = fresh_key(&SeededEntropy::new(1));
    let (key_id, issuer) = (key.id.clone(), key.issuer.clone());
    let offer = Offer { id: "offer-1".to_owned(), name: "REF30".to_owned(), active: true };
    let apple = Apple::start(Setup::new(key, clock.clone(), vec![offer])).await.unwrap();
    let key = PrivateKey::parse(pem.as_bytes()).unwrap();
    let account = Account { base_url: apple.base_url().to_owned(), key, key_id, issuer };
    (apple, AppStoreConnect::new(Client::new().unwrap(), account, clock))
}

#[tokio::test]
async fn a_custom_code_from_its_making_to_its_end() {
    let (apple, ours) = pair().await;
    apple.faults().next(Some(Op::CreateCustomCode), 1, Fault::AcceptThenDrop);
    let lost = ours.create_custom_code("offer-1", "ANNA26", 500, None).await;
    assert!(matches!(lost, Err(Failure::Unsure(_))), "{lost:?}");
    let found = ours.list_custom_codes("offer-1").await.unwrap();
    assert_eq!((found.len(), found[0].code.as_str(), found[0].count, found[0].expires), (1, "ANNA26", 500, None));

    let Err(Failure::Never(why)) = ours.create_custom_code("offer-1", "anna26", 500, None).await else {
        panic!("the same code twice")
    };
    assert!(why.contains("ENTITY_ERROR.ATTRIBUTE.INVALID") && !why.contains("anna"), "{why}");
    let few = ours.create_custom_code("offer-1", "BERT26", 499, None).await;
    assert!(matches!(few, Err(Failure::Never(why)) if why.contains("Invalid number of codes")));
    let dated = ours.create_custom_code("offer-1", "BERT26", 500, Some(NOW.date().plus_days(9))).await.unwrap();
    assert_eq!((dated.expires, dated.active), (Some(NOW.date().plus_days(9)), true));
    assert!(matches!(ours.list_custom_codes("nobody").await, Err(Failure::Never(_))));

    for _ in 0..2 {
        ours.end_custom_code(&dated.id).await.unwrap();
    }
    let ended = ours.list_custom_codes("offer-1").await.unwrap().pop().unwrap();
    assert_eq!((ended.active, ended.expires), (false, Some(NOW.date())));
    assert!(matches!(ours.end_custom_code("nobody").await, Err(Failure::Never(_))));
}

#[tokio::test]
async fn a_report_as_it_was_counted() {
    let (apple, ours) = pair().await;
    let day = Date(20_777);
    assert_eq!(ours.sales_report(VENDOR, day).await, Ok(None));
    let line = |code: Option<&str>, count| Redeemed {
        date: day,
        app_apple_id: Some(1_234_567_890),
        offer: "REF30".to_owned(),
        code: code.map(str::to_owned),
        territory: "DE".to_owned(),
        count,
    };
    for lines in [vec![line(Some("ANNA26"), 7), line(None, 12)], vec![line(None, 13)], vec![]] {
        apple.set_report(day, lines.clone());
        assert_eq!(ours.sales_report(VENDOR, day).await, Ok(Some(lines)));
    }
    apple.faults().next(Some(Op::SalesReport), 1, Fault::Html);
    assert!(matches!(ours.sales_report(VENDOR, day).await, Err(Failure::Later { .. })));
    apple.allow_reports(false);
    assert!(matches!(ours.sales_report(VENDOR, day).await, Err(Failure::Refused(_))));
}
