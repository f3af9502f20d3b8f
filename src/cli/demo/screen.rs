//! What the demonstration shows: each step with its time, what was sent and what was stored.

use crate::clock::Stopwatch;
use std::io::{IsTerminal, Result, Write, stdout};

const WIDTH: usize = 110;
const NAME: usize = 11;
/// Where the second line of a step starts: under the first one's text.
const INDENT: usize = 7 + 3 + NAME;

const GREEN: &str = "32";
const RED: &str = "31";
const BOLD: &str = "1";

pub struct Screen<W> {
    out: W,
    colours: bool,
    watch: Stopwatch,
}

/// Colours belong on a terminal, and nowhere under NO_COLOR (no-color.org).
pub fn has_colours() -> bool {
    stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

impl<W: Write> Screen<W> {
    pub fn new(out: W, colours: bool) -> Screen<W> {
        Screen { out, colours, watch: Stopwatch::start() }
    }

    /// A line of its own, as long as it is: commands are copied from here.
    pub fn line(&mut self, text: &str) -> Result<()> {
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    pub fn heading(&mut self, text: &str) -> Result<()> {
        let text = self.painted(BOLD, text);
        self.line(&text)
    }

    pub fn held(&mut self, step: &str, lines: &[String]) -> Result<()> {
        let mark = self.painted(GREEN, "✓");
        self.step(&mark, step, lines)
    }

    pub fn broke(&mut self, step: &str, why: &str) -> Result<()> {
        let mark = self.painted(RED, "✗");
        let lines: Vec<String> = why.lines().map(str::to_owned).collect();
        self.step(&mark, step, &lines)
    }

    fn step(&mut self, mark: &str, step: &str, lines: &[String]) -> Result<()> {
        let seconds = self.watch.micros() as f64 / 1e6;
        let mut lines = lines.iter().flat_map(|line| wrapped(line));
        let first = lines.next().unwrap_or_default();
        writeln!(self.out, "{seconds:>6.2}s {mark} {step:<NAME$}{first}")?;
        for line in lines {
            writeln!(self.out, "{:INDENT$}{line}", "")?;
        }
        self.out.flush()
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// A text as lines that fit, broken between words.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.len() - 1;
        let width = lines[line].chars().count();
        if width == 0 {
            lines[line].push_str(word);
        } else if width + 1 + word.chars().count() <= WIDTH - INDENT {
            lines[line].extend([" ", word]);
        } else {
            lines.push(format!("  {word}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(colours: bool, show: impl Fn(&mut Screen<&mut Vec<u8>>) -> Result<()>) -> String {
        let mut out = Vec::new();
        show(&mut Screen::new(&mut out, colours)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn texts_are_broken_between_words() {
        let room = WIDTH - INDENT;
        let (full, long) = ("x".repeat(room), "ö".repeat(room + 1));
        for (text, lines) in [
            ("", vec![String::new()]),
            ("a b", vec!["a b".to_owned()]),
            (&full, vec![full.clone()]),
            (&long, vec![long.clone()]),
            (&format!("{} b", &full[1..]), vec![full[1..].to_owned(), "  b".to_owned()]),
            (&format!("{} b", &full[2..]), vec![format!("{} b", &full[2..])]),
            (&format!("a {full}"), vec!["a".to_owned(), format!("  {full}")]),
        ] {
            assert_eq!(wrapped(text), lines, "{text}");
        }
    }

    #[test]
    fn lines_stand_below_each_other() {
        let lines = ["first".to_owned(), "second".to_owned()];
        for shown in [
            shown(false, |screen| screen.held("claim", &lines)),
            shown(false, |screen| screen.broke("claim", &lines.join("\n"))),
        ] {
            let (first, second) = shown.trim_end().split_once('\n').unwrap();
            assert!(first.ends_with(" claim      first"), "{first}");
            assert_eq!(first.chars().count() - "first".len(), INDENT, "{first}");
            assert_eq!(second, format!("{:INDENT$}second", ""));
        }
    }

    #[test]
    fn colours_are_a_choice() {
        for (colours, painted) in [(true, true), (false, false)] {
            let shown = shown(colours, |screen| {
                screen.heading("title")?;
                screen.held("a", &[])?;
                screen.broke("b", "why")
            });
            assert_eq!(shown.contains('\u{1b}'), painted);
        }
    }
}
