//! Completions wait for seven days, and much happens meanwhile.

use super::Story;
use super::rules::{hold, trusting_and_hold};

pub const STORIES: &[Story] = &[
    (
        "it ends by itself",
        hold,
        "bob claims; bob buys -> held 0; again -> held 0; +6d -> held 0; +1d -> credited 37; +50d -> credited 0",
    ),
    (
        "a refund before the purchase",
        hold,
        "bob claims; bob refunded; bob buys -> reversed 0; +10d -> reversed 0; bob restored -> credited 40",
    ),
    (
        "a refund before the purchase, back in time",
        hold,
        "bob claims; bob refunded; bob buys -> reversed 0; +1d; bob restored -> held 0; +6d -> credited 37",
    ),
    (
        "a refund meanwhile, back in time",
        hold,
        "bob claims; bob buys; +3d; bob refunded -> reversed 0; +2d; bob restored -> held 0; again -> held 0; \
         +2d -> credited 37",
    ),
    (
        "a refund meanwhile, back later",
        hold,
        "bob claims; bob buys; +3d; bob refunded -> reversed 0; +20d -> reversed 0; bob restored -> credited 53; \
         again -> credited 53",
    ),
    (
        "a refund meanwhile, twice",
        hold,
        "bob claims; bob buys; +1d; bob refunded; +1d; bob restored -> held 0; +1d; \
         bob refunded by revenuecat -> reversed 0; +1d; bob restored by revenuecat -> held 0; +3d -> credited 37",
    ),
    (
        "a refund after it",
        hold,
        "bob claims; bob buys; +10d -> credited 37; bob refunded -> reversed 0; +1d; bob restored -> credited 38; \
         +1d; again -> credited 38",
    ),
    (
        "the next one meanwhile",
        hold,
        "bob claims; bob buys; +3d; eve claims; eve buys -> held 0; +4d -> held 37; bob -> credited 37; +3d; \
         eve -> credited 67; bob refunded -> reversed 40; eve -> credited 40; +1d; bob restored -> credited 67",
    ),
    (
        "the next one, refunded meanwhile",
        hold,
        "bob claims; bob buys; +3d; eve claims; eve buys; +4d; eve refunded -> reversed 37; \
         bob refunded -> reversed 0; +1d; eve restored -> held 0; bob restored -> credited 38; +2d; \
         eve -> credited 68",
    ),
    ("a claim of long ago", hold, "bob claims; +20d; bob buys -> held 0; +7d -> credited 57"),
    ("a purchase before the claim", hold, "bob buys; +20d; bob claims -> held 0; +7d -> credited 57"),
    (
        "while the house begins again",
        hold,
        "bob claims; bob buys; restart -> held 0; +7d; restart -> credited 37; again -> credited 37",
    ),
    (
        "on the app's word",
        trusting_and_hold,
        "bob confirms word -> held 0; +3d; bob buys -> held 0; +4d -> credited 37; bob refunded -> reversed 0",
    ),
    (
        "on the app's word, refunded meanwhile",
        trusting_and_hold,
        "bob confirms word; +3d; bob buys; bob refunded -> reversed 0; bob restored -> held 0; +4d -> credited 37",
    ),
    (
        "approved meanwhile",
        hold,
        "bob claims; bob buys; +2d; bob approved -> credited 32; again -> credited 32; +10d -> credited 32; \
         bob approved: 409 -> credited 32",
    ),
    (
        "rejected meanwhile",
        hold,
        "bob claims; bob buys; +2d; bob rejected -> rejected 0 (by_hand); +10d -> rejected 0 (by_hand); \
         bob approved: 409; bob refunded -> rejected 0 (by_hand); bob restored -> rejected 0 (by_hand)",
    ),
    (
        "reversed meanwhile",
        hold,
        "bob claims; bob buys; +2d; bob reversed -> reversed 0 (by_hand); +8d -> reversed 0 (by_hand); \
         bob approved -> credited 40",
    ),
    (
        "reversed meanwhile, refunded, restored",
        hold,
        "bob claims; bob buys; bob reversed; bob refunded -> reversed 0 (by_hand); bob approved: 409; +1d; \
         bob restored -> reversed 0 (by_hand); bob approved -> credited 31; +7d -> credited 31",
    ),
    (
        "refunded meanwhile, then rejected",
        hold,
        "bob claims; bob buys; bob refunded -> reversed 0; bob approved: 409; \
         bob rejected -> rejected 0 (refund, by_hand); bob restored -> rejected 0 (refund, by_hand); \
         +8d -> rejected 0 (refund, by_hand)",
    ),
    (
        "approved, then refunded before it would have ended",
        hold,
        "bob claims; bob buys; +1d; bob approved -> credited 31; +1d; bob refunded -> reversed 0; +1d; \
         bob restored -> credited 32; +7d -> credited 32",
    ),
];
