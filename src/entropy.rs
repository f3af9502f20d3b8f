//! The only source of randomness. It makes keys, tokens and request ids; no decision uses it.

use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex};

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

/// Takes from another source in advance, for names that are many and no secret: a call to the system for
/// each request would cost as much as the answer.
pub struct Ahead {
    source: Arc<dyn Entropy>,
    block: Mutex<([u8; 4096], usize)>,
}

impl Ahead {
    pub fn of(source: Arc<dyn Entropy>) -> Ahead {
        Ahead { source, block: Mutex::new(([0; 4096], 4096)) }
    }
}

impl Entropy for Ahead {
    fn fill(&self, out: &mut [u8]) {
        let mut held = self.block.lock().expect("no panic holds this lock");
        let (block, at) = &mut *held;
        if block.len() - *at < out.len() {
            self.source.fill(block);
            *at = 0;
        }
        match block.get(*at..*at + out.len()) {
            Some(bytes) => out.copy_from_slice(bytes),
            None => self.source.fill(out),
        }
        *at += out.len();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_in_advance_is_used_once() {
        let ahead = Ahead::of(Arc::new(SeededEntropy::new(7)));
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            let mut bytes = [0; 16];
            ahead.fill(&mut bytes);
            assert!(seen.insert(bytes));
        }
        let mut large = vec![0; 5000];
        ahead.fill(&mut large);
        assert_ne!(large[..16], [0; 16]);
    }
}
