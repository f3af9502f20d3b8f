//! What follows from a decision for win-backs, for Apple's questions, for sales and for the books, whoever made it: ends that
//! are to be looked at, and who came back; questions that can be answered by now; sales that are a partner's or are no longer,
//! and the movements between accounts.

mod question;
mod winback;

use super::Error;
use super::names::Names;
use super::record::encode;
use super::rows::{Row, code_key, of_subscription_prefix, redemption_key};
use super::store::{Pair, Store};
use super::table::Tab;
use crate::domain::books::{Line, Movement, moved};
use crate::domain::code::Code;
use crate::domain::completion::Completion;
use crate::domain::conversion::Conversion;
use crate::domain::decide::{Decision, Put, Stamp};
use crate::domain::partner::{Coupon, Partner};
use crate::domain::payout::Payout;
use crate::domain::policy::Rules;
use crate::domain::redemption::{Redemption, RedemptionState};
use crate::domain::refund::Refund;
use crate::domain::sale::Sale;
use crate::domain::selling::{Redeemed, Selling};
use crate::domain::subscription::Subscription;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

pub fn follow<S: Store>(store: &S, stamp: Stamp, decision: &mut Decision) -> Result<(), Error> {
    winback::follow(store, stamp, decision)?;
    question::follow(store, stamp, decision)?;
    if store.rules()?.iter().all(|rules| rules.policy.payout.is_none()) {
        return Ok(());
    }
    for original in touched(&decision.puts) {
        let sold = selling(&Ahead::of(store, &decision.puts), &original, &decision.puts)?.follow();
        decision.puts.extend(sold.sales.into_iter().map(Put::Sale));
        decision.puts.extend(sold.redemptions.into_iter().map(Put::Redemption));
        decision.puts.extend(sold.conversions.into_iter().map(Put::Conversion));
        decision.puts.extend(sold.gone.iter().map(|name| Put::ConversionGone(Conversion::id(name))));
    }
    let lines = movement(store, &decision.puts)?;
    if !lines.is_empty() {
        decision.put(Put::Movement(Movement { seq: stamp.seq, at: stamp.at, lines }));
    }
    Ok(())
}

/// The original transactions of which something became known.
fn touched(puts: &[Put]) -> BTreeSet<String> {
    let original = |put: &Put| match put {
        Put::Sale(row) => Some(row.original_transaction_id.clone()),
        Put::Refund(row) => Some(row.original_transaction_id.clone()),
        Put::Redemption(row) => Some(row.original_transaction_id.clone()),
        Put::Completion(row) => row.original_transaction_id.clone(),
        _ => None,
    };
    puts.iter().filter_map(original).collect()
}

fn selling<S: Store>(store: &Ahead<'_, S>, original: &str, puts: &[Put]) -> Result<Selling, Error> {
    let mut selling = Selling { rules: store.rules()?, ..Selling::default() };
    let mut keys: BTreeSet<Vec<u8>> = BTreeSet::new();
    let prefix = of_subscription_prefix(original);
    for (key, _) in store.prefix(Tab::OfSubscription, &prefix, usize::MAX)? {
        keys.insert(key[prefix.len()..].to_vec());
    }
    keys.extend(puts.iter().filter_map(|put| match put {
        Put::Sale(row) if row.original_transaction_id == original => Some(row.key()),
        _ => None,
    }));
    for key in keys {
        let sale: Sale = store.row(&key)?.ok_or(Error::Broken("an index row without its record"))?;
        let name = sale.transaction_id.clone();
        let refund: Option<Refund> = store.row(Refund::id(&name).as_bytes())?;
        selling.refunds.extend(refund.map(|refund| (name.clone(), refund)));
        let known: Option<Conversion> = store.row(Conversion::id(&name).as_bytes())?;
        selling.known.extend(known.map(|known| (name, known)));
        selling.sales.push(sale);
    }
    let subscription: Option<Subscription> = store.row(Subscription::id(original).as_bytes())?;
    for offer in subscription.iter().flat_map(|known| &known.offers) {
        let Some(redemption) = store.row(&redemption_key(Redemption::id(original, offer)))? else { continue };
        let own_offer: Option<Coupon> = store.row(Coupon::of_offer(offer).as_bytes())?;
        let by_code = by_code(store, &redemption)?;
        let holders = own_offer.as_ref().map(|coupon| coupon.partner).into_iter();
        for id in holders.chain(by_code.as_ref().map(|(_, code, _)| Partner::held_by(code.assigned_to))) {
            let partner: Option<Partner> = store.row(id.as_bytes())?;
            selling.partners.extend(partner.map(|partner| (id, partner)));
        }
        selling.redeemed.push(Redeemed { redemption, own_offer, by_code });
    }
    Ok(selling)
}

