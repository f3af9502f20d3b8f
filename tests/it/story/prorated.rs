//! A part of the price goes back.

use super::Story;
use super::rules::{hold, milestones, no_days, plain, tests_rewarded};

pub const STORIES: &[Story] = &[
    (
        "half at once",
        plain,
        "bob claims; bob buys; bob refunded 50% -> credited 15 (prorated_refund); \
         again -> credited 15 (prorated_refund); +1d; bob restored -> credited 30",
    ),
    (
        "half after ten days",
        plain,
        "bob claims; bob buys; +10d; bob refunded 50% -> credited 15 (prorated_refund); +1d; \
         bob restored -> credited 30",
    ),
    (
        "half after twenty days",
        plain,
        "bob claims; bob buys; +20d; bob refunded 50% -> credited 0 (prorated_refund); +5d; \
         bob restored -> credited 35",
    ),
    (
        "half after all has passed",
        plain,
        "bob claims; bob buys; +40d; bob refunded 50% -> credited 0 (prorated_refund); +5d; \
         bob restored -> credited 0",
    ),
    (
        "half, then all",
        plain,
        "bob claims; bob buys; +5d; bob refunded 50% -> credited 15 (prorated_refund); +2d; \
         bob refunded -> reversed 0 (prorated_refund, refund); +3d; bob restored -> credited 33",
    ),
    (
        "half, then more",
        plain,
        "bob claims; bob buys; bob refunded 50% -> credited 15 (prorated_refund); \
         bob refunded 80% -> credited 6 (prorated_refund); bob refunded 20% -> credited 24 (prorated_refund); \
         bob restored -> credited 30",
    ),
    (
        "a third before the purchase",
        plain,
        "bob claims; bob refunded 33% -> credited 21 (prorated_refund); bob buys -> credited 21 (prorated_refund); \
         +1d; bob restored -> credited 30",
    ),
    (
        "half before the claim",
        plain,
        "bob buys; bob refunded 50%; +1d; bob claims -> credited 16 (prorated_refund); \
         bob refunded -> reversed 0 (prorated_refund, refund)",
    ),
    (
        "half while held",
        hold,
        "bob claims; bob buys; bob refunded 50% -> held 0 (prorated_refund); +7d -> credited 22 (prorated_refund); \
         bob restored -> credited 37",
    ),
    (
        "half while held and back",
        hold,
        "bob claims; bob buys; +2d; bob refunded 50% -> held 0 (prorated_refund); +1d; bob restored -> held 0; \
         +4d -> credited 37",
    ),
    (
        "half, then all while held",
        hold,
        "bob claims; bob buys; bob refunded 50%; +1d; bob refunded -> reversed 0 (prorated_refund, refund); +1d; \
         bob restored -> held 0; +5d -> credited 37",
    ),
    (
        "half of the first of two",
        plain,
        "bob claims; bob buys; eve claims; eve buys -> credited 60; +10d; \
         bob refunded 50% -> credited 45 (prorated_refund); eve refunded -> reversed 15; \
         eve restored -> credited 45; bob restored -> credited 60",
    ),
    (
        "half, and reversed by hand",
        plain,
        "bob claims; bob buys; bob refunded 50%; bob reversed -> reversed 0 (prorated_refund, by_hand); \
         bob restored -> reversed 0 (prorated_refund, by_hand); bob approved -> credited 30",
    ),
    (
        "half keeps the milestone",
        milestones,
        "bob claims; bob buys; eve claims; eve buys -> credited 160; \
         eve refunded 50% -> credited 145 (prorated_refund); eve refunded -> reversed 30 (prorated_refund, refund); \
         eve restored -> credited 160",
    ),
    (
        "half of no days",
        no_days,
        "bob claims; bob buys; bob refunded 50% -> credited 0 (prorated_refund); bob restored -> credited 0",
    ),
    (
        "half in the sandbox",
        tests_rewarded,
        "bob claims; bob buys in sandbox -> credited 30; bob refunded 50% -> credited 15 (prorated_refund)",
    ),
    (
        "half by Apple, after all by RevenueCat",
        plain,
        "bob claims; bob buys; bob refunded by revenuecat -> reversed 0; \
         bob refunded 50% -> credited 15 (prorated_refund); \
         bob refunded by revenuecat -> credited 15 (prorated_refund)",
    ),
    (
        "a half that was reversed is forgotten",
        plain,
        "bob claims; bob buys; bob refunded 50% -> credited 15 (prorated_refund); +1d; bob restored -> credited 30; +1d; \
         bob refunded by revenuecat -> reversed 0",
    ),
];
