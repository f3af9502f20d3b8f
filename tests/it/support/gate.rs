//! Holds the writer, before a batch or at the disk, for as long as the test wants.

use std::sync::{Condvar, Mutex, MutexGuard};

#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<State>,
    turn: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_shut: bool,
    batches: u64,
}

impl Gate {
    /// The writer, where it is to be held.
    pub fn pass(&self) {
        let mut state = self.state();
        state.batches += 1;
        self.turn.notify_all();
        while state.is_shut {
            state = self.turn.wait(state).expect("no panic holds this lock");
        }
    }
    /// How often it came here so far.
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
