//! Keys of features to come: known and typed like any other, and kept nowhere.
//! `unbuilt` says which of their values are refused.

use super::schedule;
use super::section::Section;

pub(super) fn backup(mut s: Section<'_>) {
    s.parsed("schedule", schedule::schedule);
    s.number("keep", 1..=10_000);
}
