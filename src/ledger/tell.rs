//! What a decision has to tell to those who want events: each row that it puts beside the one before.

use super::Error;
use super::rows::Row;
use super::step::last_of_each;
use super::store::Store;
use super::table::Tab;
use crate::domain::at::At;
use crate::domain::code::Code;
use crate::domain::conversion::Conversion;
use crate::domain::decide::webhook::{granted, tell as told};
use crate::domain::decide::{Decision, Put, Stamp};
use crate::domain::event::Event;
use crate::domain::webhook::Webhook;
use crate::domain::winback::WinBack;

pub fn tell<S: Store>(store: &S, stamp: Stamp, decision: &mut Decision) -> Result<(), Error> {
    let webhooks = webhooks(store)?;
    if webhooks.iter().all(|webhook| webhook.disabled.is_some()) {
        return Ok(());
    }
    decision.puts = last_of_each(std::mem::take(&mut decision.puts));
    let mut events = Vec::new();
    for put in &decision.puts {
        events.extend(events_of(store, put, &decision.puts, stamp.at)?);
    }
    for (n, event) in events.iter().enumerate() {
        let wanting = webhooks.iter().filter(|webhook| webhook.disabled.is_none() && webhook.wants(event));
        decision.effects.extend(wanting.map(|webhook| told(webhook, event, n as u16, stamp)));
    }
    Ok(())
}

pub fn webhooks<S: Store>(store: &S) -> Result<Vec<Webhook>, Error> {
    let rows = store.prefix(Tab::Webhook, &[], usize::MAX)?;
    rows.iter().map(|(key, _)| store.row(key)?.ok_or(Error::Broken("a webhook that is not there"))).collect()
}

fn events_of<S: Store>(store: &S, put: &Put, all: &[Put], now: At) -> Result<Vec<Event>, Error> {
    fn before<S: Store, R: Row>(store: &S, row: &R) -> Result<Option<R>, Error> {
        store.row(&row.key())
    }
    let event = match put {
        Put::Code(row) => Event::of_code(before(store, row)?.as_ref(), row),
        Put::Claim(row) => Event::of_claim(before(store, row)?.as_ref(), row),
        Put::Completion(row) => Event::of_completion(before(store, row)?.as_ref(), row),
        Put::Extension(row) => Event::of_extension(before(store, row)?.as_ref(), row),
        Put::Question(row) => return Ok(Event::of_question(before(store, row)?.as_ref(), row)),
        Put::Referrer(row) => return Ok(Event::of_referrer(before(store, row)?.as_ref(), row)),
        Put::Pool(row) => match store.rules_of(&row.campaign)? {
            Some(rules) => Event::of_pool(before(store, row)?.as_ref(), row, &rules.policy.pool, now),
            None => None,
        },
        Put::Conversion(row) => Event::of_conversion(before(store, row)?.as_ref(), row),
        Put::ConversionGone(id) => store.row::<Conversion>(id.as_bytes())?.map(Event::ConversionWithdrawn),
        Put::Payout(row) => Event::of_payout(before(store, row)?.as_ref(), row),
        Put::Alert(row) => Event::of_alert(before(store, row)?.as_ref(), row),
        Put::WinBack(row) => Event::of_winback(before(store, row)?.as_ref(), row, issued(row, all)),
        Put::Item(row) => granted(before(store, row)?.as_ref(), row),
        _ => None,
    };
    Ok(event.into_iter().collect())
}

/// The code that a decision issued to somebody who left.
fn issued<'a>(row: &WinBack, all: &'a [Put]) -> Option<&'a Code> {
    all.iter().find_map(|put| match put {
        Put::Code(code) if row.code() == Some(&code.text) => Some(code),
        _ => None,
    })
}
