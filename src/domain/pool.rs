//! A campaign's stock of available codes: which batches still have some, how far each is used up,
//! and whether more must be asked for. Codes leave in a fixed order: the batch that ends first, and
//! in it from the first code to the last.

use super::at::{At, Date, Span};
use super::batch::{Batch, BatchState, CHUNK, Origin};
use super::code::CodeText;
use super::id::Id;
use super::policy::{Policy, PoolRules};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    pub campaign: String,
    pub shelves: Vec<Shelf>,
    /// How many batches were ever asked of Apple: the number of the next request's name.
    pub requests: u32,
    /// The batch that is on its way.
    pub coming: Option<Id>,
    /// Failed requests since the last good one; they space out the next.
    pub failures: u32,
    pub not_before: At,
    /// Codes whose time ran out before anybody got them.
    pub lapsed: u32,
    /// Codes handed out on each of the last days, for the pace.
    pub pace: Vec<(Date, u32)>,
    /// Codes of batches to come that nobody gets: a restored stock does not know whether they were handed out.
    pub owed: u32,
}

/// What is left of one batch. Chunks are full but for the last, so a place is one number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shelf {
    pub expires_at: At,
    pub batch: Id,
    pub size: u32,
    pub next: u32,
}

/// Where a code lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub batch: Id,
    pub expires_at: At,
    pub chunk: u32,
    pub offset: usize,
}

/// A code that nobody has yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stocked {
    pub text: CodeText,
    pub campaign: String,
    pub batch: Id,
    pub expires_at: At,
}

const PACE_DAYS: i32 = 7;
const DOUBTFUL: u32 = 2_000;

impl Pool {
    pub fn new(campaign: &str) -> Pool {
        Pool {
            campaign: campaign.to_owned(),
            shelves: Vec::new(),
            requests: 0,
            coming: None,
            failures: 0,
            not_before: At(0),
            lapsed: 0,
            pace: Vec::new(),
            owed: 0,
        }
    }

    /// Codes that may be handed out at this time.
    pub fn available(&self, rules: &PoolRules, now: At) -> u32 {
        let until = reserve(rules, now);
        self.shelves.iter().filter(|shelf| shelf.expires_at > until).map(Shelf::left).sum()
    }

    /// The next code's place; it is passed by, whoever gets it.
    pub fn take(&mut self, rules: &PoolRules, now: At) -> Option<Place> {
        let until = reserve(rules, now);
        let shelf = self.shelves.iter_mut().find(|shelf| shelf.expires_at > until && shelf.left() > 0)?;
        let at = shelf.next;
        shelf.next += 1;
        let place = Place {
            batch: shelf.batch,
            expires_at: shelf.expires_at,
            chunk: at / CHUNK as u32,
            offset: at as usize % CHUNK,
        };
        self.shelves.retain(|shelf| shelf.left() > 0);
        Some(place)
    }

    pub fn count_draw(&mut self, now: At, codes: u32) {
        let today = now.date();
        self.pace.retain(|(day, _)| *day > today.plus_days(-PACE_DAYS));
        match self.pace.last_mut() {
            Some((day, n)) if *day == today => *n += codes,
            _ => self.pace.push((today, codes)),
        }
    }

    /// Codes handed out on one of the last days.
    pub fn drawn_on(&self, day: Date) -> u32 {
        self.pace.iter().filter(|(other, _)| *other == day).map(|(_, codes)| codes).sum()
    }

    /// Whole days until the stock is used up at the pace of the last week; none where there is no pace.
    pub fn days_to_empty(&self, rules: &PoolRules, now: At) -> Option<u32> {
        let first = self.pace.first()?.0;
        let days = (now.date().0 - first.0 + 1).clamp(1, PACE_DAYS) as u32;
        let drawn: u32 = self.pace.iter().map(|(_, n)| n).sum();
        (drawn > 0).then(|| (u64::from(self.available(rules, now)) * u64::from(days) / u64::from(drawn)) as u32)
    }

    pub fn stock(&mut self, batch: &Batch, size: u32) {
        let next = self.owed.min(size);
        self.owed -= next;
        self.lapsed += next;
        self.shelves.push(Shelf { expires_at: batch.expires.codes_stop(), batch: batch.id, size, next });
        self.shelves.retain(|shelf| shelf.left() > 0);
        self.shelves.sort();
    }

    /// How many codes may have been handed out in this time by a process that left no log: twice what the busiest day
    /// makes likely, and no fewer than two batches of the usual size.
    pub fn doubtful(&self, age: Span) -> u32 {
        let busiest = self.pace.iter().map(|(_, n)| u64::from(*n)).max().unwrap_or(0);
        let days = age.0.max(0) as u64 / Span::days(1).0 as u64 + 1;
        u32::try_from(busiest * days * 2).unwrap_or(u32::MAX).max(DOUBTFUL)
    }

    /// Takes a batch away whose codes are too near their end to be handed out.
    pub fn unstock(&mut self, batch: Id) {
        self.lapsed += self.shelves.iter().filter(|shelf| shelf.batch == batch).map(Shelf::left).sum::<u32>();
        self.shelves.retain(|shelf| shelf.batch != batch);
    }

    /// The batch to ask for, if one is wanted: the stock is below its mark and none is on its way.
    /// Asked by hand, neither the mark nor the pause after a failure counts.
    pub fn reorder(&mut self, policy: &Policy, now: At, by_hand: bool) -> Option<Batch> {
        let low = self.available(&policy.pool, now) < policy.pool.low_water;
        let wanted = by_hand || (low && now >= self.not_before);
        if policy.offer_code_id.is_empty() || self.coming.is_some() || !wanted {
            return None;
        }
        self.requests += 1;
        let id = Id::of("batch", &[self.campaign.as_bytes(), &self.requests.to_be_bytes()]);
        self.coming = Some(id);
        Some(Batch {
            id,
            campaign: self.campaign.clone(),
            origin: Origin::Apple,
            environment: policy.pool.environment,
            expires: now.date().plus_days(policy.pool.expires_in_days as i32),
            asked: policy.pool.batch_size,
            requested_at: now,
            apple_id: None,
            state: BatchState::Requested,
        })
    }

