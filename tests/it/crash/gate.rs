//! Holds the writer before a batch, so that the test says which commands share a commit.

use std::sync::{Condvar, Mutex, MutexGuard};

#[derive(Default)]
pub struct Gate {
    state: Mutex<State>,
    turn: Condvar,
}

#[derive(Default)]
struct State {
    is_shut: bool,
    batches: u64,
}

impl Gate {
    /// The writer, before each batch.
    pub fn pass(&self) {
        let mut state = self.state();
        state.batches += 1;
        self.turn.notify_all();
        while state.is_shut {
            state = self.turn.wait(state).expect("no panic holds this lock");
        }
    }
    /// How many batches came so far.
    pub fn shut(&self) -> u64 {
        let mut state = self.state();
        state.is_shut = true;
        state.batches
    }
    pub fn wait_for(&self, batches: u64) {
        let mut state = self.state();
        while state.batches < batches {
            state = self.turn.wait(state).expect("no panic holds this lock");
        }
    }
    pub fn open(&self) {
        self.state().is_shut = false;
        self.turn.notify_all();
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic holds this lock")
    }
}
