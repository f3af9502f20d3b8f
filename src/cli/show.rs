//! Data on stdout: tables on a terminal, JSON lines otherwise.

use serde_json::Value;
use std::io::{IsTerminal, Write};

pub fn as_json(asked: bool) -> bool {
    asked || !std::io::stdout().is_terminal()
}

pub fn lines(items: &[Value]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    items.iter().try_for_each(|item| writeln!(out, "{item}"))
}

/// A table of these members of each item.
pub fn table(items: &[Value], columns: &[&str]) -> std::io::Result<()> {
    let cell = |item: &Value, column: &str| match &item[column] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let mut rows: Vec<Vec<String>> = vec![columns.iter().map(|column| column.to_uppercase()).collect()];
    rows.extend(items.iter().map(|item| columns.iter().map(|column| cell(item, column)).collect()));
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut out = std::io::stdout().lock();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}
