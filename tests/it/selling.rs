//! What is sold through partners: histories of purchases, and the conversions and balances that they come to.

pub mod stage;

use stage::Stage;

/// Terms, the history, the conversions (transaction, kind, price, commission, status), what stands in the accounts.
type History = (&'static str, &'static str, &'static str, &'static str);

async fn check(histories: &[History]) {
    let mut wrong = Vec::new();
    for (terms, story, conversions, balances) in histories {
        let mut stage = Stage::set(terms).await;
        stage.play(story).await;
        let got = (stage.conversions().await, stage.balances().await);
        if got != ((*conversions).to_owned(), (*balances).to_owned()) {
            wrong.push(format!("{terms}: {story}\n  {}\n  {}", got.0, got.1));
        }
        stage.world.done().await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const FIRST: &str = "1 first 999 USD 200 pending";
const TWO: &str = "1 first 999 USD 200 pending; 2 renewal 999 USD 200 pending";
const REFUNDED: &str = "1 first 999 USD 200 rejected";

#[tokio::test(flavor = "multi_thread")]
async fn purchases_and_renewals() {
    check(&[
        ("20% always", "sub 1 9990 USD", FIRST, "USD pending 200"),
        ("20% always", "sub 1 9990 USD; days 30; renew 2 9990 USD", TWO, "USD pending 400"),
        ("20% always", "sub 1 9990 USD; days 30; recovered 2 9990 USD", TWO, "USD pending 400"),
        ("20% always", "sub 1 9990 USD; days 90; resub 2 9990 USD", TWO, "USD pending 400"),
        ("20% always", "sub 1 9990 USD; restart; days 30; renew 2 9990 USD; restart", TWO, "USD pending 400"),
        ("20% always", "sub 1 9990 USD; again 1; again 1", FIRST, "USD pending 200"),
        // Told of without effect.
        (
            "20% always",
            "sub 1 9990 USD; off 1; dearer 1; downgrade 1; failed 1; declined 1; expire 1; rc off 1",
            FIRST,
            "USD pending 200",
        ),
        (
            "20% always",
            "sub 1 9990 USD; dearer 1; days 30; renew 2 12990 USD",
            "1 first 999 USD 200 pending; 2 renewal 1299 USD 260 pending",
            "USD pending 460",
        ),
        // A trial earns nothing, and the first payment is the first.
        (
            "20% always",
            "trial 1; days 7; renew 2 9990 USD; days 30; renew 3 9990 USD",
            "2 first 999 USD 200 pending; 3 renewal 999 USD 200 pending",
            "USD pending 400",
        ),
        ("20% always", "trial 1; expire 1", "", ""),
        (
            "20% first",
            "trial 1; days 7; renew 2 9990 USD; days 30; renew 3 9990 USD",
            "2 first 999 USD 200 pending",
            "USD pending 200",
        ),
        ("20% always", "once 1 4990 USD", "1 one_time 499 USD 100 pending", "USD pending 100"),
        ("20% first", "sub 1 9990 USD; days 30; renew 2 9990 USD", FIRST, "USD pending 200"),
        (
            "20% months 2",
            "sub 1 9990 USD; days 30; renew 2 9990 USD; days 40; renew 3 9990 USD",
            TWO,
            "USD pending 400",
        ),
        (
            "fixed 1500 USD first",
            "sub 1 9990 USD; days 30; renew 2 9990 USD",
            "1 first 999 USD 1500 pending",
            "USD pending 1500",
        ),
        ("fixed 1500 USD first", "sub 1 1200000 JPY", "1 first 1200 JPY 1500 pending", "USD pending 1500"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn currencies_and_sources() {
    check(&[
        ("20% always", "sub 1 1200000 JPY", "1 first 1200 JPY 240 pending", "JPY pending 240"),
        (
            "25% always",
            "sub 1 10000 JPY; days 30; renew 2 30000 JPY",
            "1 first 10 JPY 2 pending; 2 renewal 30 JPY 8 pending",
            "JPY pending 10",
        ),
        ("20% always", "sub 1 1250 KWD", "1 first 1250 KWD 250 pending", "KWD pending 250"),
        (
            "20% always",
            "sub 1 9990 USD; days 30; renew 2 1200000 JPY; approve 2",
            "1 first 999 USD 200 pending; 2 renewal 1200 JPY 240 approved",
            "JPY approved 240; USD pending 200",
        ),
        // The same transaction, told by both.
        ("20% always", "sub 1 9990 USD; rc sub 1 9.99 USD", FIRST, "USD pending 200"),
        ("20% always", "rc sub 1 9.99 USD; sub 1 9990 USD", FIRST, "USD pending 200"),
        ("20% always", "rc sub 1 9.99 USD; days 30; rc renew 2 9.99 USD; renew 2 9990 USD", TWO, "USD pending 400"),
        ("20% always", "rc sub 1 9.99 USD", FIRST, "USD pending 200"),
        // What Apple signed stands above what RevenueCat has.
        ("20% always", "rc sub 1 10.49 USD; sub 1 9990 USD", FIRST, "USD pending 200"),
        ("20% always", "sub 1 9990 USD; rc sub 1 10.49 USD", FIRST, "USD pending 200"),
        ("20% always", "rc sub 1 8.389999999999999 EUR", "1 first 839 EUR 168 pending", "EUR pending 168"),
        ("20% always", "rc sub 1 0 USD; days 7; rc renew 2 9.99 USD", "2 first 999 USD 200 pending", "USD pending 200"),
        // What is left of the price, as RevenueCat estimates it, or as the campaign says.
        ("20% proceeds always", "sub 1 9990 USD", "1 first 999 USD 140 pending", "USD pending 140"),
        (
            "20% proceeds always",
            "sub 1 9990 EUR; days 30; rc taxed 2 9.99 EUR 0.1597 0.2521",
            "1 first 999 EUR 140 pending; 2 renewal 999 EUR 118 pending",
            "EUR pending 258",
        ),
        ("20% always", "sandbox 1 9990 USD", "1 first 999 USD 200 pending test", ""),
        ("20% always", "sandbox 1 9990 USD; cannot approve 1; pay", "1 first 999 USD 200 pending test", ""),
        ("20% always", "family 1 9990 USD", REFUNDED, ""),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds() {
    check(&[
        ("20% always", "sub 1 9990 USD; refund 1", REFUNDED, ""),
        ("20% always", "sub 1 9990 USD; revoke 1", REFUNDED, ""),
        ("20% always", "sub 1 9990 USD; rc refund 1", REFUNDED, ""),
        ("20% always", "sub 1 9990 USD; refund 1; days 1; reverse 1", FIRST, "USD pending 200"),
        ("20% always", "sub 1 9990 USD; approve 1; refund 1", REFUNDED, ""),
        ("20% always", "sub 1 9990 USD; approve 1; refund 1; days 1; reverse 1", FIRST, "USD pending 200"),
        // Of a period before: the one that runs is not touched.
        (
            "20% always",
            "sub 1 9990 USD; days 30; renew 2 9990 USD; refund 1",
            "1 first 999 USD 200 rejected; 2 renewal 999 USD 200 pending",
            "USD pending 200",
        ),
        ("20% first", "sub 1 9990 USD; days 30; renew 2 9990 USD; refund 1", REFUNDED, ""),
        ("20% always", "sub 1 9990 USD; prorate 1 50000", "1 first 999 USD 100 pending", "USD pending 100"),
        ("20% always", "sub 1 9990 USD; prorate 1 33333", "1 first 999 USD 133 pending", "USD pending 133"),
        (
            "20% always",
            "sub 1 9990 USD; approve 1; prorate 1 25000",
            "1 first 999 USD 150 approved",
            "USD approved 150",
        ),
        ("20% always", "sub 1 9990 USD; prorate 1 50000; days 1; refund 1", REFUNDED, ""),
        ("20% always", "sub 1 9990 USD; prorate 1 50000; days 1; reverse 1", FIRST, "USD pending 200"),
        ("20% always", "sub 1 9990 USD; refund 1; refund 1; rc refund 1", REFUNDED, ""),
        // The subscriber moves up: the old transaction earns nothing, the new one does.
        (
            "20% always",
            "sub 1 9990 USD; days 10; upgrade 1 2 59990 USD; days 30; renew 3 59990 USD",
            "1 first 999 USD 100 rejected; 2 first 5999 USD 1200 pending; 3 renewal 5999 USD 1200 pending",
            "USD pending 2400",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money() {
    check(&[
        ("20% always", "sub 1 9990 USD; approve 1", "1 first 999 USD 200 approved", "USD approved 200"),
        ("20% always", "sub 1 9990 USD; approve 1; approve 1", "1 first 999 USD 200 approved", "USD approved 200"),
        ("20% always", "sub 1 9990 USD; reject 1", REFUNDED, ""),
        ("20% always", "sub 1 9990 USD; reject 1; approve 1", "1 first 999 USD 200 approved", "USD approved 200"),
        ("20% always", "sub 1 9990 USD; reject 1; again 1; days 30; renew 2 9990 USD", "1 first 999 USD 200 rejected; 2 renewal 999 USD 200 pending", "USD pending 200"),
        ("20% always", "sub 1 9990 USD; refund 1; cannot approve 1", REFUNDED, ""),
        ("20% always", "sub 1 9990 USD; draft", FIRST, "USD pending 200"),
        ("20% always", "sub 1 9990 USD; approve 1; draft", "1 first 999 USD 200 approved", "USD paying 200"),
        ("20% always", "sub 1 9990 USD; approve 1; draft; draft; cannot reject 1", "1 first 999 USD 200 approved", "USD paying 200"),
        ("20% always", "sub 1 9990 USD; approve 1; pay", "1 first 999 USD 200 paid", "USD paid 200"),
        ("20% always", "sub 1 9990 USD; approve 1; pay; pay; cannot reject 1", "1 first 999 USD 200 paid", "USD paid 200"),
        (
            "20% always",
            "sub 1 9990 USD; approve 1; draft; payouts approve; payouts send; payouts fail",
            "1 first 999 USD 200 approved",
            "USD approved 200",
        ),
        (
            "20% always",
            "sub 1 9990 USD; approve 1; draft; payouts approve; payouts send; payouts cancel; pay",
            "1 first 999 USD 200 paid",
            "USD paid 200",
        ),
        // What was paid and refunded later is carried over, and the next payout is less by it.
        ("20% always", "sub 1 9990 USD; approve 1; pay; refund 1", REFUNDED, "USD paid 200 clawed_back -200"),
        (
            "20% always",
            "sub 1 9990 USD; approve 1; pay; refund 1; days 30; renew 2 9990 USD; approve 2; pay",
            "1 first 999 USD 200 rejected; 2 renewal 999 USD 200 approved",
            "USD approved 200 paid 200 clawed_back -200",
        ),
        (
            "20% always",
            "sub 1 9990 USD; approve 1; pay; refund 1; days 30; renew 2 19990 USD; approve 2; pay",
            "1 first 999 USD 200 rejected; 2 renewal 1999 USD 400 paid",
            "USD paid 400",
        ),
        ("20% always", "sub 1 9990 USD; approve 1; pay; refund 1; days 1; reverse 1", "1 first 999 USD 200 paid", "USD paid 200"),
        ("20% always", "sub 1 9990 USD; approve 1; pay; prorate 1 50000", "1 first 999 USD 100 paid", "USD paid 200 clawed_back -100"),
        (
            "20% always",
            "sub 1 9990 USD; approve 1; pay; refund 1; days 30; renew 2 19990 USD; approve 2; pay; days 1; reverse 1; draft",
            "1 first 999 USD 200 paid; 2 renewal 1999 USD 400 paid",
            "USD paying 200 paid 400",
        ),
        // While it is on its way.
        ("20% always", "sub 1 9990 USD; approve 1; draft; refund 1", REFUNDED, "USD paying 200 clawed_back -200"),
        (
            "20% always",
            "sub 1 9990 USD; approve 1; draft; refund 1; payouts approve; payouts send; payouts fail",
            REFUNDED,
            "",
        ),
        (
            "20% always",
            "sub 1 9990 USD; approve 1; draft; refund 1; payouts approve; payouts send; payouts settle; days 1; reverse 1",
            "1 first 999 USD 200 paid",
            "USD paid 200",
        ),
        (
            "20% always",
            "sub 1 9990 USD; days 30; renew 2 1200000 JPY; approve 1; approve 2; pay",
            "1 first 999 USD 200 paid; 2 renewal 1200 JPY 240 paid",
            "JPY paid 240; USD paid 200",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobodys() {
    check(&[
        ("20% always", "offer OTHER; sub 1 9990 USD", "", ""),
        ("20% always", "offer partner_jen; sub 1 9990 USD", "", ""),
        ("20% always", "offer PARTNER_JEN2; sub 1 9990 USD; days 30; renew 2 9990 USD", "", ""),
    ])
    .await;
}
