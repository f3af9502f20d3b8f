//! People decide, and sources go on telling.

use super::Story;
use super::rules::{flags_end_rejected, hold, plain};

pub const STORIES: &[Story] = &[
    (
        "reversed and approved",
        plain,
        "bob claims; bob buys; +10d; bob reversed -> reversed 0 (by_hand); +1d; bob approved -> credited 31; \
         bob reversed -> reversed 0 (by_hand)",
    ),
    (
        "rejected for good",
        plain,
        "bob claims; bob buys; bob rejected -> rejected 0 (by_hand); bob approved: 409; bob reversed: 409; \
         bob rejected: 409; bob refunded; bob restored -> rejected 0 (by_hand)",
    ),
    (
        "rejected, others stay",
        plain,
        "bob claims; bob buys; eve claims; eve buys -> credited 60; bob rejected -> rejected 30 (by_hand); \
         eve -> credited 30",
    ),
    (
        "reversed and rejected",
        plain,
        "bob claims; bob buys; bob reversed; bob rejected -> rejected 0 (by_hand); again -> rejected 0 (by_hand)",
    ),
    (
        "reversed by hand, refunded, approved",
        plain,
        "bob claims; bob buys; bob reversed; bob refunded -> reversed 0 (by_hand); \
         bob approved: 409 -> reversed 0 (by_hand); +1d; bob restored -> reversed 0 (by_hand); \
         bob approved -> credited 31",
    ),
    (
        "refunded, then reversed by hand",
        plain,
        "bob claims; bob buys; bob refunded -> reversed 0; bob reversed: 409; bob approved: 409; \
         bob restored -> credited 30",
    ),
    (
        "approved, refunded, restored",
        plain,
        "bob claims; bob buys; +5d; bob reversed; bob approved -> credited 30; +1d; bob refunded -> reversed 0; +1d; \
         bob restored -> credited 31",
    ),
    (
        "over two, crosswise",
        plain,
        "bob claims; bob buys; eve claims; eve buys; bob reversed -> reversed 30 (by_hand); \
         eve refunded -> reversed 0; +1d; bob approved -> credited 31; eve restored -> credited 61",
    ),
    (
        "the purchase is told again",
        plain,
        "bob claims; bob buys; bob rejected -> rejected 0 (by_hand); bob buys by apple -> rejected 0 (by_hand); \
         bob confirms: 409 -> rejected 0 (by_hand)",
    ),
    (
        "approved and reversed, again and again",
        hold,
        "bob claims; bob buys; bob reversed -> reversed 0 (by_hand); bob approved -> credited 30; \
         bob reversed -> reversed 0 (by_hand); +8d -> reversed 0 (by_hand); bob approved -> credited 38",
    ),
    (
        "reversed when the time is up",
        flags_end_rejected,
        "bob claims; bob buys; bob reversed -> reversed 0 (too_fast, by_hand); \
         +10d -> reversed 0 (too_fast, by_hand); bob approved -> credited 40 (too_fast)",
    ),
    (
        "reversed, half goes back, approved",
        plain,
        "bob claims; bob buys; +10d; bob reversed; bob refunded 50% -> reversed 0 (by_hand); \
         bob approved -> credited 15 (prorated_refund); bob restored -> credited 30",
    ),
    (
        "reversed, then found to be the referrer",
        plain,
        "bob claims; bob buys; bob reversed; bob is also ann -> rejected 0; bob approved: 409 -> rejected 0",
    ),
    (
        "rejected, then found to be the referrer",
        plain,
        "bob claims; bob buys; bob rejected; bob is also ann -> rejected 0 (by_hand)",
    ),
    (
        "a rejection stands",
        plain,
        "bob claims; bob buys; bob rejected -> rejected 0 (by_hand); bob claims: 409; bob buys anew -> rejected 0 (by_hand)",
    ),
];
