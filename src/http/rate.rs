//! How often somebody may ask. Buckets of tokens in fixed memory, which holds neither ids nor codes nor addresses.

use super::peer::Client;
use crate::domain::at::{At, Date, Span};
use crate::domain::id::Id;
use crate::entropy::Entropy;
use sha2::{Digest, Sha256};
use std::sync::Mutex;

/// A bucket's size, and how long one token takes to come back.
pub struct Allowance {
    /// Keeps buckets of one key apart.
    pub number: u8,
    pub by: &'static str,
    pub tokens: i64,
    pub each: Span,
    pub detail: &'static str,
}

/// A mebibyte for each app. A bucket that is full again needs no slot, so those in use are the calls of some seconds and
/// the wrong codes of some hours.
const SETS: usize = 8192;
/// Places where a key may stand.
const WAYS: usize = 8;

/// Buckets by a salted hash of what they are for.
pub struct Rate {
    /// Made with the process: nobody can look for keys that meet in a set, or tell from a dump whose a bucket is.
    salt: [u8; 32],
    sets: Mutex<Box<[[Slot; WAYS]]>>,
}

#[derive(Clone, Copy)]
struct Slot {
    name: u64,
    /// A bucket is told by when it will be full; one that is full is as good as none.
    full_at: At,
}

const FREE: Slot = Slot { name: 0, full_at: At(i64::MIN) };

impl Rate {
    pub fn new(entropy: &dyn Entropy) -> Rate {
        let mut salt = [0; 32];
        entropy.fill(&mut salt);
        Rate { salt, sets: Mutex::new(vec![[FREE; WAYS]; SETS].into_boxed_slice()) }
    }

    /// A name for the client's network, another every day and after every start, so that it tells nothing later.
    pub fn network(&self, client: Client, today: Date) -> Option<Id> {
        let network = client.network()?;
        Some(Id::of("network", &[&self.salt, &network, &today.0.to_be_bytes()]))
    }

    /// Takes tokens, or says how long it is until they are there.
    pub fn take(&self, allowance: &Allowance, key: &[u8], tokens: i64, now: At) -> Result<(), Span> {
        let empty = now.plus(Span(allowance.each.0 * allowance.tokens));
        self.with(allowance, key, |set, name| {
            let known = set.iter_mut().find(|slot| slot.name == name);
            // A clock that was set back must not leave a bucket emptier than empty.
            let full_at = known.as_ref().map_or(now, |slot| slot.full_at.clamp(now, empty));
            let after = full_at.plus(Span(allowance.each.0 * tokens));
            let wait = Span(after.0.saturating_sub(empty.0));
            let (is_taken, full_at) = if wait > Span::ZERO { (false, full_at) } else { (true, after) };
            match known {
                Some(slot) => slot.full_at = full_at,
                None if is_taken => *fullest(set) = Slot { name, full_at },
                None => {}
            }
            if is_taken { Ok(()) } else { Err(wait) }
        })
    }

    pub fn give_back(&self, allowance: &Allowance, key: &[u8], tokens: i64) {
        self.with(allowance, key, |set, name| {
            if let Some(slot) = set.iter_mut().find(|slot| slot.name == name) {
                slot.full_at = slot.full_at.minus(Span(allowance.each.0 * tokens));
            }
        });
    }

    fn with<T>(&self, allowance: &Allowance, key: &[u8], on: impl FnOnce(&mut [Slot; WAYS], u64) -> T) -> T {
        let hash = Sha256::new().chain_update(self.salt).chain_update([allowance.number]).chain_update(key).finalize();
        let half = |at: usize| hash[at..at + 8].iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
        let mut sets = self.sets.lock().expect("no panic holds this lock");
        on(&mut sets[half(0) as usize % SETS], half(8))
    }
}

