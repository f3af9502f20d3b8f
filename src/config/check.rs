//! What `referd check` says.

use super::{Config, Problem};
use std::path::Path;

/// One line for each problem and one that counts them, or one that says what was found.
pub fn report(path: &Path, outcome: &Result<Config, Vec<Problem>>) -> String {
    let file = path.display();
    match outcome {
        Ok(config) => {
            let campaigns = config.apps.iter().map(|app| app.campaigns.len()).sum();
            format!("{file} is good: {}, {}\n", counted(config.apps.len(), "app"), counted(campaigns, "campaign"))
        }
        Err(problems) => {
            let lines: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
            format!("{lines}{} in {file}\n", counted(problems.len(), "problem"))
        }
    }
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_listed_and_counted() {
        let problem = |key: &str| Problem { key: key.into(), what: "is missing".into(), remedy: "add it".into() };
        let path = Path::new("c.toml");
        assert_eq!(report(path, &Err(vec![problem("a")])), "a: is missing (add it)\n1 problem in c.toml\n");
        assert!(report(path, &Err(vec![problem("a"), problem("b")])).ends_with("2 problems in c.toml\n"));
    }
}
