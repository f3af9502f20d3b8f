//! What became of a list from elsewhere: counts, and the lines that somebody has to look at.

use crate::http::problem::Problem;
use crate::wire::csv::{Column, Table};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Lines that are named one by one.
const NAMED: usize = 1_000;

pub struct Listed {
    counts: BTreeMap<&'static str, usize>,
    lines: Vec<Value>,
    missing: Vec<&'static str>,
    ignored: Vec<String>,
}

/// The table in a body, and nothing said of it yet.
pub fn read<'a>(body: &'a [u8], columns: &[Column]) -> Result<(Table<'a>, Listed), Problem> {
    let table = Table::read(body, columns).map_err(|fault| Problem::bad_request(fault.to_string()))?;
    let listed = Listed {
        counts: ["rows", "taken", "known", "refused"].map(|what| (what, 0)).into(),
        lines: Vec::new(),
        missing: table.heading.missing.clone(),
        ignored: table.heading.ignored.clone(),
    };
    Ok((table, listed))
}

impl Listed {
    pub fn count(&mut self, what: &'static str, rows: usize) {
        *self.counts.entry(what).or_default() += rows;
    }
    /// Somebody has to look at this line.
    pub fn name(&mut self, line: usize, why: &str, detail: &str) {
        if self.lines.len() < NAMED {
            self.lines.push(json!({"line": line, "why": why, "detail": detail}));
        }
    }
    /// This line was not taken in.
    pub fn refuse(&mut self, line: usize, why: &str, detail: &str) {
        self.count("refused", 1);
        self.name(line, why, detail);
    }
    pub fn json(self, is_dry: bool) -> Value {
        let mut all = json!({
            "lines": self.lines, "missing_columns": self.missing, "ignored_columns": self.ignored, "dry_run": is_dry,
        });
        self.counts.into_iter().for_each(|(what, rows)| all[what] = rows.into());
        all
    }
}
