//! The team grants something by hand, and days are taken back.

use super::Story;
use super::rules::{milestones, plain};

pub const STORIES: &[Story] = &[
    (
        "a week, and all is taken back",
        plain,
        "bob claims; bob buys; ann granted weekly by hand; bob refunded -> reversed 7; +1d; \
         bob restored -> credited 31",
    ),
    (
        "a month, and all is taken back",
        plain,
        "bob claims; bob buys; ann granted monthly by hand; bob -> credited 31; bob refunded -> reversed 31; \
         bob restored -> credited 31; +1d; eve claims; eve buys -> credited 60",
    ),
    (
        "a week before",
        plain,
        "ann granted weekly by hand; +1d; bob claims; bob buys -> credited 31; bob refunded -> reversed 7; \
         bob restored -> credited 31",
    ),
    (
        "a month before",
        plain,
        "ann granted monthly by hand; bob claims; bob buys -> credited 31; bob refunded -> reversed 31; +2d; \
         bob restored -> credited 32",
    ),
    (
        "a week, and one of two is taken back",
        plain,
        "bob claims; bob buys; eve claims; eve buys; ann granted weekly by hand; bob refunded -> reversed 30; \
         bob restored -> credited 60",
    ),
    (
        "a month, and one of two is taken back",
        plain,
        "bob claims; bob buys; eve claims; eve buys; ann granted monthly by hand; bob refunded -> reversed 31; \
         eve refunded -> reversed 31; +1d; eve restored -> credited 31; bob restored -> credited 61",
    ),
    (
        "a week when ten days have passed",
        plain,
        "bob claims; bob buys; +10d; ann granted weekly by hand; bob refunded -> reversed 17; +1d; \
         bob restored -> credited 31",
    ),
    (
        "a week, and half is taken back",
        plain,
        "bob claims; bob buys; ann granted weekly by hand; bob refunded 50% -> credited 15 (prorated_refund); \
         bob restored -> credited 30",
    ),
    (
        "a week, and a milestone is lost",
        milestones,
        "bob claims; bob buys; eve claims; eve buys -> credited 160; ann granted weekly by hand; \
         eve refunded -> reversed 30; +1d; eve restored -> credited 160",
    ),
    (
        "a month, taken back by hand",
        plain,
        "bob claims; bob buys; ann granted monthly by hand; bob reversed -> reversed 31 (by_hand); restart; \
         bob approved -> credited 31",
    ),
    (
        "a month before, and both of two are taken back",
        plain,
        "ann granted monthly by hand; bob claims; bob buys; eve claims; eve buys -> credited 60; \
         bob refunded -> reversed 31; eve refunded -> reversed 31",
    ),
    (
        "a week by hand outlives two refunds",
        plain,
        "bob claims; bob buys; eve claims; eve buys; ann granted weekly by hand; bob refunded -> reversed 30; \
         eve refunded -> reversed 7",
    ),
    (
        "a week by hand outlives a reversal",
        plain,
        "bob claims; bob buys; ann granted weekly by hand; bob refunded -> reversed 7; +1d; bob restored -> credited 31; \
         bob refunded -> reversed 7",
    ),
];
