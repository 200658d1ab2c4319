//! The default file: every key with what it does, its default, and nothing switched on.

use toml::{Table, Value};

use super::Config;
use super::keys::{KEYS, Key, Kind};

/// Line length of the comments.
const WIDTH: usize = 110;

const HEAD: &str = "\
# Countersign's configuration. Each key stands here with its default (hold_s has none: 45 is an example); remove the `#` to change it.
# Every key can also be set in the environment, which wins: limits.queue as COUNTERSIGN_LIMITS_QUEUE.
# Unknown keys are refused.
";

/// The text that `countersign init` writes.
pub(crate) fn sample() -> String {
    let defaults = Table::try_from(Config::default()).unwrap_or_default();
    let mut text = HEAD.to_owned();
    let mut section = None;
    for key in &KEYS {
        if key.parts().0 != section {
            section = key.parts().0;
            text.push_str(&format!("\n[{}]\n", section.unwrap_or_default()));
        }
        text.push('\n');
        for line in wrap(&about(key), WIDTH) {
            text.push_str(&format!("# {line}\n"));
        }
        text.push_str(&format!("# {} = {}\n", key.parts().1, default_of(key, &defaults)));
    }
    text
}

fn about(key: &Key) -> String {
    match key.kind {
        Kind::Number(least, most) => format!("{} From {least} to {most}.", key.about),
        _ => key.about.to_owned(),
    }
}

/// As TOML; an example for the one key that has no default.
fn default_of(key: &Key, defaults: &Table) -> String {
    let value = match key.parts() {
        (None, name) => defaults.get(name),
        (Some(section), name) => defaults.get(section).and_then(|section| section.get(name)),
    };
    value.map_or_else(|| "45".to_owned(), Value::to_string)
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    /// Dotted paths of all values.
    fn paths(table: &Table) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (name, value) in table {
            match value {
                Value::Table(inner) => found.extend(paths(inner).into_iter().map(|path| format!("{name}.{path}"))),
                _ => drop(found.insert(name.clone())),
            }
        }
        found
    }

    #[test]
    fn the_keys_are_those_of_the_type() {
        let config = Config { hold_s: Some(1), ..Config::default() };
        let keys: BTreeSet<String> = KEYS.iter().map(|key| key.path.to_owned()).collect();
        assert_eq!(paths(&Table::try_from(config).unwrap()), keys);
    }

    #[test]
    fn the_default_file_changes_nothing_and_uncommented_it_says_the_defaults() {
        assert_eq!(Config::load(Some(("sample", &sample())), []).unwrap(), Config::default());
        let is_setting = |line: &&str| line.strip_prefix("# ").is_some_and(|line| line.split(' ').nth(1) == Some("="));
        let uncommented: Vec<String> = sample()
            .lines()
            .map(|line| if is_setting(&line) { line.trim_start_matches("# ").to_owned() } else { line.to_owned() })
            .collect();
        let loaded = Config::load(Some(("sample", &uncommented.join("\n"))), []).unwrap();
        assert_eq!(loaded, Config { hold_s: Some(45), ..Config::default() });
    }

    #[test]
    fn the_documentation_has_every_key_with_its_bounds_and_default() {
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md")).unwrap();
        let defaults = Table::try_from(Config::default()).unwrap();
        for key in &KEYS {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", key.path)));
            let row = row.unwrap_or_else(|| panic!("{} is not documented", key.path));
            let default = if key.path == "hold_s" { "not set".to_owned() } else { default_of(key, &defaults) };
            assert!(row.contains(default.trim_matches('"')), "{row}: its default is {default}");
            if let Kind::Number(least, most) = key.kind {
                assert!(row.contains(&format!("{least}–{most}")), "{row}: its bounds are {least}–{most}");
            }
        }
    }
}
