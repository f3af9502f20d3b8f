//! A list of codes taken in: what is known already is left out, the rest goes to the writer in pieces
//! and can be handed out when the last piece is in.

use super::load::code as code_of;
use super::record::decode;
use super::rows::chunk_key;
use super::store::Store;
use super::table::Tab;
use super::{Entry, Error, Fail, Ledger};
use crate::domain::at::{At, Date};
use crate::domain::batch::{Batch, BatchState, CHUNK, Chunk, Origin};
use crate::domain::code::CodeText;
use crate::domain::decide::pool::Import;
use crate::domain::decide::{By, Command, Refusal};
use crate::domain::id::Id;
use crate::domain::policy::Environment;
use crate::domain::pool::Pool;
use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// Chunks in one command: with them its journal entry fills a power of two of the database's pages.
const PIECE: usize = 64;

/// What became of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intake {
    pub batch: Id,
    pub imported: u32,
    /// Codes that were here already, in the stock or in somebody's hands.
    pub known: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error(transparent)]
    Fail(#[from] Fail),
    #[error(transparent)]
    Ledger(#[from] Error),
}

/// A list to take in.
pub struct List {
    pub campaign: String,
    pub expires: Date,
    pub codes: Vec<CodeText>,
}

impl Ledger {
    /// Takes a list in, or only says what would come of it.
    pub async fn take_in(&self, list: List, by: By, now: At, dry: bool) -> Result<Intake, IntakeError> {
        let _one_at_a_time = self.one_at_a_time().await;
        let snapshot = self.snapshot();
        let Some(rules) = snapshot.rules_of(&list.campaign)? else {
            return Err(Fail::Refused(Refusal::UnknownCampaign).into());
        };
        let total = list.codes.len();
        let fresh = unknown(&*snapshot, list.codes)?;
        let known = (total - fresh.len()) as u32;
        let environment = rules.policy.pool.environment;
        let batch = batch(&list.campaign, list.expires, &fresh, environment, now);
        let intake = Intake { batch: batch.id, imported: batch.asked, known };
        drop(snapshot);
        if dry || fresh.is_empty() {
            return Ok(intake);
        }
        let pieces: Vec<&[CodeText]> = fresh.chunks(CHUNK * PIECE).collect();
        for (n, codes) in pieces.iter().enumerate() {
            let first_chunk = (n * PIECE) as u32;
            let last = n + 1 == pieces.len();
            let import = Import { batch: batch.clone(), first_chunk, codes: codes.to_vec(), last };
            self.submit(Entry::new(Command::Import(import), by.clone())).await?;
        }
        Ok(intake)
    }
}

fn batch(campaign: &str, expires: Date, fresh: &[CodeText], environment: Environment, now: At) -> Batch {
    let mut parts: Vec<&[u8]> = vec![campaign.as_bytes()];
    parts.extend(fresh.iter().map(|code| code.as_str().as_bytes()));
    Batch {
        id: Id::of("import", &parts),
        campaign: campaign.to_owned(),
        origin: Origin::Import,
        environment,
        expires,
        asked: fresh.len() as u32,
        requested_at: now,
        apple_id: None,
        state: BatchState::Generating,
    }
}

/// The codes of a list that are neither in any stock nor handed out, each once.
fn unknown(store: &impl Store, mut codes: Vec<CodeText>) -> Result<Vec<CodeText>, Error> {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    // Hashes instead of texts: a million codes are known by 16 MB.
    let mut stocked: HashSet<u64> = HashSet::new();
    for (_, bytes) in store.prefix(Tab::Pool, &[], usize::MAX)? {
        let pool: Pool = decode(&bytes, Tab::Pool.name())?;
        for shelf in &pool.shelves {
            for number in shelf.next / CHUNK as u32..shelf.size.div_ceil(CHUNK as u32) {
                let chunk: Option<Chunk> = store.row(&chunk_key(shelf.batch, number))?;
                stocked.extend(chunk.iter().flat_map(|chunk| chunk.codes.iter()).map(|text| hasher.hash_one(text)));
            }
        }
    }
    let mut failed = None;
    codes.retain(|code| match code_of(store, code) {
        Ok(held) => stocked.insert(hasher.hash_one(code.as_str())) && held.is_none(),
        Err(error) => {
            failed.get_or_insert(error);
            false
        }
    });
    failed.map_or(Ok(codes), Err)
}
