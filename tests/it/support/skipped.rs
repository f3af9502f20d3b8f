//! Tests that need what is not on every machine.

use std::io::{Write, stderr};

/// Says that nothing was tested, and why; fails where the variable of this name says `required`.
pub fn skipped(variable: &str, what: &str, why: &str) {
    assert!(std::env::var_os(variable).is_none_or(|word| word != "required"), "{why}");
    // A passing test's own prints are swallowed.
    drop(writeln!(stderr(), "SKIPPED: {what}, because {why}"));
}
