//! What was sold, told in every order and each thing twice: the conversions and the accounts must not remember in which.

use super::orders::orders;
use super::sound::replays;
use super::*;
use crate::domain::commission::{Base, Rate, Recurring, Terms};
use crate::domain::conversion::Conversion;
use crate::domain::decide::partner::{AddCoupon, MakePartner, Wanted};
use crate::domain::money::{BasisPoints, Currency, Money};
use crate::domain::partner::Rail;
use crate::domain::purchase::{Purchase, RefundWord, Share, Sold};

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::parse("USD").unwrap())
}

/// Who says so, how many days after noon, and of which period of the subscription.
fn told(source: Source, day: i64, period: i64, change: impl FnOnce(&mut Purchase)) -> (Source, i64, Purchase) {
    let mut purchase = Purchase {
        original_transaction_id: "T0".into(),
        transaction_id: format!("T{period}"),
        product_id: "monthly".into(),
        offer: (period == 0).then(|| "PARTNER_A".to_owned()),
        purchased_at: Some(NOON.plus(Span::days(30 * period))),
        sold: Some(Sold { is_one_time: false, price: Some(usd(999)), proceeds: None }),
        ..Purchase::default()
    };
    change(&mut purchase);
    (source, day, purchase)
}

fn house(recurring: Recurring, late: bool) -> House {
    let house = House::empty();
    let mut policy = sample::policy();
    (policy.campaign, policy.offer, policy.kind) = ("creators".into(), "REF30".into(), Kind::Partner);
    let proceeds = BasisPoints::new(7_000).unwrap();
    policy.payout = Some(PayoutRules { touch: Touch::First, minimum: 0, hold_days: 0, own_offers_max: 10, proceeds });
    house.ask(Command::Adopt(Adopt { policy })).unwrap();
    let rate = Rate::Share { of: Base::Price, share: BasisPoints::new(2_000).unwrap() };
    let terms = Terms { rate, recurring, products: BTreeMap::new() };
    let make = MakePartner { campaign: "creators".into(), terms, rail: Rail::Csv };
    house.ask(Command::MakePartner(make)).unwrap();
    if !late {
        register(&house);
    }
    house
}

fn register(house: &House) {
    let partner = house.all::<crate::domain::partner::Partner>().remove(0).id;
    let wanted = Wanted::Offer("PARTNER_A".into());
    house.ask(Command::AddCoupon(AddCoupon { partner, wanted, terms: None })).unwrap();
}

fn tell(house: &House, (source, day, purchase): &(Source, i64, Purchase)) {
    let people = vec![house.person("bob")];
    let event = format!("{source:?} {day} {purchase:?}");
    let about = About::Purchase { people, token: None, purchase: Box::new(purchase.clone()) };
    house.tell_by(*source, &event, NOON.plus(Span::days(*day)), about);
}

fn outcome(house: &House) -> (Vec<Conversion>, Vec<store::Pair>) {
    (house.all(), house.ledger.snapshot().prefix(Tab::Balance, &[], usize::MAX).unwrap())
}

fn words(rows: &[Conversion]) -> Vec<String> {
    let mut words: Vec<String> = rows
        .iter()
        .map(|row| {
            format!("{} {} {} {}", row.transaction_id, row.kind.word(), row.commission.minor, row.state().word())
        })
        .collect();
    words.sort();
    words
}

#[test]
fn sales_are_told_in_any_order() {
    use Source::{Apple, RevenueCat};
    let refunded = |share: Option<i64>| {
        move |purchase: &mut Purchase| {
            purchase.sold = None;
            purchase.refund = Some(RefundWord::Refunded { at: NOON });
            purchase.refunded_share = share.map(Share::new);
        }
    };
    let sold = |by, period| told(by, 30 * period, period, |_| {});
    let reversed = |purchase: &mut Purchase| (purchase.sold, purchase.refund) = (None, Some(RefundWord::Reversed));
    let free = |purchase: &mut Purchase| purchase.sold.as_mut().unwrap().price = Some(usd(0));
    let up = |purchase: &mut Purchase| (purchase.sold, purchase.is_upgraded) = (None, true);
    let family = |purchase: &mut Purchase| purchase.is_family_shared = true;
    let dear = |purchase: &mut Purchase| purchase.sold.as_mut().unwrap().price = Some(usd(1_299));
    for (recurring, facts, expected) in [
        (
            Recurring::Always,
            vec![sold(RevenueCat, 0), sold(Apple, 0), sold(Apple, 1), told(Apple, 5, 0, refunded(None))],
            vec!["T0 first 200 rejected", "T1 renewal 200 pending"],
        ),
        (
            Recurring::First,
            vec![sold(Apple, 0), sold(RevenueCat, 1), sold(Apple, 2), told(Apple, 5, 0, refunded(Some(50_000)))],
            vec!["T0 first 100 pending"],
        ),
        (
            Recurring::Months(1),
            vec![told(Apple, 0, 0, free), sold(Apple, 1), sold(Apple, 2), sold(Apple, 3)],
            vec!["T1 first 200 pending", "T2 renewal 200 pending"],
        ),
        (
            Recurring::Always,
            vec![
                sold(Apple, 0),
                told(Apple, 5, 0, refunded(Some(50_000))),
                told(Apple, 6, 0, reversed),
                told(RevenueCat, 1, 0, dear),
            ],
            vec!["T0 first 200 pending"],
        ),
        (
            Recurring::First,
            vec![sold(Apple, 0), told(Apple, 5, 0, up), sold(Apple, 1), told(Apple, 31, 1, refunded(None))],
            vec!["T0 first 200 rejected", "T1 first 200 rejected"],
        ),
        (
            Recurring::Always,
            vec![sold(RevenueCat, 0), told(Apple, 1, 0, family), sold(Apple, 1), sold(RevenueCat, 1)],
            vec!["T0 first 200 rejected", "T1 first 200 pending"],
        ),
    ] {
        let mut first = None;
        for order in orders(facts.len()) {
            for late in [false, true] {
                let house = house(recurring, late);
                order.iter().for_each(|at| tell(&house, &facts[*at]));
                order.iter().rev().for_each(|at| tell(&house, &facts[*at]));
                if late {
                    register(&house);
                    super::properties::fire(&house);
                }
                let got = outcome(&house);
                assert_eq!(words(&got.0), expected, "{order:?} late {late}");
                if first.is_none() {
                    replays(&house);
                }
                assert_eq!(*first.get_or_insert_with(|| got.clone()), got, "{order:?} late {late}");
            }
        }
    }
}
