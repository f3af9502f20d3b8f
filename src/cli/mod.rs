//! The commands: each builds what it needs from the other rooms, and says how it went.

pub mod admin;
pub mod args;
pub mod backup;
pub mod certificate;
pub mod check;
pub mod completions;
pub mod demo;
pub mod doctor;
pub mod explain;
pub mod export;
pub mod house;
pub mod import;
pub mod log;
pub mod man;
pub mod moving;
pub mod offline;
pub mod restore;
pub mod rules;
pub mod serve;
pub mod show;
pub mod systemd;
pub mod verify;
