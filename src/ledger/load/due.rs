//! What a time that has come is about.

use super::Load;
use super::case::case_of;
use super::partner::redeemed_with;
use super::share::stock;
use super::winback::candidate;
use crate::domain::at::At;
use crate::domain::batch::Chunk;
use crate::domain::claim::Claim;
use crate::domain::code::{Code, CodeText};
use crate::domain::decide::due::{DueFacts, DueFamily};
use crate::domain::due::{Due, DueWhat};
use crate::domain::question::Question;
use crate::domain::subscription::Subscription;
use crate::ledger::Error;
use crate::ledger::rows::{chunk_key, claim_key, code_key, due_key};
use crate::ledger::store::Store;
use crate::ledger::table::Tab;

impl Load for DueFamily {
    fn load<S: Store>(store: &S, due: &Due, now: At) -> Result<DueFacts, Error> {
        let stands = store.get(Tab::Due, &due_key(due))?.is_some();
        let mut facts = DueFacts { stands, ..DueFacts::default() };
        match &due.what {
            DueWhat::TakeOff { campaign, .. } => facts.stock = stock(store, campaign)?,
            DueWhat::Expire { batch, chunk } => {
                let chunk: Option<Chunk> = store.row(&chunk_key(*batch, *chunk))?;
                let Some(chunk) = chunk else { return Ok(facts) };
                let mut codes = Vec::new();
                for text in chunk.codes.iter().filter_map(CodeText::parse) {
                    let code: Option<Code> = store.row(&code_key(&text))?;
                    codes.extend(code.filter(|code| code.batch == *batch));
                }
                facts.codes = Some(codes);
            }
            DueWhat::Release { completion } => facts.case = case_of(store, *completion)?,
            DueWhat::Attribute { coupon, after } => facts.redeemed = redeemed_with(store, *coupon, *after)?,
            DueWhat::AskPayout { payout } => facts.payout = store.row(payout.as_bytes())?,
            DueWhat::WinBack { campaign, lapse } => {
                let ended: Option<Subscription> =
                    store.row(Subscription::id(&lapse.original_transaction_id).as_bytes())?;
                if let Some(person) = ended.and_then(|ended| ended.person()) {
                    facts.candidate = candidate(store, campaign, person, now)?;
                }
            }
            DueWhat::AnswerRefund { transaction_id, .. } => {
                facts.question = store.row(Question::id(transaction_id).as_bytes())?;
            }
            DueWhat::Forget { .. } => {}
            DueWhat::LookUp { campaign, referee, .. } => {
                let claim: Option<Claim> = store.row(&claim_key(campaign, *referee))?;
                facts.claim = claim.zip(store.rules_of(campaign)?);
            }
        }
        Ok(facts)
    }
}
