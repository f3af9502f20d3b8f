//! What can be typed.

use crate::domain::at::At;
use crate::domain::money::BasisPoints;
use crate::wire::affiliate_list::percent;
use crate::wire::export::{Format, What};
use crate::wire::text::since;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Referral programmes on Apple's own offer codes, run from one binary.
#[derive(Parser)]
#[command(name = "referd", version, propagate_version = true)]
pub struct Cli {
    /// The configuration file; else $REFERD_CONFIG, ./config.toml, /etc/referd/config.toml.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// JSON lines instead of tables, as in a pipe.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Subcommand)]
pub enum Verb {
    /// Runs the appliance.
    Serve,
    /// The whole loop on this machine, with no account: stand-ins take Apple's and RevenueCat's place.
    Demo(Demo),
    /// Writes a commented config.toml and fresh secrets into this folder; never overwrites.
    Init,
    /// Validates the configuration without starting: every problem at once.
    Check,
    /// Asks the outside, through the running appliance, whether what is configured works.
    Doctor,
    /// Every journal entry about a code, a user or a transaction, in order.
    Explain(Explain),
    /// Takes in lists made elsewhere.
    #[command(subcommand)]
    Import(Import),
    /// Writes a whole list to stdout: CSV on a terminal, one JSON object a line in a pipe.
    Export(Export),
    /// Makes a verified snapshot, of a running appliance too.
    Backup(Backup),
    /// Puts a backup in the place of a ledger that nobody uses; what is there is kept beside it.
    Restore(Restore),
    /// Checks a ledger or a backup in full: checksum, storage, journal against tables, invariants.
    Verify(Verify),
    /// What other rules would have made of what happened.
    #[command(subcommand)]
    Rules(Rules),
    /// Makes a fresh random secret.
    Token(Token),
    /// Prints what a shell needs to complete commands and options.
    Completions(Completions),
    /// Writes the manual pages into a folder.
    Man(Man),
    /// Prints the OpenAPI 3.1 document of all routes.
    Openapi,
}

#[derive(Args)]
pub struct Demo {
    /// Keeps the appliance up afterwards and prints ready-made curl commands.
    #[arg(long)]
    pub serve: bool,
}

#[derive(Args)]
pub struct Token {
    /// One that signs webhooks, as Standard Webhooks writes it.
    #[arg(long)]
    pub webhook: bool,
}

#[derive(Args)]
pub struct Explain {
    /// A code, a user id, or an original transaction id.
    pub subject: String,
    /// The app, where there are several.
    #[arg(long)]
    pub app: Option<String>,
}

#[derive(Subcommand)]
pub enum Import {
    /// A code list exported from App Store Connect. Running it again changes nothing.
    Codes(ImportCodes),
    /// A pool that was kept in Postgres: dumps of its tables as CSV. Running it again takes in what is new.
    Alma(ImportAlma),
    /// Affiliates as other services list them. Running it again takes in who is new.
    Partners(ImportPartners),
}

#[derive(Args)]
pub struct ImportCodes {
    pub file: PathBuf,
    #[arg(long)]
    pub campaign: String,
    /// The codes' expiration date, YYYY-MM-DD.
    #[arg(long, value_name = "DATE")]
    pub expires: String,
    /// Only says what would come of it.
    #[arg(long)]
    pub dry_run: bool,
    #[arg(long)]
    pub app: Option<String>,
}

#[derive(Args)]
pub struct Export {
    /// codes, completions, conversions, partners, payouts or journal.
    #[arg(value_parser = what)]
    pub what: What,
    /// csv or ndjson.
    #[arg(long, value_parser = format)]
    pub format: Option<Format>,
    #[arg(long)]
    pub campaign: Option<String>,
    #[arg(long)]
    pub status: Option<String>,
    #[arg(long)]
    pub app: Option<String>,
}

fn what(text: &str) -> Result<What, &'static str> {
    What::parse(text).ok_or("there are codes, completions, conversions, partners, payouts and journal")
}

fn format(text: &str) -> Result<Format, &'static str> {
    Format::parse(text).ok_or("a format is csv or ndjson")
}

#[derive(Args)]
pub struct ImportAlma {
    /// The table one_time_code_pool.
    #[arg(long, value_name = "FILE", required_unless_present = "completions")]
    pub codes: Option<PathBuf>,
    /// The table referral_completions.
    #[arg(long, value_name = "FILE")]
    pub completions: Option<PathBuf>,
    #[arg(long)]
    pub campaign: String,
    /// What each completion earned there, where its row does not say; else what the campaign gives.
    #[arg(long)]
    pub days: Option<u32>,
    /// Only says what would come of it.
    #[arg(long)]
    pub dry_run: bool,
    #[arg(long)]
    pub app: Option<String>,
}

#[derive(Args)]
pub struct ImportPartners {
    pub file: PathBuf,
    #[arg(long)]
    pub campaign: String,
    /// What they earn, where their row does not say: a percentage, as 20 or 12.5%.
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    pub commission: Option<BasisPoints>,
    /// Of the price, or of the proceeds.
    #[arg(long, default_value = "price", value_parser = ["price", "proceeds"])]
    pub of: String,
    /// Of which payments: first, always, or those of so many months.
    #[arg(long, default_value = "always")]
    pub recurring: String,
    /// How they are paid: csv, tremendous or none.
    #[arg(long, default_value = "none", value_parser = ["csv", "tremendous", "none"])]
    pub rail: String,
    /// Only says what would come of it.
    #[arg(long)]
    pub dry_run: bool,
    #[arg(long)]
    pub app: Option<String>,
}

fn share(text: &str) -> Result<BasisPoints, &'static str> {
    percent(text).ok_or("a percentage, as 20 or 12.5%")
}

#[derive(Subcommand)]
pub enum Rules {
    /// Decides again, under the rules of the configuration file, what happened since a date: what would be held, released
    /// or refused, and the difference in days. Nothing is changed.
    Simulate(Simulate),
}

#[derive(Args)]
pub struct Simulate {
    /// YYYY-MM-DD, or a time as in RFC 3339.
    #[arg(long, value_name = "DATE", value_parser = time)]
    pub since: At,
    #[arg(long)]
    pub app: Option<String>,
}

fn time(text: &str) -> Result<At, &'static str> {
    since(text).ok_or("write a date, as 2026-11-01, or a time, as 2026-11-01T09:30:00Z")
}

#[derive(Args)]
pub struct Backup {
    /// A further copy, which must not be there yet, with its checksum beside it. Backups are kept in data_dir/backups.
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    #[arg(long)]
    pub app: Option<String>,
}

#[derive(Args)]
pub struct Restore {
    /// The backup, or another ledger file.
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// The key of an encrypted backup, as age-keygen writes it.
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    #[arg(long)]
    pub app: Option<String>,
}

#[derive(Args)]
pub struct Verify {
    /// A backup, or another ledger file, instead of the configured ledgers. It must not be in use, and stays as it is.
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// The key of an encrypted backup, as age-keygen writes it.
    #[arg(long, value_name = "FILE", requires = "from")]
    pub identity: Option<PathBuf>,
}

#[derive(Args)]
pub struct Completions {
    pub shell: clap_complete::Shell,
}

#[derive(Args)]
pub struct Man {
    pub folder: PathBuf,
}