    /// The batch on its way came, or never will.
    pub fn arrived(&mut self, batch: Id, good: bool, now: At) {
        if self.coming == Some(batch) {
            self.coming = None;
        }
        if good {
            (self.failures, self.not_before) = (0, At(0));
        } else {
            self.failures += 1;
            self.not_before = now.plus(Span::hours(1 << self.failures.min(5) >> 1));
        }
    }
}

impl Shelf {
    pub fn left(&self) -> u32 {
        self.size - self.next
    }
}

/// Codes that end before this are not handed out.
pub fn reserve(rules: &PoolRules, now: At) -> At {
    now.plus(Span::days(rules.reserve_days.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample;

    fn policy(low_water: u32) -> Policy {
        let policy = sample::policy();
        Policy { pool: PoolRules { low_water, ..policy.pool }, ..policy }
    }

    fn stocked(batches: &[(u32, i32)]) -> Pool {
        let mut pool = Pool::new("friends");
        for (i, (size, expires)) in batches.iter().enumerate() {
            let mut batch = Pool::new("friends").reorder(&policy(1), At(0), true).unwrap();
            batch.id = Id([i as u8; 16]);
            batch.expires = Date(*expires);
            pool.stock(&batch, *size);
        }
        pool
    }

    #[test]
    fn codes_leave_in_a_fixed_order_earliest_end_first() {
        let rules = policy(0).pool;
        let mut pool = stocked(&[(2, 300), (201, 100), (5, 10)]);
        assert_eq!(pool.available(&rules, At(0)), 203, "the batch that ends within the reserve does not count");
        let places: Vec<Place> = std::iter::from_fn(|| pool.take(&rules, At(0))).collect();
        assert_eq!(places.len(), 203);
        assert!(places[..201].iter().all(|place| place.batch == Id([1; 16])));
        assert_eq!((places[200].chunk, places[200].offset), (1, 0));
        assert_eq!((places[202].chunk, places[202].offset), (0, 1));
        pool.unstock(Id([2; 16]));
        assert_eq!((pool.lapsed, pool.shelves.len()), (5, 0));
    }

    #[test]
    fn what_may_have_been_handed_out_follows_from_the_pace_and_the_age() {
        // (draws by day, age in hours) -> codes
        for (pace, hours, codes) in [
            (&[][..], 0, 2_000),
            (&[10, 400], 0, 2_000),
            (&[10, 4_000, 3], 0, 8_000),
            (&[4_000], 23, 8_000),
            (&[4_000], 24, 16_000),
            (&[4_000], -5, 8_000),
            (&[u32::MAX], 999, u32::MAX),
        ] {
            let mut pool = Pool::new("friends");
            pool.pace = pace.iter().enumerate().map(|(day, n)| (Date(day as i32), *n)).collect();
            assert_eq!(pool.doubtful(Span::hours(hours)), codes, "{pace:?} {hours}");
        }
    }

    #[test]
    fn one_request_at_a_time() {
        // (in stock, mark, on its way, pause until, by hand) -> asked
        let rows = [
            (0, 5, false, 0, false, true),
            (5, 5, false, 0, false, false),
            (4, 5, false, 0, false, true),
            (0, 5, true, 0, false, false),
            (0, 5, true, 0, true, false),
            (0, 5, false, 10, false, false),
            (0, 5, false, 10, true, true),
            (9, 5, false, 0, true, true),
        ];
        for (size, mark, coming, pause, by_hand, asked) in rows {
            let mut pool = if size > 0 { stocked(&[(size, 300)]) } else { Pool::new("friends") };
            pool.coming = coming.then_some(Id([9; 16]));
            pool.not_before = At(pause);
            let got = pool.reorder(&policy(mark), At(1), by_hand).is_some();
            assert_eq!(got, asked, "{size} {mark} {coming} {pause} {by_hand}");
        }
        let mut imports_only = policy(5);
        imports_only.offer_code_id.clear();
        assert!(Pool::new("friends").reorder(&imports_only, At(1), true).is_none());
    }

    #[test]
    fn failures_space_out_the_next_request() {
        let mut pool = Pool::new("friends");
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let batch = pool.reorder(&policy(5), At(0), true).unwrap();
            pool.arrived(batch.id, false, At(0));
            pauses.push(pool.not_before.0 / Span::hours(1).0);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 16, 16]);
        let batch = pool.reorder(&policy(5), At(0), true).unwrap();
        pool.arrived(batch.id, true, At(0));
        assert_eq!((pool.failures, pool.not_before, pool.coming), (0, At(0), None));
    }

    #[test]
    fn days_to_empty_follow_the_pace() {
        let rules = policy(0).pool;
        let mut pool = stocked(&[(100, 300)]);
        assert_eq!(pool.days_to_empty(&rules, At(0)), None);
        pool.count_draw(At(0), 10);
        assert_eq!(pool.days_to_empty(&rules, At(0)), Some(10));
        pool.count_draw(At(0).plus(Span::days(1)), 40);
        assert_eq!(pool.days_to_empty(&rules, At(0).plus(Span::days(1))), Some(4));
        pool.count_draw(At(0).plus(Span::days(30)), 1);
        assert_eq!(pool.pace.len(), 1, "old days are forgotten");
    }
}
