//! The program, killed while it pays: one order for each payout, and each is settled.

use crate::selling::stage::{balances, own_offer, partner_paid_by};
use crate::support::appliance::{Appliance, Site};
use crate::support::caller::Caller;
use referd::clock::{Clock, SystemClock};
use referd::fake::faults::{Fault, Op};
use referd::fake::revenuecat_event::Event;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

const OFFER: &str = "PARTNER_JEN";

async fn partner(caller: &Caller) -> String {
    let partner = partner_paid_by(caller, "Jen", "20% always", "tremendous", Some("jen@example.com")).await;
    own_offer(caller, &partner, OFFER).await;
    partner
}

/// Another customer buys, and what that comes to is sent.
async fn sends(caller: &Caller, number: usize) -> String {
    let (now, transaction) = (SystemClock.now(), format!("20000000000000{number:02}"));
    let bought = Event::initial_purchase(&format!("bob-{number}"), now).offer(OFFER).charged("9.99", "USD");
    caller.deliver(&bought.transaction(&transaction, &transaction), now).await.is(200);
    caller.admin_post(&format!("/admin/conversions/{transaction}/approve"), "{}").await.is(200);
    let drafted = caller.admin_post("/admin/payouts", "{}").await.is(201).json();
    let id = drafted["items"][0]["id"].as_str().expect("a payout").to_owned();
    for step in ["approve", "send"] {
        caller.admin_post(&format!("/admin/payouts/{id}/{step}"), "{}").await.is(200);
    }
    id
}

/// The state that it comes to.
async fn settled(appliance: &Appliance, id: &str) -> Value {
    loop {
        let payout = appliance.caller.admin(&format!("payouts/{id}")).await;
        if payout["status"] != "sent" {
            return payout;
        }
    }
}

fn count(site: &Site, method: &str) -> usize {
    site.tremendous.calls().iter().filter(|call| call.method == method).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_pays_it_pays_once() {
    const PAYOUTS: usize = 12;
    let site = Site::paying().await;
    let mut appliance = site.start().await;
    let jen = partner(&appliance.caller).await;
    for number in 1..=PAYOUTS {
        let id = sends(&appliance.caller, number).await;
        let is_made = || site.tremendous.orders().len() == number;
        site.until("the order is made", site.tremendous.changed(), is_made).await;
        // A little later each time: before the answer is there, when it is there, when it is kept.
        for _ in 1..number {
            appliance.caller.admin(&format!("payouts/{id}")).await;
        }
        appliance.kill();
        appliance = site.start().await;
        assert_eq!(settled(&appliance, &id).await["status"], "settled");
    }
    let orders = site.tremendous.orders();
    let names: BTreeSet<String> = orders.iter().filter_map(|order| order.external_id.clone()).collect();
    let payouts = appliance.caller.all("payouts").await;
    let ids: BTreeSet<String> = payouts.iter().filter_map(|row| row["id"].as_str().map(str::to_owned)).collect();
    assert_eq!((orders.len(), &names), (PAYOUTS, &ids));
    assert!(orders.iter().all(|order| order.money.decimal() == "2.00"), "{orders:?}");
    assert_eq!(count(&site, "POST"), PAYOUTS, "each was asked for once");
    println!("{} of {PAYOUTS} were cut off before the answer was kept", count(&site, "GET"));
    assert_eq!(balances(&appliance.caller, &jen).await, format!("USD paid {}", PAYOUTS * 200));
    appliance.stop().await;
    site.verify();
}

#[tokio::test]
async fn killed_before_tremendous_worked_it_looks_and_asks_again() {
    let site = Site::paying().await;
    site.tremendous.faults().next(Some(Op::CreateOrder), 1, Fault::Slow(Duration::from_secs(600)));
    let appliance = site.start().await;
    let jen = partner(&appliance.caller).await;
    let id = sends(&appliance.caller, 1).await;
    site.until("it is asked for", site.tremendous.changed(), || count(&site, "POST") == 1).await;
    appliance.kill();
    let appliance = site.start().await;
    let is_made = || site.tremendous.orders().len() == 1;
    site.until("it is looked for and made", site.tremendous.changed(), is_made).await;
    assert_eq!(settled(&appliance, &id).await["status"], "settled");
    assert_eq!((count(&site, "GET"), count(&site, "POST"), site.tremendous.orders().len()), (3, 2, 1));
    assert_eq!(balances(&appliance.caller, &jen).await, "USD paid 200");
    appliance.stop().await;
    site.verify();
}

#[tokio::test]
async fn killed_on_the_way_it_hears_of_the_end() {
    let site = Site::paying().await;
    site.tremendous.deliver_later(true);
    let appliance = site.start().await;
    let jen = partner(&appliance.caller).await;
    let id = sends(&appliance.caller, 1).await;
    site.until("it is ordered", site.tremendous.changed(), || site.tremendous.orders().len() == 1).await;
    while appliance.caller.admin(&format!("payouts/{id}")).await["order"].is_null() {}
    appliance.kill();
    let appliance = site.start().await;
    assert!(site.tremendous.deliver(&id));
    let (signature, body) = site.tremendous.webhook("REWARDS.DELIVERY.SUCCEEDED", &id).expect("there is an order");
    let url = format!("{}/webhooks/tremendous", appliance.caller.public);
    let headers = [("tremendous-webhook-signature", signature.as_str())];
    appliance.caller.raw("POST", &url, &headers, body).await.is(200);
    assert_eq!(settled(&appliance, &id).await["status"], "settled");
    assert_eq!((count(&site, "POST"), count(&site, "GET")), (1, 1));
    assert_eq!(balances(&appliance.caller, &jen).await, "USD paid 200");
    appliance.stop().await;
    site.verify();
}
