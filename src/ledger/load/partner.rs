//! Partners and what they are owed: facts about who they are, what identifies them, and what stands in their accounts.

use super::Load;
use super::referrer::seat;
use crate::domain::alert::{Alert, AlertKind};
use crate::domain::at::{At, Date, Span};
use crate::domain::books::Account;
use crate::domain::code::{Code, CodeText};
use crate::domain::completion::Completion;
use crate::domain::conversion::Conversion;
use crate::domain::decide::alert::{Clear, ClearFacts, ClearFamily, Seen, Watch, WatchFacts, WatchFamily};
use crate::domain::decide::conversion::{Judge, JudgeFacts, JudgeFamily};
use crate::domain::decide::due::PIECE;
use crate::domain::decide::partner::{
    AddCoupon, AddCouponFamily, ChangePartner, ChangePartnerFamily, EndCoupon, EndCouponFamily, ErasePartner,
    ErasePartnerFamily, MakePartner, MakePartnerFamily, PartnerFacts, Wanted,
};
use crate::domain::decide::payout::{
    Advance, AdvanceFacts, AdvanceFamily, AskPayout, AskPayoutFacts, AskPayoutFamily, Draft, DraftFacts, DraftFamily,
    MOST, Paying,
};
use crate::domain::decide::reconciliation::{AskReports, AskReportsFamily, DayFacts};
use crate::domain::id::{Id, Person};
use crate::domain::money::Currency;
use crate::domain::partner::{Coupon, Partner, Token};
use crate::domain::payout::Payout;
use crate::domain::reconciliation::{Known, Reported};
use crate::domain::redemption::{Redemption, RedemptionState};
use crate::domain::sale::Sale;
use crate::ledger::Error;
use crate::ledger::key::{Key, after_prefix};
use crate::ledger::list;
use crate::ledger::rows::{
    Row, balance_key, code_key, of_offer_prefix, of_order_key, of_person_prefix, payable_prefix, reconciliation_key,
};
use crate::ledger::step::number;
use crate::ledger::store::Store;
use crate::ledger::table::Tab;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

impl Load for MakePartnerFamily {
    fn load<S: Store>(store: &S, _: &MakePartner, _: At) -> Result<PartnerFacts, Error> {
        let salt = Id::of("salt", &[&store.names().seal("ids", &[])]);
        Ok(PartnerFacts { rules: store.rules()?, salt, ..PartnerFacts::default() })
    }
}

impl Load for ChangePartnerFamily {
    fn load<S: Store>(store: &S, command: &ChangePartner, _: At) -> Result<PartnerFacts, Error> {
        Ok(PartnerFacts { partner: store.row(command.partner.as_bytes())?, ..PartnerFacts::default() })
    }
}

impl Load for ErasePartnerFamily {
    fn load<S: Store>(store: &S, command: &ErasePartner, _: At) -> Result<PartnerFacts, Error> {
        let partner = store.row(command.partner.as_bytes())?;
        let payouts: Vec<Payout> = of_partner(store, command.partner)?;
        let has_open_payouts = payouts.iter().any(Payout::is_open);
        let (mut coupons, mut alerts) = (Vec::new(), Vec::new());
        for coupon in of_partner::<S, Coupon>(store, command.partner)? {
            alerts.extend(not_made(store, &coupon)?);
            coupons.push((coupon.clone(), custom_code(store, &coupon)?));
        }
        Ok(PartnerFacts { partner, has_open_payouts, coupons, alerts, ..PartnerFacts::default() })
    }
}

impl Load for AddCouponFamily {
    fn load<S: Store>(store: &S, command: &AddCoupon, _: At) -> Result<PartnerFacts, Error> {
        let (id, code) = match &command.wanted {
            Wanted::Offer(name) => (Coupon::of_offer(name), None),
            Wanted::Custom { code, .. } => (Coupon::of_code(code), store.row(&code_key(code))?),
        };
        let coupon = store.row(id.as_bytes())?;
        let partner: Option<Partner> = store.row(command.partner.as_bytes())?;
        let (slug, referrer) = match &partner {
            Some(partner) => seat(store, &partner.campaign, Partner::person(partner.id))?,
            None => Default::default(),
        };
        let (rules, own_offers) = (store.rules()?, own_offers(store)?);
        Ok(PartnerFacts { rules, partner, coupon, code, own_offers, referrer, slug, ..PartnerFacts::default() })
    }
}

impl Load for EndCouponFamily {
    fn load<S: Store>(store: &S, command: &EndCoupon, _: At) -> Result<PartnerFacts, Error> {
        let coupon: Option<Coupon> = store.row(command.coupon.as_bytes())?;
        let (code, alert) = match &coupon {
            Some(coupon) => (custom_code(store, coupon)?, not_made(store, coupon)?),
            None => (None, None),
        };
        let (rules, own_offers, alerts) = (store.rules()?, own_offers(store)?, alert.into_iter().collect());
        Ok(PartnerFacts { rules, coupon, code, own_offers, alerts, ..PartnerFacts::default() })
    }
}

