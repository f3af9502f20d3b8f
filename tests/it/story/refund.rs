//! A purchase is refunded, revoked, given back, told in any order.

use super::Story;
use super::rules::{no_days, plain, trusting};

pub const STORIES: &[Story] = &[
    (
        "at once",
        plain,
        "bob claims -> none 0; bob buys -> credited 30; bob refunded -> reversed 0; again -> reversed 0; \
         bob restored -> credited 30; again -> credited 30",
    ),
    (
        "after ten days",
        plain,
        "bob claims; bob buys; +10d -> credited 30; bob refunded -> reversed 0; +5d; bob restored -> credited 35",
    ),
    (
        "after all has passed",
        plain,
        "bob claims; bob buys; +40d -> credited 0; bob refunded -> reversed 0; +1d; bob restored -> credited 0",
    ),
    (
        "on the last day",
        plain,
        "bob claims; bob buys; +29d; bob refunded -> reversed 0; +10d; bob restored -> credited 40; +2d -> credited 0",
    ),
    (
        "after the next completion",
        plain,
        "bob claims; bob buys -> credited 30; +10d; eve claims; eve buys -> credited 60; \
         bob refunded -> reversed 40; +1d; bob restored -> credited 60",
    ),
    (
        "of the next completion",
        plain,
        "bob claims; bob buys; +10d; eve claims; eve buys -> credited 60; eve refunded -> reversed 30; +1d; \
         eve restored -> credited 60",
    ),
    (
        "after a gap",
        plain,
        "bob claims; bob buys; +40d; eve claims; eve buys -> credited 70; bob refunded -> reversed 70; +1d; \
         bob restored -> credited 70; eve refunded -> reversed 0",
    ),
    (
        "of both, given back crosswise",
        plain,
        "bob claims; bob buys; +10d; eve claims; eve buys; bob refunded -> reversed 40; eve refunded -> reversed 0; \
         +1d; eve restored -> credited 41; bob restored -> credited 61",
    ),
    (
        "of both, given back in order",
        plain,
        "bob claims; bob buys; +10d; eve claims; eve buys; eve refunded -> reversed 30; bob refunded -> reversed 0; \
         +1d; bob restored -> credited 31; eve restored -> credited 61",
    ),
    (
        "of one of three",
        plain,
        "bob claims; bob buys; eve claims; eve buys; max claims; max buys -> credited 90; \
         eve refunded -> reversed 60; kim claims; kim buys -> credited 90; +1d; eve restored -> credited 120",
    ),
    (
        "of one and of the other",
        plain,
        "bob claims; bob buys; eve claims; eve buys; +5d; bob refunded -> reversed 30; +1d; \
         eve refunded -> reversed 0; +1d; bob restored -> credited 37; +1d; eve restored -> credited 61",
    ),
    (
        "told before the purchase",
        plain,
        "bob claims; bob refunded by revenuecat -> none 0; bob buys -> reversed 0; +1d; bob restored -> credited 31; \
         again -> credited 31",
    ),
    (
        "told before the claim",
        plain,
        "bob buys -> none 0; bob refunded -> none 0; bob claims -> reversed 0; again -> reversed 0; +2d; \
         bob restored -> credited 32",
    ),
    (
        "told and given back before the claim",
        plain,
        "bob buys; bob refunded; +1d; bob restored -> none 0; +1d; bob claims -> credited 32",
    ),
    (
        "told and given back before the purchase",
        plain,
        "bob claims; bob refunded by revenuecat; +1d; bob restored by revenuecat -> none 0; bob buys -> credited 31; \
         bob refunded -> reversed 0",
    ),
    (
        "told and given back before the claim, by Apple",
        plain,
        "bob refunded; +1d; bob restored -> none 0; bob claims -> credited 31; bob buys -> credited 31; \
         bob refunded -> reversed 0",
    ),
    (
        "told before anything",
        plain,
        "bob refunded by revenuecat -> none 0; bob claims -> none 0; bob buys by apple -> reversed 0; +3d; \
         bob restored -> credited 33",
    ),
    (
        "Apple's word of the refund tells of the purchase too",
        plain,
        "bob claims; bob refunded -> reversed 0; bob buys -> reversed 0; again -> reversed 0; +1d; \
         bob restored -> credited 31",
    ),
    (
        "Apple's word of the refund before anything",
        plain,
        "bob refunded -> none 0; bob claims -> reversed 0; bob buys -> reversed 0; +3d; bob restored -> credited 33",
    ),
    (
        "a claim after the purchase",
        plain,
        "bob buys -> none 0; +5d; bob claims -> credited 35; again -> credited 35; bob buys by apple -> credited 35",
    ),
    ("a claim too late", plain, "bob buys; +31d; bob claims -> none 0; bob refunded -> none 0; bob restored -> none 0"),
    (
        "by RevenueCat",
        plain,
        "bob claims; bob buys -> credited 30; bob refunded by revenuecat -> reversed 0; again -> reversed 0; +1d; \
         bob restored by revenuecat -> credited 31; again -> credited 31",
    ),
    (
        "by one, given back by the other",
        plain,
        "bob claims; bob buys by apple; +3d; bob refunded by revenuecat -> reversed 0; +1d; \
         bob restored -> credited 31; bob refunded -> reversed 0; bob restored by revenuecat -> credited 31",
    ),
    (
        "by both",
        plain,
        "bob claims; bob buys; bob refunded -> reversed 0; bob refunded by revenuecat -> reversed 0; +1d; \
         bob restored -> credited 31; bob restored by revenuecat -> credited 31",
    ),
    (
        "a second time",
        plain,
        "bob claims; bob buys; bob refunded; bob restored -> credited 30; bob refunded -> reversed 0; +1d; \
         bob restored -> credited 31; +1d; bob refunded; +1d; bob restored -> credited 32",
    ),
    (
        "revoked",
        plain,
        "bob claims; bob buys by apple -> credited 30; bob revoked -> reversed 0; again -> reversed 0; +1d; \
         bob restored -> credited 31",
    ),
    ("revoked first", plain, "bob revoked -> none 0; bob claims; bob buys -> reversed 0; bob restored -> credited 30"),
    (
        "a device that does not know yet",
        plain,
        "bob confirms -> credited 30; bob refunded -> reversed 0; +1d; bob confirms -> reversed 0; \
         bob restored -> credited 31; bob confirms -> credited 31",
    ),
    (
        "shown after the refund",
        plain,
        "bob claims; bob refunded by revenuecat -> none 0; bob confirms -> reversed 0; again -> reversed 0; \
         bob restored -> credited 30",
    ),
    (
        "shown, told, told again",
        plain,
        "bob confirms -> credited 30; again -> credited 30; bob buys -> credited 30; \
         bob buys by apple -> credited 30; again -> credited 30; bob refunded -> reversed 0; bob buys -> reversed 0",
    ),
    (
        "while the house begins again",
        plain,
        "bob claims; restart; bob buys; restart -> credited 30; again -> credited 30; bob refunded; \
         restart -> reversed 0; again -> reversed 0; +1d; bob restored; restart -> credited 31; again -> credited 31",
    ),
    (
        "a renewal goes on",
        plain,
        "bob claims; bob buys -> credited 30; +20d; bob renews -> credited 30; again -> credited 30; \
         bob renews by apple -> credited 30; bob refunded -> reversed 0; bob renews by apple -> reversed 0",
    ),
    (
        "the app's word",
        trusting,
        "bob confirms word -> credited 30; again -> credited 30; bob refunded by revenuecat -> credited 30; \
         bob buys -> reversed 0; +1d; bob restored -> credited 31",
    ),
    (
        "the app's word, a refund after the purchase",
        trusting,
        "bob confirms word -> credited 30; +1d; bob buys -> credited 30; bob refunded -> reversed 0; +1d; \
         bob restored -> credited 31",
    ),
    (
        "no days",
        no_days,
        "bob claims; bob buys -> credited 0; bob refunded -> reversed 0; bob restored -> credited 0; eve claims; \
         eve buys -> credited 0",
    ),
];
