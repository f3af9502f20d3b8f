//! Every call that referd answers.

pub mod guard;
pub mod limits;
pub mod listen;
pub mod problem;
pub mod tls;