impl Load for JudgeFamily {
    fn load<S: Store>(store: &S, command: &Judge, _: At) -> Result<JudgeFacts, Error> {
        let row = |transaction: &String| store.row(Conversion::id(transaction).as_bytes());
        Ok(JudgeFacts { conversions: command.transactions.iter().map(row).collect::<Result<_, _>>()? })
    }
}

impl Load for DraftFamily {
    fn load<S: Store>(store: &S, command: &Draft, now: At) -> Result<DraftFacts, Error> {
        let partner: Option<Partner> = store.row(command.partner.as_bytes())?;
        let rules = partner.as_ref().map(|partner| store.rules_of(&partner.campaign)).transpose()?.flatten();
        let hold = rules.as_ref().and_then(|rules| rules.policy.payout.as_ref()).map_or(0, |payout| payout.hold_days);
        let until = Key::new().at(now.minus(Span::days(hold.into()))).done();
        let prefix = payable_prefix(command.partner, Some(command.currency));
        // Whatever was bought at the last instant, too.
        let to = after_prefix(&[prefix.clone(), until].concat());
        let to = to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut payable = Vec::new();
        for (key, _) in store.range(Tab::Payable, Bound::Included(&prefix), to, MOST)? {
            payable.push(of_index(store, &key[prefix.len() + 8..])?);
        }
        let carried = balance(store, command.partner, command.currency, Account::Carried)?;
        Ok(DraftFacts { rules, partner, payable, carried })
    }
}

impl Load for AdvanceFamily {
    fn load<S: Store>(store: &S, command: &Advance, _: At) -> Result<AdvanceFacts, Error> {
        Ok(AdvanceFacts { paying: paying(store, command.payout)? })
    }
}

impl Load for AskPayoutFamily {
    fn load<S: Store>(store: &S, command: &AskPayout, _: At) -> Result<AskPayoutFacts, Error> {
        let key = store.get(Tab::OfOrder, &of_order_key(&command.name))?;
        Ok(AskPayoutFacts { payout: key.map(|key| store.row(&key)).transpose()?.flatten() })
    }
}

impl Load for ClearFamily {
    fn load<S: Store>(store: &S, command: &Clear, _: At) -> Result<ClearFacts, Error> {
        Ok(ClearFacts { alert: store.row(command.alert.as_bytes())? })
    }
}

impl Load for WatchFamily {
    fn load<S: Store>(store: &S, command: &Watch, _: At) -> Result<WatchFacts, Error> {
        let one = |seen: &Seen| store.row(Alert::id(seen.kind, &seen.about).as_bytes());
        Ok(WatchFacts { known: command.seen.iter().map(one).collect::<Result<_, _>>()? })
    }
}

impl Load for AskReportsFamily {
    fn load<S: Store>(_: &S, _: &AskReports, _: At) -> Result<(), Error> {
        Ok(())
    }
}

/// A payout with the conversions that are in it.
pub fn paying<S: Store>(store: &S, id: Id) -> Result<Option<Paying>, Error> {
    let Some(payout) = store.row::<Payout>(id.as_bytes())? else { return Ok(None) };
    let alert = store.row(Alert::id(AlertKind::PayoutInTrouble, &id.to_string()).as_bytes())?;
    let mut conversions = Vec::new();
    for (key, _) in store.prefix(Tab::OfPayout, id.as_bytes(), usize::MAX)? {
        conversions.push(of_index(store, &key[id.as_bytes().len()..])?);
    }
    Ok(Some(Paying { payout, conversions, alert }))
}

/// The code of a coupon that is one.
pub fn custom_code<S: Store>(store: &S, coupon: &Coupon) -> Result<Option<Code>, Error> {
    match &coupon.what {
        Token::Custom(custom) => store.row(&code_key(&custom.code)),
        Token::Offer(_) => Ok(None),
    }
}

/// The alert that Apple did not make a coupon's code, while it is open.
pub fn not_made<S: Store>(store: &S, coupon: &Coupon) -> Result<Option<Alert>, Error> {
    let id = Alert::id(AlertKind::CustomCodeFailed, &coupon.id.to_string());
    Ok(store.row(id.as_bytes())?.filter(Alert::is_open))
}

/// The rows of one noun that are a partner's.
pub fn of_partner<S: Store, R: Row>(store: &S, partner: Id) -> Result<Vec<R>, Error> {
    let prefix = of_person_prefix(Partner::person(partner), R::TAB);
    let keys = store.prefix(Tab::OfPerson, &prefix, usize::MAX)?;
    keys.iter().map(|(key, _)| of_index(store, &key[prefix.len()..])).collect()
}

fn of_index<S: Store, R: Row>(store: &S, key: &[u8]) -> Result<R, Error> {
    store.row(key)?.ok_or(Error::Broken("an index row without its record"))
}