/// The completion that a redemption rests in, with its code.
fn by_code<S: Store>(
    store: &Ahead<'_, S>,
    redemption: &Redemption,
) -> Result<Option<(Completion, Code, Option<Coupon>)>, Error> {
    let RedemptionState::Attributed { completion } = redemption.state else { return Ok(None) };
    let Some(completion) = store.row::<Completion>(completion.as_bytes())? else { return Ok(None) };
    let Some(code) = store.row::<Code>(&code_key(&completion.code))? else { return Ok(None) };
    let coupon = match code.is_custom {
        true => store.row(Coupon::of_code(&code.text).as_bytes())?,
        false => None,
    };
    Ok(Some((completion, code, coupon)))
}

/// The table and the key of a row.
type Place = (Tab, Vec<u8>);

/// The lines between what stands in the accounts and what will.
fn movement<S: Store>(store: &S, puts: &[Put]) -> Result<Vec<Line>, Error> {
    let mut last: BTreeMap<Place, [Vec<Line>; 2]> = BTreeMap::new();
    for put in puts {
        match put {
            Put::Conversion(row) => _ = last.insert(place(row), change(store, row, Conversion::lines)?),
            Put::ConversionGone(id) => {
                let before: Option<Conversion> = store.row(id.as_bytes())?;
                let lines = before.as_ref().map(Conversion::lines).unwrap_or_default();
                last.insert((Tab::Conversion, id.as_bytes().to_vec()), [lines, Vec::new()]);
            }
            Put::Payout(row) => _ = last.insert(place(row), change(store, row, Payout::lines)?),
            _ => {}
        }
    }
    let (before, after): (Vec<_>, Vec<_>) = last.into_values().map(|[before, after]| (before, after)).unzip();
    Ok(moved(before.concat(), after.concat()))
}

fn place<R: Row>(row: &R) -> Place {
    (R::TAB, row.key())
}

fn change<S: Store, R: Row>(store: &S, row: &R, lines: impl Fn(&R) -> Vec<Line>) -> Result<[Vec<Line>; 2], Error> {
    let before: Option<R> = store.row(&row.key())?;
    Ok([before.as_ref().map(&lines).unwrap_or_default(), lines(row)])
}

/// The rows as a decision will leave them. Its index rows are not there yet.
pub struct Ahead<'a, S> {
    store: &'a S,
    rows: BTreeMap<Place, Vec<u8>>,
}

impl<'a, S: Store> Ahead<'a, S> {
    pub fn of(store: &'a S, puts: &[Put]) -> Ahead<'a, S> {
        let mut ahead = Ahead { store, rows: BTreeMap::new() };
        ahead.take(puts);
        ahead
    }

    pub fn take(&mut self, puts: &[Put]) {
        fn row<R: Row>(row: &R) -> Option<(Place, Vec<u8>)> {
            Some((place(row), encode(row)))
        }
        let rows = puts.iter().filter_map(|put| match put {
            Put::Sale(one) => row(one),
            Put::Refund(one) => row(one),
            Put::Redemption(one) => row(one),
            Put::Completion(one) => row(one),
            Put::Subscription(one) => row(one),
            Put::Code(one) => row(one),
            Put::Coupon(one) => row(one),
            Put::Conversion(one) => row(one),
            Put::Alias(one) => row(one),
            Put::Consent(one) => row(one),
            Put::Question(one) => row(one),
            Put::Referrer(one) => row(one),
            Put::Claim(one) => row(one),
            Put::Account(one) => row(one),
            Put::Partner(one) => row(one),
            _ => None,
        });
        self.rows.extend(rows);
    }
}

impl<S: Store> Store for Ahead<'_, S> {
    fn names(&self) -> &Names {
        self.store.names()
    }
    fn get(&self, tab: Tab, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        match self.rows.get(&(tab, key.to_vec())) {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => self.store.get(tab, key),
        }
    }
    fn range(&self, tab: Tab, from: Bound<&[u8]>, to: Bound<&[u8]>, limit: usize) -> Result<Vec<Pair>, Error> {
        self.store.range(tab, from, to, limit)
    }
    fn rules(&self) -> Result<Vec<Arc<Rules>>, Error> {
        self.store.rules()
    }
}
