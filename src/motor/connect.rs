//! What is asked of the App Store Connect API: batches of codes, custom codes, and how many were redeemed.

use super::outcome::{again, outcome, reading};
use crate::domain::at::{Date, Span};
use crate::domain::batch::Batch;
use crate::domain::code::CodeText;
use crate::domain::id::Id;
use crate::domain::outcome::{Answer, Outcome};
use crate::domain::partner::{Coupon, Custom, CustomState, Token};
use crate::domain::reconciliation::Reported;
use crate::ledger::store::Store;
use crate::ledger::{Error, Ledger, list};
use crate::outside::app_store_connect::AppStoreConnect;
use crate::wire::app_store_connect::BatchInfo;
use crate::wire::sales_report::Redeemed;
use std::collections::HashSet;
use std::sync::Arc;

/// App Store Connect, and what it is asked about.
pub struct Connect {
    pub server: AppStoreConnect,
    /// The app among those of the vendor.
    pub apple_id: u64,
    pub vendor_number: Option<String>,
    pub ledger: Arc<Ledger>,
}

/// Apple's clock and ours differ.
const SKEW: Span = Span::minutes(15);

impl Connect {
    pub async fn request(&self, batch: Id) -> Result<Outcome, Outcome> {
        let (batch, offer) = self.batch(batch)?;
        let made = self.server.create_batch(&offer, batch.asked, batch.expires, batch.environment).await;
        Ok(Outcome::Done(Answer::BatchMade { apple_id: made.map_err(outcome)?.id }))
    }

    /// After a lost answer: a batch like ours, made since we asked, that we do not know is ours.
    pub async fn look_for(&self, batch: Id) -> Result<Outcome, Outcome> {
        let (batch, offer) = self.batch(batch)?;
        let listed = self.server.list_batches(&offer).await.map_err(reading)?;
        let known = self.known_batches().map_err(|error| again(&error))?;
        let is_ours = |info: &&BatchInfo| {
            info.count == batch.asked
                && info.environment == batch.environment
                && info.active
                && info.expires.is_none_or(|expires| expires == batch.expires)
                && info.created.is_none_or(|created| created.plus(SKEW) >= batch.requested_at)
                && !known.contains(&info.id)
        };
        let found = listed.iter().filter(is_ours).min_by_key(|info| info.created);
        Ok(found.map_or(Outcome::Absent, |info| Outcome::Done(Answer::BatchMade { apple_id: info.id.clone() })))
    }

    pub async fn fetch(&self, batch: Id) -> Result<Outcome, Outcome> {
        let (batch, _) = self.batch(batch)?;
        let apple_id = batch.apple_id.ok_or_else(|| Outcome::Never { why: "the batch has no id at Apple".into() })?;
        let codes = self.server.batch_values(&apple_id).await.map_err(reading)?;
        let codes: Vec<CodeText> = codes.codes.into_iter().filter_map(CodeText::of).collect();
        Ok(Outcome::Done(Answer::Codes(codes)))
    }

    /// The batch and the offer it is of.
    fn batch(&self, id: Id) -> Result<(Batch, String), Outcome> {
        let snapshot = self.ledger.snapshot();
        let read = || -> Result<Option<(Batch, String)>, Error> {
            let Some(batch) = snapshot.row::<Batch>(id.as_bytes())? else { return Ok(None) };
            let rules = snapshot.rules_of(&batch.campaign)?;
            Ok(rules.map(|rules| (batch, rules.policy.offer_code_id.clone())))
        };
        read().map_err(|error| again(&error))?.ok_or_else(|| Outcome::Never { why: "the batch is unknown".into() })
    }

    fn known_batches(&self) -> Result<HashSet<String>, Error> {
        let page = list::rows(&*self.ledger.snapshot(), None, usize::MAX, |_: &Batch| true)?;
        Ok(page.items.into_iter().filter_map(|batch| batch.apple_id).collect())
    }

    pub async fn make_custom_code(&self, coupon: Id) -> Result<Outcome, Outcome> {
        let wanted = self.custom(coupon)?;
        let (offer, code) = (&wanted.offer_code_id, wanted.code.as_str());
        let made = self.server.create_custom_code(offer, code, wanted.count, wanted.expires).await;
        Ok(Outcome::Done(Answer::CustomCodeMade { apple_id: made.map_err(outcome)?.id }))
    }

    /// After a lost answer: a text stands for one code of an offer only.
    pub async fn look_for_custom_code(&self, coupon: Id) -> Result<Outcome, Outcome> {
        let wanted = self.custom(coupon)?;
        let listed = self.server.list_custom_codes(&wanted.offer_code_id).await.map_err(reading)?;
        let found = listed.into_iter().find(|info| info.active && info.code.eq_ignore_ascii_case(wanted.code.as_str()));
        Ok(found.map_or(Outcome::Absent, |info| Outcome::Done(Answer::CustomCodeMade { apple_id: info.id })))
    }

    /// It may be done again without harm.
    pub async fn end_custom_code(&self, coupon: Id) -> Result<Outcome, Outcome> {
        let CustomState::Made { apple_id } = self.custom(coupon)?.state else { return Ok(Outcome::Done(Answer::Sent)) };
        self.server.end_custom_code(&apple_id).await.map_err(reading)?;
        Ok(Outcome::Done(Answer::Sent))
    }

    pub async fn report(&self, date: Date) -> Result<Outcome, Outcome> {
        let Some(vendor) = &self.vendor_number else {
            return Ok(Outcome::Never { why: "app_store_connect.vendor_number is not configured".to_owned() });
        };
        let lines = self.server.sales_report(vendor, date).await.map_err(reading)?;
        let is_ours = |line: &Redeemed| line.date == date && line.app_apple_id.is_none_or(|app| app == self.apple_id);
        let reported = |line: Redeemed| Reported {
            offer: line.offer,
            code: line.code.and_then(CodeText::of).map(|code| code.upper()),
            count: line.count,
        };
        let lines = lines.map(|lines| lines.into_iter().filter(is_ours).map(reported).collect());
        Ok(Outcome::Done(Answer::Report(lines)))
    }

    fn custom(&self, id: Id) -> Result<Custom, Outcome> {
        let coupon: Option<Coupon> = self.ledger.snapshot().row(id.as_bytes()).map_err(|error| again(&error))?;
        match coupon.map(|coupon| coupon.what) {
            Some(Token::Custom(custom)) => Ok(custom),
            Some(Token::Offer(_)) | None => Err(Outcome::Never { why: "the custom code is unknown".to_owned() }),
        }
    }
}