/// Live offers of partners' own.
fn own_offers<S: Store>(store: &S) -> Result<u32, Error> {
    Ok(u32::try_from(list::count(store, "coupon", "", "own_offer")?).unwrap_or(u32::MAX))
}

pub fn balance<S: Store>(store: &S, partner: Id, currency: Currency, account: Account) -> Result<i64, Error> {
    Ok(store.get(Tab::Balance, &balance_key(partner, currency, account))?.map_or(0, |bytes| number(&bytes)))
}

/// What stands in a partner's accounts, by currency.
pub fn balances<S: Store>(store: &S, partner: Id) -> Result<BTreeMap<Currency, BTreeMap<Account, i64>>, Error> {
    let mut all: BTreeMap<Currency, BTreeMap<Account, i64>> = BTreeMap::new();
    for (key, value) in store.prefix(Tab::Balance, partner.as_bytes(), usize::MAX)? {
        let rest = &key[partner.as_bytes().len()..];
        let currency = rest.get(..3).and_then(|text| Currency::parse(std::str::from_utf8(text).ok()?));
        let account = rest.get(3).and_then(|n| Account::ALL.get(usize::from(*n)));
        let (Some(currency), Some(account)) = (currency, account) else {
            return Err(Error::Broken("a balance of no account"));
        };
        all.entry(currency).or_default().insert(*account, number(&value));
    }
    Ok(all)
}

/// The next piece of what was redeemed with a coupon's offer.
pub fn redeemed_with<S: Store>(store: &S, coupon: Id, after: Option<(Date, Id)>) -> Result<Vec<Redemption>, Error> {
    let Some(Coupon { what: Token::Offer(name), .. }) = store.row(coupon.as_bytes())? else { return Ok(Vec::new()) };
    let prefix = of_offer_prefix(&name, None);
    let last = after.map(|(day, id)| Key::new().bytes(&of_offer_prefix(&name, Some(day))).bytes(id.as_bytes()).done());
    let from = last.as_deref().map_or(Bound::Included(prefix.as_slice()), Bound::Excluded);
    let end = after_prefix(&prefix);
    let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let keys = store.range(Tab::OfOffer, from, to, PIECE)?;
    keys.iter().map(|(key, _)| of_index(store, &key[prefix.len() + 8..])).collect()
}

/// What is known of a day, for the offers that a report names and those that are ours.
pub fn day<S: Store>(store: &S, date: Date, reported: &[Reported]) -> Result<DayFacts, Error> {
    let mut offers: BTreeSet<String> = reported.iter().map(|line| line.offer.clone()).collect();
    offers.extend(store.rules()?.iter().map(|rules| rules.policy.offer.clone()));
    let coupons = list::rows(store, None, usize::MAX, Coupon::is_own_offer)?;
    offers.extend(coupons.items.into_iter().filter_map(|coupon| match coupon.what {
        Token::Offer(name) => Some(name),
        Token::Custom(_) => None,
    }));
    let mut known = Vec::new();
    for offer in &offers {
        let prefix = of_offer_prefix(offer, Some(date));
        for (key, _) in store.prefix(Tab::OfOffer, &prefix, usize::MAX)? {
            let redemption: Redemption = of_index(store, &key[prefix.len()..])?;
            if !redemption.is_test && !is_one_time(store, &redemption)? {
                known.push(Known { custom_code: claimed_with(store, &redemption)?, redemption });
            }
        }
    }
    let before = store.row(&reconciliation_key(date))?;
    let is_of_day = |alert: &Alert| {
        alert.kind == AlertKind::RedemptionsDiffer && alert.is_open() && alert.about.starts_with(&format!("{date} "))
    };
    let alerts = list::rows(store, None, usize::MAX, is_of_day)?.items;
    Ok(DayFacts { known, before, alerts })
}

/// Apple's report is of subscriptions.
fn is_one_time<S: Store>(store: &S, redemption: &Redemption) -> Result<bool, Error> {
    let sale: Option<Sale> = store.row(Sale::id(&redemption.transaction_id).as_bytes())?;
    Ok(sale.and_then(|sale| sale.what).is_some_and(|what| what.value.is_one_time))
}

/// The custom code of the claim that a redemption completed.
fn claimed_with<S: Store>(store: &S, redemption: &Redemption) -> Result<Option<CodeText>, Error> {
    let RedemptionState::Attributed { completion } = redemption.state else { return Ok(None) };
    let Some(completion) = store.row::<Completion>(completion.as_bytes())? else { return Ok(None) };
    let code: Option<Code> = store.row(&code_key(&completion.code))?;
    Ok(code.filter(|code| code.is_custom).map(|code| code.text))
}

/// Whether somebody of this name holds codes as a partner.
pub fn is_partner<S: Store>(store: &S, person: Person) -> Result<bool, Error> {
    Ok(store.get(Tab::Partner, Partner::held_by(person).as_bytes())?.is_some())
}
