//! The only source of randomness. It makes keys, tokens and request ids; no decision uses it.

use sha2::{Digest, Sha256};
use std::sync::Mutex;

pub trait Entropy: Send + Sync + 'static {
    fn fill(&self, out: &mut [u8]);
}

pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[allow(clippy::disallowed_methods)] // the one reader of the system's randomness
    fn fill(&self, out: &mut [u8]) {
        getrandom::fill(out).expect("the operating system gives random bytes");
    }
}

/// The same bytes for the same seed: tests.
pub struct SeededEntropy(Mutex<([u8; 32], u64)>);

impl SeededEntropy {
    pub fn new(seed: u64) -> SeededEntropy {
        let key = Sha256::digest(seed.to_be_bytes()).into();
        SeededEntropy(Mutex::new((key, 0)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        let mut state = self.0.lock().expect("no panic holds this lock");
        for part in out.chunks_mut(32) {
            state.1 += 1;
            let block = Sha256::new().chain_update(state.0).chain_update(state.1.to_be_bytes()).finalize();
            part.copy_from_slice(&block[..part.len()]);
        }
    }
}
