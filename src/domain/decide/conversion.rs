//! Somebody looks at conversions.

use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::conversion::{Conversion, ConversionState, Reason};
use serde::{Deserialize, Serialize};

/// Of several those are decided on that can be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judge {
    pub transactions: Vec<String>,
    pub verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    Approve,
    /// It earns nothing, unless somebody approves it after all.
    Reject,
}

pub struct JudgeFacts {
    /// As they are asked for.
    pub conversions: Vec<Option<Conversion>>,
}

pub struct JudgeFamily;

impl Family for JudgeFamily {
    type Command = Judge;
    type Facts = JudgeFacts;

    fn decide(facts: &JudgeFacts, command: &Judge, stamp: Stamp) -> Result<Decision, Refusal> {
        let mut decision = Decision::same(Reply::Nothing);
        let (mut judged, mut refused) = (Vec::new(), Refusal::UnknownConversion);
        for known in &facts.conversions {
            let after = match known {
                Some(known) => judge(known, command.verdict, stamp),
                None => Err(Refusal::UnknownConversion),
            };
            match after {
                Ok(after) => {
                    decision.puts.extend((Some(&after) != known.as_ref()).then(|| Put::Conversion(after.clone())));
                    judged.push(after);
                }
                Err(why) => refused = why,
            }
        }
        if judged.is_empty() {
            return Err(refused);
        }
        decision.reply = Reply::Judged(judged);
        Ok(decision)
    }
}

fn judge(known: &Conversion, verdict: Verdict, stamp: Stamp) -> Result<Conversion, Refusal> {
    let mut after = known.clone();
    match (verdict, known.state()) {
        (Verdict::Approve, _) if known.is_test => return Err(Refusal::NeverPaid),
        (Verdict::Approve, ConversionState::Approved | ConversionState::Paid) => {}
        (Verdict::Approve, ConversionState::Pending | ConversionState::Rejected) => {
            after.reasons.retain(|reason| *reason != Reason::ByHand);
            if after.state() == ConversionState::Rejected {
                return Err(Refusal::WrongState);
            }
            after.approved_at = after.approved_at.or(Some(stamp.at));
        }
        (Verdict::Reject, _) if known.counted.is_some() => return Err(Refusal::WrongState),
        (Verdict::Reject, ConversionState::Pending | ConversionState::Approved | ConversionState::Rejected) => {
            let mut reasons = known.reasons.clone();
            reasons.push(Reason::ByHand);
            reasons.sort();
            reasons.dedup();
            after = after.because(reasons, known.commission);
        }
        (Verdict::Reject, ConversionState::Paid) => return Err(Refusal::WrongState),
    }
    Ok(after)
}
