//! What another system tells of, line by line: taken in piece by piece, or only tried.

use super::follow::Ahead;
use super::intake::IntakeError;
use super::store::Snapshot;
use super::writer::{Panicked, decide};
use super::{Entry, Fail, Ledger};
use crate::domain::at::At;
use crate::domain::decide::bring::Brought;
use crate::domain::decide::{By, Command, Reply, Stamp};
use crate::domain::id::UserId;

/// Lines that wait for the writer at once.
const PIECE: usize = 500;

/// One line, by its number.
pub struct Line {
    pub number: usize,
    pub command: Command,
    /// Whom it names.
    pub people: Vec<UserId>,
}

impl Ledger {
    /// What became of each line.
    pub async fn bring(&self, lines: Vec<Line>, by: By) -> Result<Vec<(usize, Brought)>, Fail> {
        let _one_at_a_time = self.one_at_a_time().await;
        let mut brought = Vec::with_capacity(lines.len());
        let mut lines = lines.into_iter().peekable();
        while lines.peek().is_some() {
            let mut waiting = Vec::with_capacity(PIECE);
            for line in lines.by_ref().take(PIECE) {
                let entry = Entry::new(line.command, by.clone()).naming(line.people);
                waiting.push((line.number, self.send(entry)?));
            }
            for (number, answer) in waiting {
                brought.push((number, outcome(answer.await.unwrap_or(Err(Fail::Unknown))?)?));
            }
        }
        Ok(brought)
    }

    /// What would become of each. Nothing is written.
    pub fn try_out(&self, lines: Vec<Line>) -> Result<Vec<(usize, Brought)>, IntakeError> {
        let snapshot = self.snapshot();
        let mut trial = Trial::of(&snapshot, self.clock.now());
        let tried = lines.into_iter().map(|line| Ok((line.number, outcome(trial.submit(&line.command)?)?)));
        tried.collect()
    }
}

/// Commands that are decided and not written. Each finds the rows that those before it would have put, but no index or count of
/// them.
pub struct Trial<'a> {
    ahead: Ahead<'a, Snapshot>,
    stamp: Stamp,
}

impl<'a> Trial<'a> {
    pub fn of(snapshot: &'a Snapshot, now: At) -> Trial<'a> {
        // From the end: no entry has such a number, and ids are made of them.
        Trial { ahead: Ahead::of(snapshot, &[]), stamp: Stamp { seq: u64::MAX, at: now } }
    }

    pub fn submit(&mut self, command: &Command) -> Result<Reply, IntakeError> {
        self.stamp.seq -= 1;
        let decision = match decide(&self.ahead, command, self.stamp)? {
            Ok(decided) => decided.map_err(Fail::Refused)?,
            Err(Panicked) => return Err(Fail::Defect.into()),
        };
        self.ahead.take(&decision.puts);
        Ok(decision.reply)
    }
}

fn outcome(reply: Reply) -> Result<Brought, Fail> {
    match reply {
        Reply::Brought(brought) => Ok(brought),
        _ => Err(Fail::Defect),
    }
}
