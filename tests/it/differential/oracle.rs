//! Apple's library, asked everything at once.

use super::corpus::Case;
use crate::support::skipped::skipped;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The Python that has the library.
pub fn python() -> Option<PathBuf> {
    let python = root().join("target/oracle/bin/python");
    let asked = Command::new(&python).args(["-c", "import appstoreserverlibrary.signed_data_verifier"]).output();
    if asked.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    let missing = format!("{} has no app-store-server-library", python.display());
    skipped("REFERD_ORACLE", "nothing was compared with Apple's own library", &missing);
    None
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn verdicts(python: &Path, cases: &[Case]) -> Vec<String> {
    answers(python, "verify.py", cases.iter().map(Case::question))
}

/// What a script of `tests/oracle` says to each question.
pub fn answers(python: &Path, script: &str, asked: impl ExactSizeIterator<Item = Value> + Send) -> Vec<String> {
    let count = asked.len();
    let mut child = Command::new(python)
        .args(["-W", "ignore"])
        .arg(root().join("tests/oracle").join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it was there");
    let (mut questions, answers) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
    let answers: Vec<String> = std::thread::scope(|scope| {
        scope.spawn(move || {
            for question in asked {
                writeln!(questions, "{question}").expect("it reads to the end");
            }
        });
        let lines = BufReader::new(answers).lines();
        lines.map(|line| serde_json::from_str(&line.expect("a line")).expect("a word")).collect()
    });
    assert!(child.wait().expect("it ran").success());
    assert_eq!(answers.len(), count);
    answers
}
