//! Somebody who shares: their slug, the code they show now, and what has come of it.

use super::at::{Date, Span};
use super::code::CodeText;
use super::id::Person;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Referrer {
    pub campaign: String,
    pub person: Person,
    /// The stable public name in a share link; it outlives any code.
    pub slug: String,
    pub current: Option<CodeText>,
    /// Codes handed out in this referrer's name.
    pub shared: u32,
    pub credited: u32,
    pub held: u32,
    pub reversed: u32,
    pub days: u32,
    /// Credited completions that count towards milestones.
    pub counted: u32,
    /// The milestones that were reached once.
    pub milestones: Vec<Reached>,
    /// Completions a day, of the days that a limit may ask for.
    pub pace: Vec<(Date, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    pub referrals: u32,
    pub days: u32,
    /// What was left of the days when they were taken back; absent while they are granted.
    pub taken: Option<Span>,
}

impl Referrer {
    /// How long the completions of a day are counted: no month has more days.
    pub const PACE_DAYS: i64 = 31;

    pub fn new(campaign: &str, person: Person, slug: String) -> Referrer {
        Referrer {
            campaign: campaign.to_owned(),
            person,
            slug,
            current: None,
            shared: 0,
            credited: 0,
            held: 0,
            reversed: 0,
            days: 0,
            counted: 0,
            milestones: Vec::new(),
            pace: Vec::new(),
        }
    }

    /// One more completion, whatever becomes of it.
    pub fn completed(&mut self, today: Date) {
        self.pace.retain(|(day, _)| day.plus_days(Referrer::PACE_DAYS as i32) > today);
        match self.pace.iter_mut().find(|(day, _)| *day == today) {
            Some((_, count)) => *count += 1,
            None => self.pace.push((today, 1)),
        }
    }

    pub fn completed_on(&self, today: Date) -> u32 {
        self.pace.iter().filter(|(day, _)| *day == today).map(|(_, count)| count).sum()
    }

    /// In the calendar month (UTC) so far.
    pub fn completed_in_month(&self, today: Date) -> u32 {
        let first = today.first_of_month();
        self.pace.iter().filter(|(day, _)| (first..=today).contains(day)).map(|(_, count)| count).sum()
    }
}
