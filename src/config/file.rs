//! Where the configuration file is, and its text as a TOML table.

use super::Problem;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use toml::Table;

/// The file to read: `--config`, then `$REFERD_CONFIG`, then the first of `places` that exists
/// (`./config.toml`, `/etc/referd/config.toml`).
pub fn locate(given: Option<&Path>, variable: Option<&OsStr>, places: &[&Path]) -> Result<PathBuf, Problem> {
    let named = given.or(variable.filter(|v| !v.is_empty()).map(Path::new));
    if let Some(path) = named.or_else(|| places.iter().copied().find(|p| p.exists())) {
        return Ok(path.to_owned());
    }
    let looked: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
    Err(Problem {
        key: "configuration file".to_owned(),
        what: format!("is at none of {}", looked.join(", ")),
        remedy: "make one with `referd init`, or name it with --config or REFERD_CONFIG".to_owned(),
    })
}

pub(super) fn read(path: &Path) -> Result<Table, Problem> {
    let problem =
        |what: String, remedy: &str| Problem { key: path.display().to_string(), what, remedy: remedy.to_owned() };
    let bytes = std::fs::read(path)
        .map_err(|e| problem(format!("cannot be read: {e}"), "make one with `referd init`, or name another"))?;
    let text = String::from_utf8(bytes).map_err(|_| problem("is not UTF-8 text".to_owned(), "save it as UTF-8"))?;
    parse(&text).map_err(|what| problem(what, "mend the TOML there"))
}

/// The parser's own message shows the faulty line, which may hold a secret; only its reason is kept.
fn parse(text: &str) -> Result<Table, String> {
    text.parse::<Table>().map_err(|e| {
        let reason = e.message().replace(|c: char| c.is_control(), " ");
        let at = e.span().map_or(0, |s| s.start);
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("line {line}, column {column}: {reason}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_errors_name_line_and_column_and_no_content() {
        for (text, place) in [
            ("a = 1\nb = hunter2hunter2\n", "line 2, column 5: "),
            ("[server\nlisten = 1", "line 1, column 8: "),
            ("é = 1", "line 1, column 1: "),
            ("k = \"hunter2hunter2", "line 1, column "),
            ("a = 1\na = 2", "line 2, column 1: "),
        ] {
            let what = parse(text).expect_err(text);
            assert!(what.starts_with(place), "{text:?}: {what}");
            assert!(!what.contains("hunter2"), "{what}");
            assert!(!what.contains('\n'), "{what}");
        }
    }

    #[test]
    fn the_file_is_looked_for_in_order() {
        let here = std::env::temp_dir();
        let absent = here.join("no-such-file-of-referd.toml");
        let (a, b) = (Path::new("a.toml"), OsStr::new("b.toml"));
        let found = |given, variable, places: &[&Path]| locate(given, variable, places).ok();
        assert_eq!(found(Some(a), Some(b), &[&here]), Some("a.toml".into()));
        assert_eq!(found(None, Some(b), &[&here]), Some("b.toml".into()));
        assert_eq!(found(None, Some(OsStr::new("")), &[&absent, &here]), Some(here.clone()));
        let problem = locate(None, None, &[&absent]).expect_err("nothing is there");
        assert!(problem.what.contains("no-such-file-of-referd.toml"), "{problem}");
    }
}
