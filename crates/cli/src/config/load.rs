//! From text to a checked [`Config`]: every problem at once, each with its place and what to do.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use countersign_evidence::id::is_identifier;
use jiff::tz::TimeZone;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::Config;
use super::keys::{KEYS, Key, Kind, RESERVED};

/// Longest configuration file in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// Why the configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub(crate) struct ConfigError(pub(crate) Vec<String>);

impl ConfigError {
    fn one(problem: String) -> Self {
        ConfigError(vec![problem])
    }
}

/// Name and text of the configuration file, where there is one.
pub(super) fn read_file(data: &Path, explicit: Option<&Path>) -> Result<Option<(String, String)>, ConfigError> {
    let path = explicit.map_or_else(|| data.join(super::FILE), PathBuf::from);
    let name = path.display().to_string();
    let mut text = String::new();
    let file = match std::fs::File::open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && explicit.is_none() => return Ok(None),
        other => other,
    };
    match file.and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text)) {
        Ok(length) if length as u64 > MOST_BYTES => Err(ConfigError::one(format!("{name}: more than 1 MiB"))),
        Ok(_) => Ok(Some((name, text))),
        Err(error) => Err(ConfigError::one(format!("{name}: the configuration cannot be read: {error}"))),
    }
}

impl Config {
    /// Reads a file's text and environment variables; the environment wins.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem: unknown keys and `COUNTERSIGN_` variables, wrong types, values out of bounds.
    pub(super) fn load(
        file: Option<(&str, &str)>,
        environment: impl IntoIterator<Item = (String, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let mut table = Table::new();
        let mut places: Vec<(String, String)> = Vec::new();
        if let Some((name, text)) = file {
            read_table(name, text, &mut table, &mut places)?;
            problems.extend(unknown_keys(name, text));
        }
        for (name, value) in environment.into_iter().filter(|(name, _)| name.starts_with("COUNTERSIGN_")) {
            match KEYS.iter().find(|key| key.variable() == name) {
                Some(key) => match from_variable(key, &value) {
                    Ok(value) => {
                        places.push((key.path.to_owned(), name));
                        set(&mut table, key, value);
                    }
                    Err(problem) => problems.push(format!("{name}: {problem}")),
                },
                None if RESERVED.contains(&name.as_str()) => {}
                None => problems.push(unknown_variable(&name)),
            }
        }
        problems.extend(check(&table, &places));
        if !problems.is_empty() {
            return Err(ConfigError(problems));
        }
        let config: Config = table.try_into().map_err(|error: toml::de::Error| ConfigError::one(first_line(&error)))?;
        Ok(config)
    }
}

fn first_line(error: &toml::de::Error) -> String {
    error.message().lines().collect::<Vec<_>>().join(" ")
}

/// Parses the text, and notes where each key stands.
fn read_table(
    name: &str,
    text: &str,
    table: &mut Table,
    places: &mut Vec<(String, String)>,
) -> Result<(), ConfigError> {
    match text.parse::<Table>() {
        Ok(read) => *table = read,
        Err(error) => {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            let why = first_line(&error);
            // Every section stands in the file that `init` wrote.
            let header = text.lines().nth(line - 1).is_some_and(|line| line.trim_start().starts_with('['));
            let hint = if header && why.contains("duplicate") {
                ": the section stands above, write its keys there"
            } else {
                ""
            };
            return Err(ConfigError::one(format!("{name}:{line}: {why}{hint}")));
        }
    }
    for_each_key(text, |path, line| places.push((path, format!("{name}:{line}"))));
    Ok(())
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Calls with the dotted path and line of each key, the keys of sections included.
fn for_each_key(text: &str, mut each: impl FnMut(String, usize)) {
    fn walk(text: &str, prefix: &str, table: &DeTable<'_>, each: &mut dyn FnMut(String, usize)) {
        for (name, value) in table {
            let path = format!("{prefix}{}", name.get_ref());
            if let DeValue::Table(inner) = value.get_ref() {
                walk(text, &format!("{path}."), inner, each);
            }
            each(path, line_of(text, name.span().start));
        }
    }
    if let Ok(table) = DeTable::parse(text) {
        walk(text, "", table.get_ref(), &mut each);
    }
}

fn unknown_keys(name: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let known = |path: &str| KEYS.iter().any(|key| key.path == path || key.parts().0 == Some(path));
    for_each_key(text, |path, line| {
        // Within an unknown section only the section is told.
        let section_unknown = path.split_once('.').is_some_and(|(section, _)| !known(section));
        if !known(&path) && !section_unknown {
            let names = KEYS.iter().flat_map(|key| [Some(key.path), key.parts().0]).flatten();
            let near = misplaced(&path).unwrap_or_else(|| suggestion(&path, names));
            problems.push((line, format!("{name}:{line}: unknown key `{path}`{near}")));
        }
    });
    problems.sort();
    problems.into_iter().map(|(_, problem)| problem).collect()
}

/// A key that exists, but not in the section where it stands.
fn misplaced(path: &str) -> Option<String> {
    let (_, last) = path.rsplit_once('.')?;
    let key = KEYS.iter().find(|key| key.parts().1 == last)?;
    let place = key.parts().0.map_or_else(|| "above the first section".to_owned(), |section| format!("in [{section}]"));
    Some(format!(": `{last}` stands {place}"))
}

fn unknown_variable(name: &str) -> String {
    let known: Vec<String> =
        KEYS.iter().map(Key::variable).chain(RESERVED.iter().map(|name| (*name).to_owned())).collect();
    format!("unknown environment variable {name}{}", suggestion(name, known.iter().map(String::as_str)))
}

/// `: did you mean …?`, or where all are listed.
fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    // Whoever writes `payload_bytes` without its section means that one.
    let likeness = |known: &str| {
        let last = known.rsplit('.').next().unwrap_or(known);
        strsim::jaro_winkler(name, known).max(strsim::jaro_winkler(name, last))
    };
    let best = known.map(|known| (likeness(known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((likeness, known)) if likeness > 0.8 => format!(": did you mean `{known}`?"),
        _ => ": docs/configuration.md lists them all".to_owned(),
    }
}

fn from_variable(key: &Key, value: &OsString) -> Result<Value, String> {
    let text = value.to_str().ok_or("the value is not UTF-8")?;
    match key.kind {
        Kind::Text => Ok(Value::String(text.to_owned())),
        Kind::Flag => text.parse().map(Value::Boolean).map_err(|_| format!("{text:?} is neither true nor false")),
        Kind::Number(..) => text.parse().map(Value::Integer).map_err(|_| format!("{text:?} is no whole number")),
    }
}

fn set(table: &mut Table, key: &Key, value: Value) {
    match key.parts() {
        (None, name) => {
            table.insert(name.to_owned(), value);
        }
        (Some(section), name) => {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            // A section that is no table is found by `check`.
            if let Some(section) = section.as_table_mut() {
                section.insert(name.to_owned(), value);
            }
        }
    }
}

/// Types and bounds of all values that are set.
fn check(table: &Table, places: &[(String, String)]) -> Vec<String> {
    // The environment comes last, and wins.
    let place = |path: &'static str| -> String {
        let noted = places.iter().rev().find(|(known, _)| known == path);
        noted.map_or_else(|| path.to_owned(), |(_, place)| place.clone())
    };
    let mut problems = Vec::new();
    for section in KEYS.iter().filter_map(|key| key.parts().0).collect::<std::collections::BTreeSet<_>>() {
        if table.get(section).is_some_and(|value| !value.is_table()) {
            problems.push(format!("{}: `{section}` is a section: write [{section}]", place(section)));
        }
    }
    for key in &KEYS {
        let value = match key.parts() {
            (None, name) => table.get(name),
            (Some(section), name) => table.get(section).and_then(|section| section.get(name)),
        };
        if let Some(Err(problem)) = value.map(|value| check_value(key, value)) {
            problems.push(format!("{}: `{}` {problem}", place(key.path), key.path));
        }
    }
    problems
}

fn check_value(key: &Key, value: &Value) -> Result<(), String> {
    match (key.kind, value) {
        (Kind::Text, Value::String(text)) => check_text(key.path, text),
        (Kind::Text, _) => Err("takes a text in quotes".to_owned()),
        (Kind::Flag, Value::Boolean(_)) => Ok(()),
        (Kind::Flag, _) => Err("takes true or false".to_owned()),
        (Kind::Number(least, most), value) => {
            let within = value.as_integer().and_then(|number| u64::try_from(number).ok());
            within
                .filter(|number| (least..=most).contains(number))
                .map(|_| ())
                .ok_or_else(|| format!("takes a whole number from {least} to {most}"))
        }
    }
}

fn check_text(path: &str, text: &str) -> Result<(), String> {
    let good = match path {
        // The origin names a signed note's key, which has neither spaces nor `+`.
        "deployment" => is_identifier(text) && text.len() <= 64 && !text.contains('+'),
        "workspace" | "environment" => is_identifier(text),
        "listen" => text.parse::<std::net::SocketAddr>().is_ok(),
        "time_zone" => TimeZone::get(text).is_ok(),
        "public_url" => text.is_empty() || is_address(text),
        "oidc.issuer" => text.is_empty() || text.starts_with("https://") || text.starts_with("http://"),
        "oidc.groups" => super::group_pairs(text).is_ok(),
        "otlp.endpoint" => text.is_empty() || text.starts_with("https://") || text.starts_with("http://"),
        "otlp.headers_file" => true,
        "oidc.client_id" | "oidc.client_secret_file" | "upstreams_file" | "mcp_servers_file" => true,
        "notify.folder" => !text.is_empty(),
        path if path.starts_with("notify.") => true,
        _ => !text.is_empty(),
    };
    let wanted = match path {
        "deployment" => "takes 1 to 64 printable ASCII characters without spaces and `+`",
        "workspace" | "environment" => "takes 1 to 128 printable ASCII characters without spaces",
        "listen" => "takes an address and port such as 127.0.0.1:8640 or [::1]:8640",
        "time_zone" => "takes an IANA time zone such as UTC or Europe/Zurich",
        "public_url" => "takes scheme, host and port such as https://gate.example.org, or nothing",
        "oidc.issuer" => "takes an issuer URL such as https://id.example.org, or nothing",
        "otlp.endpoint" => "takes an address such as http://localhost:4318, or nothing",
        "oidc.groups" => "takes pairs such as `theirs = ours, others = ours too`, or nothing",
        _ => "must not be empty",
    };
    good.then_some(()).ok_or_else(|| wanted.to_owned())
}

/// Scheme, host and port, and nothing behind them.
fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let (host, port) = rest.trim_end_matches('/').rsplit_once(':').unwrap_or((rest.trim_end_matches('/'), "0"));
        let of_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-[]:".contains(&byte);
        !host.is_empty() && host.bytes().all(of_host) && port.parse::<u16>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value)));
        Config::load(Some(("c.toml", text)), environment).map_err(|error| error.to_string())
    }

    #[test]
    fn file_then_environment() {
        let text = "workspace = \"a\"\nsolo = true\n[limits]\nqueue = 100\n";
        let config = load(text, &[("COUNTERSIGN_WORKSPACE", "b"), ("COUNTERSIGN_LIMITS_WAIT_S", "5"), ("HOME", "/x")]);
        let config = config.unwrap();
        assert_eq!((config.workspace.as_str(), config.solo), ("b", true));
        assert_eq!((config.limits.queue, config.limits.wait_s), (100, 5));
        assert_eq!(config.limits.payload_bytes, 1 << 20);
        assert_eq!(load("", &[("COUNTERSIGN_KEY", "k"), ("COUNTERSIGN_DATA", "d")]).unwrap(), Config::default());
    }

    #[test]
    fn what_is_refused_and_what_is_said() {
        for (text, expected) in [
            ("workspce = \"x\"", "c.toml:1: unknown key `workspce`: did you mean `workspace`?"),
            ("\n\n[limit]\nqueue = 100", "c.toml:3: unknown key `limit`: did you mean `limits`?"),
            ("payload_bytes = 5000", "c.toml:1: unknown key `payload_bytes`: did you mean `limits.payload_bytes`?"),
            ("[limits]\nqueu = 100", "c.toml:2: unknown key `limits.queu`: did you mean `limits.queue`?"),
            ("[otlp]\nsolo = true", "c.toml:2: unknown key `otlp.solo`: `solo` stands above the first section"),
            ("[limits]\nendpoint = \"x\"", "c.toml:2: unknown key `limits.endpoint`: `endpoint` stands in [otlp]"),
            ("[otlp]\n[limits]\n[otlp]", "the section stands above, write its keys there"),
            ("zzz = 1", "c.toml:1: unknown key `zzz`: docs/configuration.md lists them all"),
            ("limits = 3", "c.toml:1: `limits` is a section: write [limits]"),
            ("solo = \"yes\"", "c.toml:1: `solo` takes true or false"),
            ("workspace = 1", "c.toml:1: `workspace` takes a text in quotes"),
            ("workspace = \"a b\"", "`workspace` takes 1 to 128 printable ASCII characters without spaces"),
            ("deployment = \"a+b\"", "`deployment` takes 1 to 64"),
            ("time_zone = \"Mars/Olympus\"", "`time_zone` takes an IANA time zone"),
            ("listen = \"localhost\"", "`listen` takes an address and port"),
            ("public_url = \"gate.example.org\"", "`public_url` takes scheme, host and port"),
            ("public_url = \"https://gate.example.org/path\"", "`public_url` takes scheme, host and port"),
            ("policy_folder = \"\"", "`policy_folder` must not be empty"),
            ("authorization_ttl_s = 0", "`authorization_ttl_s` takes a whole number from 1 to 86400"),
            ("authorization_ttl_s = -5", "takes a whole number"),
            ("authorization_ttl_s = 1.5", "takes a whole number"),
            ("hold_s = 601", "`hold_s` takes a whole number from 0 to 600"),
            (
                "[limits]\npayload_bytes = 99999999999",
                "c.toml:2: `limits.payload_bytes` takes a whole number from 1024",
            ),
            ("workspace = ", "c.toml:1: "),
            ("workspace = \"a\"\nworkspace = \"b\"", "c.toml:2: duplicate key"),
        ] {
            let refused = load(text, &[]).unwrap_err();
            assert!(refused.contains(expected), "{text}: {refused}");
        }
    }

    #[test]
    fn variables_are_refused_likewise() {
        for (name, value, expected) in [
            ("COUNTERSIGN_WORKSPCE", "x", "did you mean `COUNTERSIGN_WORKSPACE`?"),
            ("COUNTERSIGN_SOLO", "1", "COUNTERSIGN_SOLO: \"1\" is neither true nor false"),
            ("COUNTERSIGN_LIMITS_QUEUE", "many", "COUNTERSIGN_LIMITS_QUEUE: \"many\" is no whole number"),
            ("COUNTERSIGN_LIMITS_QUEUE", "1", "COUNTERSIGN_LIMITS_QUEUE: `limits.queue` takes a whole number"),
        ] {
            let refused = load("[limits]\nqueue = 100", &[(name, value)]).unwrap_err();
            assert!(refused.contains(expected), "{name}: {refused}");
        }
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let refused = load("a = 1\nb = 2\nsolo = 1\n[limits]\nqueue = 1\n", &[("COUNTERSIGN_C", "")]).unwrap_err();
        assert_eq!(refused.lines().count(), 5, "{refused}");
    }

    #[test]
    fn a_named_file_must_be_there_and_the_default_one_need_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_file(folder.path(), None), Ok(None));
        assert!(read_file(folder.path(), Some(&folder.path().join("x.toml"))).is_err());
    }

    proptest! {
        #[test]
        fn foreign_text_is_refused_or_read_but_never_panics(text in "[a-z_.=\\[\\]\"0-9\n {}é]{0,80}") {
            let _ = load(&text, &[]);
        }
    }
}
