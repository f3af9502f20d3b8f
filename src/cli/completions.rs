//! What a shell needs to complete commands and options, made of the arguments themselves.

use super::args::{Cli, Completions};
use anyhow::Result;
use clap::CommandFactory;
use clap_complete::generate;
use std::io::{Write, stdout};

pub fn run(asked: &Completions) -> Result<()> {
    Ok(stdout().write_all(&script(asked))?)
}

fn script(asked: &Completions) -> Vec<u8> {
    let mut script = Vec::new();
    generate(asked.shell, &mut Cli::command(), "referd", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap_complete::Shell;

    #[test]
    fn every_command_is_completed() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(script(&Completions { shell })).expect("a script is text");
            for verb in Cli::command().get_subcommands() {
                assert!(script.contains(verb.get_name()), "{shell}: {}", verb.get_name());
            }
        }
    }
}
