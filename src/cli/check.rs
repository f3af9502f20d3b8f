//! The configuration found and understood.

use crate::config::{self, Config, Problem};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Everything the environment says.
pub type Environment = Vec<(OsString, OsString)>;

/// What a variable says, if it is text.
pub fn variable<'a>(env: &'a Environment, name: &str) -> Option<&'a str> {
    env.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.to_str())
}

/// The file that counts, and what it says.
pub fn load(given: Option<&Path>, env: &Environment) -> (PathBuf, Result<Config, Vec<Problem>>) {
    let variable = env.iter().find(|(name, _)| name == "REFERD_CONFIG").map(|(_, value)| value.as_os_str());
    let places = [Path::new("config.toml"), Path::new("/etc/referd/config.toml")];
    match config::locate(given, variable, &places) {
        Ok(path) => {
            let read = config::load(&path, env.clone());
            (path, read)
        }
        Err(problem) => (PathBuf::from("config.toml"), Err(vec![problem])),
    }
}
