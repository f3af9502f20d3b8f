//! The purchases of one environment: transactions, what is known of their renewal, and what was changed of both: tokens
//! that were set, and renewal dates that were moved.

use super::extension::{Extension, Extensions};
use super::refusal::Refusal;
use crate::domain::at::At;
use crate::fake::apple_event::{Notification, RenewalInfo, Transaction};
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Purchases {
    /// By id.
    transactions: BTreeMap<String, Kept<Transaction>>,
    /// By original id.
    renewals: BTreeMap<String, Kept<RenewalInfo>>,
    tokens: BTreeMap<String, Token>,
    extensions: Extensions,
}

#[derive(Clone)]
struct Kept<T> {
    what: T,
    /// When it last changed.
    at: At,
}

/// A token that was set afterwards. It is on the transaction that was the latest then, and on later ones.
struct Token {
    uuid: String,
    from: At,
}

impl Purchases {
    /// An older word never replaces a newer one.
    pub fn keep(&mut self, transaction: &Transaction, renewal: Option<&RenewalInfo>, at: At) {
        fn put<T: Clone>(all: &mut BTreeMap<String, Kept<T>>, id: &str, what: &T, at: At) {
            if all.get(id).is_none_or(|kept| kept.at <= at) {
                all.insert(id.to_owned(), Kept { what: what.clone(), at });
            }
        }
        put(&mut self.transactions, transaction.id(), transaction, at);
        if let Some(renewal) = renewal {
            put(&mut self.renewals, renewal.original_id(), renewal, at);
        }
    }
    /// Learns what a notification tells. The same one comes back with the tokens that its purchase carries by now.
    pub fn told(&mut self, notification: &Notification) -> Notification {
        if let Some(transaction) = notification.transaction() {
            self.keep(transaction, notification.renewal(), notification.at());
        }
        let transaction = notification.transaction().map(|transaction| self.shown(transaction));
        let renewal = notification.renewal().map(|renewal| self.shown_renewal(renewal));
        notification.clone().with(transaction, renewal)
    }

    /// A transaction by its own id.
    pub fn transaction(&self, id: &str) -> Result<Transaction, Refusal> {
        let kept = self.transactions.get(digits(id)?);
        kept.map(|kept| self.shown(&kept.what)).ok_or_else(|| self.unknown(id))
    }
    /// All that one customer bought, by any of their ids, in the order of the last change.
    pub fn of_customer(&self, id: &str) -> Result<Vec<Transaction>, Refusal> {
        digits(id)?;
        let is = |transaction: &Transaction| {
            [transaction.id(), transaction.original_id()].contains(&id) || customer(transaction) == Some(id)
        };
        let named = self.transactions.values().find(|kept| is(&kept.what)).ok_or(Refusal::NO_TRANSACTION)?;
        let theirs = |transaction: &Transaction| {
            transaction.original_id() == named.what.original_id()
                || customer(transaction).is_some_and(|id| customer(&named.what) == Some(id))
        };
        let mut all: Vec<&Kept<Transaction>> = self.transactions.values().filter(|kept| theirs(&kept.what)).collect();
        all.sort_by_key(|kept| (kept.at, kept.what.purchased_at()));
        Ok(all.into_iter().map(|kept| self.shown(&kept.what)).collect())
    }
    pub fn renewal(&self, original_id: &str) -> Option<RenewalInfo> {
        Some(self.shown_renewal(&self.renewals.get(original_id)?.what))
    }

    pub fn set_token(&mut self, original_id: &str, token: &str) -> Result<(), Refusal> {
        digits(original_id)?;
        let latest = self.latest(original_id).map(|latest| (latest.purchased_at(), latest.is_family_shared()));
        let Some((from, shared)) = latest else {
            let known = self.transactions.contains_key(original_id);
            return Err(if known { Refusal::NOT_ORIGINAL } else { self.unknown(original_id) });
        };
        if !is_uuid(token) {
            return Err(Refusal::TOKEN);
        }
        if shared {
            return Err(Refusal::FAMILY);
        }
        self.tokens.insert(original_id.to_owned(), Token { uuid: token.to_owned(), from });
        Ok(())
    }
    pub fn token(&self, original_id: &str) -> Option<String> {
        self.tokens.get(original_id).map(|token| token.uuid.clone())
    }

    /// The current period with its new end, and its renewal. What is asked for twice is done twice: Apple does not
    /// promise to know a request by its identifier.
    pub fn extend(
        &mut self,
        original_id: &str,
        extension: Extension,
        now: At,
    ) -> Result<(Transaction, Option<RenewalInfo>), Refusal> {
        let current = self.extendable(original_id, now)?;
        let end = extension.end(current).ok_or(Refusal::NOT_EXTENDABLE)?;
        let extended = current.clone().expires(end);
        self.transactions.insert(extended.id().to_owned(), Kept { what: extended.clone(), at: now });
        let renewal = self.renewals.get_mut(original_id).map(|kept| {
            *kept = Kept { what: kept.what.clone().set("renewalDate", json!(end.0)), at: now };
            kept.what.clone()
        });
        self.extensions.record(original_id, extension, now);
        Ok((extended, renewal))
    }
    /// The current period of a subscription whose renewal date may be moved.
    pub fn extendable(&self, original_id: &str, now: At) -> Result<&Transaction, Refusal> {
        digits(original_id).map_err(|_| Refusal::ORIGINAL_TRANSACTION_ID)?;
        let current = self.latest(original_id).ok_or(Refusal::NO_ORIGINAL_TRANSACTION)?;
        let renewal = self.renewals.get(original_id).map(|kept| &kept.what);
        self.extensions.check(current, renewal, now)?;
        Ok(current)
    }
    pub fn extensions(&self, original_id: &str) -> impl Iterator<Item = &Extension> {
        self.extensions.of(original_id)
    }

    fn latest(&self, original_id: &str) -> Option<&Transaction> {
        let of = self.transactions.values().map(|kept| &kept.what);
        of.filter(|transaction| transaction.original_id() == original_id).max_by_key(|latest| latest.purchased_at())
    }
    fn unknown(&self, id: &str) -> Refusal {
        let is_customer = self.transactions.values().any(|kept| customer(&kept.what) == Some(id));
        if is_customer { Refusal::APP_TRANSACTION_ID } else { Refusal::NO_TRANSACTION }
    }
    fn shown(&self, transaction: &Transaction) -> Transaction {
        let token = self.tokens.get(transaction.original_id());
        match token.filter(|token| token.from <= transaction.purchased_at()) {
            Some(token) => transaction.clone().token(&token.uuid),
            None => transaction.clone(),
        }
    }
    fn shown_renewal(&self, renewal: &RenewalInfo) -> RenewalInfo {
        match self.tokens.get(renewal.original_id()) {
            Some(token) => renewal.clone().token(&token.uuid),
            None => renewal.clone(),
        }
    }
}

/// Whose purchase it is, by Apple's name for their copy of the app.
fn customer(transaction: &Transaction) -> Option<&str> {
    transaction.text("appTransactionId")
}

fn digits(id: &str) -> Result<&str, Refusal> {
    let ok = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    if ok { Ok(id) } else { Err(Refusal::TRANSACTION_ID) }
}

pub fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
