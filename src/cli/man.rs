//! The manual pages, made of the arguments themselves: one for each command.

use super::args::{Cli, Man};
use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_mangen::generate_to;

pub fn run(asked: &Man) -> Result<()> {
    let failed = || format!("{} cannot be written", asked.folder.display());
    std::fs::create_dir_all(&asked.folder).with_context(failed)?;
    generate_to(Cli::command(), &asked.folder).with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_page() {
        let folder = std::env::temp_dir().join(format!("referd-man-{}", std::process::id()));
        run(&Man { folder: folder.clone() }).expect("the folder can be written");
        let read = |name: &str| std::fs::read_to_string(folder.join(format!("{name}.1"))).expect("it was written");
        assert!(read("referd").contains("referd\\-serve(1)"));
        for verb in Cli::command().get_subcommands() {
            assert!(read(&format!("referd-{}", verb.get_name())).contains(".SH SYNOPSIS"), "{}", verb.get_name());
        }
        std::fs::remove_dir_all(&folder).expect("it was made");
    }
}