/// The one that says least. An emptied bucket outlives any crowd of fresh ones, so nobody can flood their own away.
fn fullest(set: &mut [Slot; WAYS]) -> &mut Slot {
    let at = (0..WAYS).min_by_key(|at| set[*at].full_at).unwrap_or(0);
    &mut set[at]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;
    use crate::http::quota::{ADDRESS, ADDRESS_MISSES, CODE, SERVED, USER, USER_MISSES};
    use proptest::prelude::*;

    const NOON: At = At(1_790_000_000_000);
    /// Three tokens, one a second.
    const SMALL: Allowance =
        Allowance { number: 9, by: "user", tokens: 3, each: Span::seconds(1), detail: "of the tests" };
    const ALL: [&Allowance; 6] = [&USER, &SERVED, &USER_MISSES, &ADDRESS, &ADDRESS_MISSES, &CODE];

    fn rate() -> Rate {
        Rate::new(&SeededEntropy::new(1))
    }

    #[test]
    fn a_bucket_empties_and_fills() {
        /// Taken, or milliseconds to wait; `Back` gives back.
        enum Step {
            Take(i64, Result<(), i64>),
            Back(i64),
        }
        use Step::{Back, Take};
        let rows: &[(i64, Step)] = &[
            (0, Take(1, Ok(()))),
            (0, Take(2, Ok(()))),
            (0, Take(1, Err(1000))),
            (0, Take(3, Err(3000))),
            (1, Take(1, Err(999))),
            (999, Take(1, Err(1))),
            (1000, Take(1, Ok(()))),
            (1000, Take(1, Err(1000))),
            (1000, Back(1)),
            (1000, Take(1, Ok(()))),
            (1500, Take(1, Err(500))),
            // Full again, and no fuller.
            (60_000, Take(3, Ok(()))),
            (60_000, Take(1, Err(1000))),
            (120_000, Back(3)),
            (120_000, Take(3, Ok(()))),
            (120_000, Take(1, Err(1000))),
            // The clock is set back by two minutes: the bucket is empty, and fills at the same pace.
            (0, Take(1, Err(1000))),
            (1000, Take(1, Ok(()))),
            (1000, Take(1, Err(1000))),
            (4000, Take(3, Ok(()))),
        ];
        let rate = rate();
        for (row, (at, step)) in rows.iter().enumerate() {
            match step {
                Take(tokens, expected) => {
                    let taken = rate.take(&SMALL, b"key", *tokens, At(NOON.0 + at)).map_err(|wait| wait.0);
                    assert_eq!(taken, *expected, "row {row}");
                }
                Back(tokens) => rate.give_back(&SMALL, b"key", *tokens),
            }
        }
    }

    #[test]
    fn every_allowance_has_its_own_buckets() {
        let rate = rate();
        for allowance in ALL {
            for _ in 0..allowance.tokens {
                assert_eq!(rate.take(allowance, b"one", 1, NOON), Ok(()), "{}", allowance.detail);
            }
            assert_eq!(rate.take(allowance, b"one", 1, NOON), Err(allowance.each), "{}", allowance.detail);
            assert_eq!(rate.take(allowance, b"other", 1, NOON), Ok(()), "{}", allowance.detail);
        }
    }

    #[test]
    fn a_flood_of_keys_takes_no_memory_and_frees_nobody() {
        let rate = rate();
        let slots = || rate.sets.lock().unwrap().iter().flatten().filter(|slot| slot.full_at > NOON).count();
        for _ in 0..USER_MISSES.tokens {
            rate.take(&USER_MISSES, b"guesser", 1, NOON).unwrap();
        }
        assert_eq!(slots(), 1);
        for n in 0..4 * (SETS * WAYS) as u64 {
            rate.take(&USER, &n.to_be_bytes(), 1, NOON).unwrap();
        }
        assert!((SETS * WAYS / 2..=SETS * WAYS).contains(&slots()), "{}", slots());
        assert_eq!(rate.take(&USER_MISSES, b"guesser", 1, NOON), Err(USER_MISSES.each));
        assert_eq!(size_of::<Slot>() * SETS * WAYS, 1 << 20);
    }

    #[test]
    fn no_bucket_shows_whose_it_is() {
        let (one, other) = (rate(), Rate::new(&SeededEntropy::new(2)));
        let names = |rate: &Rate| {
            rate.take(&USER, b"ann", 1, NOON).unwrap();
            let sets = rate.sets.lock().unwrap();
            sets.iter().flatten().filter(|slot| slot.name != 0).map(|slot| slot.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&one).len(), 1);
        assert_ne!(names(&one), names(&other), "the name depends on the salt");
    }

    proptest! {
        /// In no stretch of time are more tokens taken than the bucket holds and than came back meanwhile.
        #[test]
        fn never_more_than_it_holds_and_gets(steps in prop::collection::vec((0_i64..4000, 1_i64..4), 1..60)) {
            let (rate, mut now) = (rate(), NOON);
            let mut taken: Vec<(At, i64)> = Vec::new();
            for (pause, tokens) in steps {
                now = now.plus(Span(pause));
                match rate.take(&SMALL, b"key", tokens, now) {
                    Ok(()) => taken.push((now, tokens)),
                    Err(wait) => {
                        prop_assert!(rate.take(&SMALL, b"key", tokens, now.plus(Span(wait.0 - 1))).is_err());
                        now = now.plus(wait);
                        prop_assert_eq!(rate.take(&SMALL, b"key", tokens, now), Ok(()));
                        taken.push((now, tokens));
                    }
                }
            }
            for (at, (from, _)) in taken.iter().enumerate() {
                let mut sum = 0;
                for (to, tokens) in &taken[at..] {
                    sum += tokens;
                    let most = SMALL.tokens * SMALL.each.0 + (to.0 - from.0);
                    prop_assert!(sum * SMALL.each.0 <= most, "{} tokens in {} ms", sum, to.0 - from.0);
                }
            }
        }
    }
}
