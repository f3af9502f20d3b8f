//! A hundred days more for two, ten more for three.

use super::Story;
use super::rules::{hold_and_milestones, milestones, milestones_only};

pub const STORIES: &[Story] = &[
    (
        "reached",
        milestones,
        "bob claims; bob buys -> credited 30; eve claims; eve buys -> credited 160; max claims; \
         max buys -> credited 200; kim claims; kim buys -> credited 230",
    ),
    (
        "lost and reached again",
        milestones,
        "bob claims; bob buys; eve claims; eve buys -> credited 160; eve refunded -> reversed 30; +1d; \
         eve restored -> credited 160; again -> credited 160",
    ),
    (
        "lost and reached again, three times",
        milestones,
        "bob claims; bob buys; eve claims; eve buys; eve refunded; +1d; eve restored -> credited 160; \
         bob refunded -> reversed 31; bob restored -> credited 160; eve refunded by revenuecat -> reversed 30; \
         eve restored by revenuecat -> credited 160",
    ),
    (
        "lost with the first",
        milestones,
        "bob claims; bob buys; +10d; eve claims; eve buys -> credited 160; bob refunded -> reversed 40; +1d; \
         bob restored -> credited 160",
    ),
    (
        "reached again by another",
        milestones,
        "bob claims; bob buys; eve claims; eve buys; eve refunded -> reversed 30; max claims; \
         max buys -> credited 160; eve restored -> credited 200; eve refunded -> reversed 160",
    ),
    (
        "both lost",
        milestones,
        "bob claims; bob buys; eve claims; eve buys; max claims; max buys -> credited 200; \
         bob refunded -> reversed 160; eve refunded -> reversed 30; max refunded -> reversed 0; +1d; \
         eve restored -> credited 31; bob restored -> credited 161; max restored -> credited 201",
    ),
    (
        "lost when half has passed",
        milestones,
        "bob claims; bob buys; eve claims; eve buys -> credited 160; +50d; eve refunded -> reversed 0; +1d; \
         eve restored -> credited 161",
    ),
    (
        "lost when all has passed",
        milestones,
        "bob claims; bob buys; eve claims; eve buys; +170d; eve refunded -> reversed 0; eve restored -> credited 0",
    ),
    (
        "by hand",
        milestones,
        "bob claims; bob buys; eve claims; eve buys -> credited 160; bob reversed -> reversed 30 (by_hand); \
         bob approved -> credited 160; eve rejected -> rejected 30 (by_hand); max claims; max buys -> credited 160",
    ),
    (
        "only milestones",
        milestones_only,
        "bob claims; bob buys -> credited 0; eve claims; eve buys -> credited 100; max claims; \
         max buys -> credited 110; eve refunded -> reversed 100; max refunded -> reversed 0; +1d; \
         eve restored -> credited 101; max restored -> credited 111",
    ),
    (
        "after a hold",
        hold_and_milestones,
        "bob claims; bob buys; eve claims; eve buys -> held 0; +7d -> credited 167; bob refunded -> reversed 37; \
         bob restored -> credited 167",
    ),
    (
        "missed by a refund in the hold",
        hold_and_milestones,
        "bob claims; bob buys; eve claims; eve buys; +3d; eve refunded -> reversed 0; +4d; bob -> credited 37; +1d; \
         eve restored -> credited 167",
    ),
    (
        "held does not count",
        hold_and_milestones,
        "bob claims; bob buys; eve claims; eve buys; max claims; max buys; +1d; bob approved -> credited 31; \
         eve approved -> credited 161; max -> held 161; +6d -> credited 201",
    ),
    (
        "over a restart",
        milestones,
        "bob claims; bob buys; restart; eve claims; eve buys; restart -> credited 160; eve refunded; \
         restart -> reversed 30; eve restored; restart -> credited 160; again -> credited 160",
    ),
];
