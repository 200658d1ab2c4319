//! What must not be there: arrows that run backwards, SQL or Cedar outside their rooms, files too long to read.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which crate may know which (ARCHITECTURE.md). Tests may know more; what is built may not.
const ARROWS: &[(&str, &[&str])] = &[
    ("tlog", &[]),
    ("evidence", &[]),
    ("wire", &["evidence"]),
    ("client", &["evidence", "wire"]),
    ("policy", &["evidence"]),
    ("passkey", &["evidence"]),
    ("identity", &["evidence"]),
    ("verify", &["evidence", "passkey", "tlog"]),
    ("journal", &["evidence", "tlog"]),
    ("index", &["evidence", "journal", "tlog", "wire"]),
    ("oversight", &["evidence", "index", "wire"]),
    ("gate", &["evidence", "index", "journal", "oversight", "passkey", "policy", "tlog", "wire"]),
    ("mcp", &["client", "evidence", "wire"]),
    ("mcp-http", &["client", "evidence", "gate", "http", "mcp"]),
    ("hook", &["client", "evidence"]),
    ("telemetry", &["evidence", "gate", "index"]),
    ("notify", &["evidence", "gate", "telemetry"]),
    ("http", &["client", "evidence", "gate", "index", "journal", "telemetry", "tlog", "wire"]),
    ("proxy", &["evidence", "gate", "http", "wire"]),
    ("console", &["evidence", "gate", "http", "identity", "index", "wire"]),
    (
        "cli",
        &[
            "client", "console", "evidence", "gate", "hook", "http", "identity", "index", "journal", "mcp", "mcp-http",
            "notify", "policy", "proxy", "tlog", "verify", "wire",
        ],
    ),
];

/// Crates that only some rooms may know.
const ROOMS: &[(&str, &[&str])] = &[
    ("rusqlite", &["journal", "index"]),
    ("cedar-policy", &["policy"]),
    ("axum", &["http", "console", "mcp-http", "proxy", "cli"]),
    ("object_store", &["journal"]),
    ("clap", &["cli"]),
];

/// Longest source file in lines; talk about it before you raise it.
const MOST_LINES: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Package name to the names of what it is built with.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| {
            let built = package["dependencies"].as_array().unwrap().iter().filter(|one| one["kind"].is_null());
            let names = built.map(|one| one["name"].as_str().unwrap().to_owned()).collect();
            (package["name"].as_str().unwrap().to_owned(), names)
        })
        .collect()
}

#[test]
fn the_arrows_point_the_way_the_house_is_built() {
    let dependencies = dependencies();
    let known: BTreeSet<String> = ARROWS.iter().map(|(name, _)| format!("countersign-{name}")).collect();
    assert_eq!(dependencies.keys().cloned().collect::<BTreeSet<_>>(), known, "a crate is missing in ARROWS");
    for (name, may) in ARROWS {
        let may: BTreeSet<String> = may.iter().map(|other| format!("countersign-{other}")).collect();
        let does = dependencies[&format!("countersign-{name}")].iter().filter(|other| known.contains(*other));
        let wrong: Vec<&String> = does.filter(|other| !may.contains(*other)).collect();
        assert!(wrong.is_empty(), "countersign-{name} must not know {wrong:?}");
    }
}

#[test]
fn databases_and_policy_engines_stay_in_their_rooms() {
    for (package, names) in dependencies() {
        for (guest, rooms) in ROOMS {
            let may = rooms.iter().any(|room| package == format!("countersign-{room}"));
            assert!(may || !names.contains(*guest), "{package} must not know {guest}");
        }
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn files_are_short_enough_to_read_and_named_for_what_they_hold() {
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    assert!(files.len() > 100, "the sources are not where they were");
    for path in files.iter().filter(|path| path.components().any(|part| part.as_os_str() == "src")) {
        let lines = std::fs::read_to_string(path).unwrap().lines().count();
        assert!(lines <= MOST_LINES, "{} has {lines} lines", path.display());
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            !["utils", "util", "common", "helpers", "manager", "misc"].contains(&name.as_str()),
            "{}",
            path.display()
        );
    }
}

#[test]
fn the_state_machine_is_in_one_place() {
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    let home = root().join("crates/evidence/src/action");
    for path in
        files.iter().filter(|path| !path.starts_with(&home) && path.components().any(|part| part.as_os_str() == "src"))
    {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(!text.contains(".stage = "), "{} sets an action's stage: only Action::apply may", path.display());
    }
}
