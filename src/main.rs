//! The process: reads the arguments and the environment, runs a command, and ends with its status:
//! 0 done, 1 a check failed or the work could not be done, 2 wrong usage or configuration, 75 begin
//! anew (the disk failed).

use clap::Parser;
use referd::cli::args::{Cli, Import, Rules, Verb};
use referd::cli::serve::End;
use referd::cli::systemd::{Manager, Sockets};
use referd::cli::{
    backup, check, completions, demo, doctor, explain, export, import, log, man, moving, restore, rules, serve, verify,
};
use referd::config::{self, Config};
use referd::entropy::SystemEntropy;
use referd::http::openapi;
use std::io::{Write, stdout};
use std::path::Path;
use std::process::ExitCode;

const DONE: u8 = 0;
const FAILED: u8 = 1;
const WRONG: u8 = 2;
const AGAIN: u8 = 75;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let env: check::Environment = std::env::vars_os().collect();
    let filter = check::variable(&env, "RUST_LOG");
    match run(&cli, &env, filter) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("referd: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn run(cli: &Cli, env: &check::Environment, filter: Option<&str>) -> anyhow::Result<u8> {
    let load = || check::load(cli.config.as_deref(), env);
    match &cli.verb {
        Verb::Token(asked) => {
            let fresh = if asked.webhook { config::init::signing_secret } else { config::init::token };
            println!("{}", fresh(&SystemEntropy));
            Ok(DONE)
        }
        Verb::Openapi => {
            writeln!(stdout(), "{:#}", openapi::document())?;
            Ok(DONE)
        }
        Verb::Init => match config::init::init(Path::new("."), &SystemEntropy) {
            Ok(outcome) => {
                eprintln!("{}", config::init::report(&outcome));
                Ok(DONE)
            }
            Err(error) => {
                eprintln!("referd: {error}");
                Ok(FAILED)
            }
        },
        Verb::Check => {
            let (path, read) = load();
            eprintln!("{}", config::check::report(&path, &read));
            Ok(if read.is_ok() { DONE } else { WRONG })
        }
        Verb::Serve => with(load(), |config| {
            log::start(filter, config.log_level);
            let (sockets, manager) = (Sockets::of(env)?, Manager::of(env));
            let end = runtime()?.block_on(serve::run(config, sockets, &manager))?;
            Ok(if end == End::Told { DONE } else { AGAIN })
        }),
        Verb::Demo(asked) => {
            log::start(filter, "error");
            let held = runtime()?.block_on(demo::run(asked))?;
            Ok(if held { DONE } else { FAILED })
        }
        Verb::Doctor => with(load(), |config| {
            log::start(filter, "error");
            let good = runtime()?.block_on(doctor::run(&config, cli.json))?;
            Ok(if good { DONE } else { FAILED })
        }),
        Verb::Explain(asked) => with(load(), |config| {
            log::start(filter, "error");
            let found = runtime()?.block_on(explain::run(&config, asked, cli.json))?;
            Ok(if found { DONE } else { FAILED })
        }),
        Verb::Import(Import::Codes(asked)) => with(load(), |config| {
            log::start(filter, "error");
            let done = runtime()?.block_on(import::run(&config, asked, cli.json))?;
            Ok(if done { DONE } else { FAILED })
        }),
        Verb::Import(Import::Alma(asked)) => with(load(), |config| {
            log::start(filter, "error");
            let whole = runtime()?.block_on(moving::alma(&config, asked, cli.json))?;
            Ok(if whole { DONE } else { FAILED })
        }),
        Verb::Import(Import::Partners(asked)) => with(load(), |config| {
            log::start(filter, "error");
            let whole = runtime()?.block_on(moving::partners(&config, asked, cli.json))?;
            Ok(if whole { DONE } else { FAILED })
        }),
        Verb::Export(asked) => with(load(), |config| {
            log::start(filter, "error");
            let done = runtime()?.block_on(export::run(&config, asked, cli.json))?;
            Ok(if done { DONE } else { FAILED })
        }),
        Verb::Rules(Rules::Simulate(asked)) => with(load(), |config| {
            log::start(filter, "error");
            let done = runtime()?.block_on(rules::run(&config, asked, cli.json))?;
            Ok(if done { DONE } else { FAILED })
        }),
        Verb::Backup(asked) => with(load(), |config| {
            log::start(filter, "error");
            let done = runtime()?.block_on(backup::run(&config, asked, cli.json))?;
            Ok(if done { DONE } else { FAILED })
        }),
        Verb::Completions(asked) => completions::run(asked).map(|()| DONE),
        Verb::Man(asked) => man::run(asked).map(|()| DONE),
        Verb::Restore(asked) => with(load(), |config| {
            log::start(filter, "error");
            let done = restore::run(&config, asked, cli.json)?;
            Ok(if done { DONE } else { FAILED })
        }),
        Verb::Verify(asked) => match &asked.from {
            Some(file) => Ok(if verify::file(asked, file, cli.json)? { DONE } else { FAILED }),
            None => with(load(), |config| {
                let good = runtime()?.block_on(verify::run(&config, cli.json))?;
                Ok(if good { DONE } else { FAILED })
            }),
        },
    }
}

type Loaded = (std::path::PathBuf, Result<Config, Vec<config::Problem>>);

/// Runs with a good configuration, or names every problem.
fn with((path, read): Loaded, run: impl FnOnce(Config) -> anyhow::Result<u8>) -> anyhow::Result<u8> {
    match read {
        Ok(config) => run(config),
        Err(_) => {
            eprintln!("{}", config::check::report(&path, &read));
            Ok(WRONG)
        }
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
