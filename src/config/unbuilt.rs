//! What the configuration may ask for and this version does not do. A feature that is built
//! deletes its lines here.

use toml::Value;

pub(super) const WHAT: &str = "is not built yet; remove it";
pub(super) const REMEDY: &str = "a later version brings it";

type Asks = fn(&Value) -> bool;

const GIVEN: Asks = |_| true;

/// Keys, and which of their values ask for something.
const LIST: &[(&str, Asks)] = &[("backup", GIVEN)];

/// Whether this value asks for a feature that is not there. `shape` names apps `*` and entries `[]`.
pub(super) fn asked(shape: &str, value: &Value) -> bool {
    LIST.iter().any(|(key, asks)| *key == shape && asks(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{BASE, KEYS, loaded};

    #[test]
    fn the_list_names_real_keys() {
        for (shape, _) in LIST {
            let key = shape.replace('*', "alma").replace("[]", "[0]");
            let within = |known: &str| known.strip_prefix(&key).is_some_and(|rest| !rest.starts_with('_'));
            assert!(KEYS.split_whitespace().any(within), "{shape}");
        }
    }

    fn check(toml: &str, expected: &[&str], row: &str) {
        let problems = loaded(toml, &[]).err().unwrap_or_default();
        assert!(problems.iter().all(|p| p.what == WHAT), "{row}: {problems:?}");
        assert_eq!(problems.iter().map(|p| p.key.as_str()).collect::<Vec<_>>(), expected, "{row}");
    }

    #[test]
    fn what_is_not_built_is_refused_by_its_key() {
        for (lines, expected) in [
            ("[backup]", &["backup"][..]),
            ("[backup]\nschedule = \"0 30 3 * * *\"\nkeep = 14", &["backup"]),
            ("[apps.alma.notifications]", &[]),
            ("[apps.alma.notifications]\nmax_age_days = 0", &[]),
            ("[apps.alma.notifications]\nforward_to = []\nallow_private_forwards = true", &[]),
        ] {
            check(&format!("{lines}\n{BASE}"), expected, lines);
        }
    }
}
