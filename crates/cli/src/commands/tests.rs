//! Commands that have no folder of their own.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use countersign_policy::{PolicySet, PolicyText};

use crate::exit::Exit;
use crate::starter::STARTER;
use crate::testing::Gate;

const ID: &str = "019b7c00-0000-7000-8000-000000000001";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn erasing_takes_the_users_name_again() {
    let erased = format!(r#"{{"keys":["{ID}"],"closed_actions":[],"position":12,"purged":true}}"#);
    let gate = || Gate::default().on("POST /v1/subjects/erase", erased.clone());
    for answers in [Some("y\n"), Some("ann \n\n"), Some("")] {
        let ran = gate().run(&["erase", "subject", "bob"], answers).await;
        assert_eq!((ran.result.unwrap(), ran.asked.len()), (Exit::No, 0));
    }
    let ran = gate().run(&["erase", "subject", "bob"], Some("bob\n")).await;
    assert_eq!(ran.asked, [("POST /v1/subjects/erase".to_owned(), r#"{"user":"bob"}"#.to_owned())]);
    let ran = gate().run(&["erase", "subject", "bob"], None).await;
    assert_eq!(ran.result.unwrap_err().exit(), Exit::Usage);
    let ran = gate().run(&["erase", "subject", "bob", "--yes", "--json"], None).await;
    assert_eq!(ran.printed, format!("{{\"closed_actions\":[],\"keys\":[\"{ID}\"],\"position\":12,\"purged\":true}}\n"));
}

#[tokio::test]
async fn erasing_a_reviewer_takes_the_id_again() {
    let erased = format!(r#"{{"keys":["{ID}"],"closed_actions":[],"position":12,"purged":true}}"#);
    let gate = || Gate::default().on("POST /v1/people/erase", erased.clone());
    let ran = gate().run(&["erase", "person", ID], Some("y\n")).await;
    assert_eq!((ran.result.unwrap(), ran.asked.len()), (Exit::No, 0));
    let ran = gate().run(&["erase", "person", ID], Some("019b7c00-0000-7000-8000-000000000001\n")).await;
    assert_eq!(ran.asked, [("POST /v1/people/erase".to_owned(), format!(r#"{{"person":"{ID}"}}"#))]);
    let ran = gate().run(&["erase", "person", ID, "--yes"], None).await;
    assert_eq!(ran.result.unwrap(), Exit::Done);
}

#[tokio::test]
async fn a_reviewers_key_and_no_other_stands_for_a_person() {
    let gate = || Gate::default().on("POST /v1/keys", format!(r#"{{"key":"{ID}","secret":"cs_x"}}"#));
    for line in [
        vec!["key", "create", "--kind", "reviewer", "--label", "x"],
        vec!["key", "create", "--kind", "agent", "--label", "x", "--person", ID],
    ] {
        assert_eq!(gate().run(&line, None).await.result.unwrap_err().exit(), Exit::Usage);
    }
    let line = ["key", "create", "--kind", "agent", "--label", "x", "--environment", "a", "--environment", "b"];
    let ran = gate().run(&line, None).await;
    assert_eq!(ran.printed, "cs_x\n");
    assert_eq!(ran.asked[0].1, r#"{"agents":[],"environments":["a","b"],"kind":"agent","label":"x"}"#);
}

#[tokio::test]
async fn keys_people_policies_and_the_log_are_told() {
    let key = format!(
        r#"[{{"key":"{ID}","kind":"gateway","label":"laptop\u001b","environments":[],"agents":["a","b"],
        "created_at":"2026-01-01T03:04:05.000000Z","revoked_at":"2026-01-02T03:04:00.000000Z"}}]"#
    );
    let person = format!(r#"[{{"person":"{ID}","name":"Ann","groups":["finance","cfo"],"roles":["reviewer"]}}]"#);
    let digest = "A".repeat(43);
    let policy = format!(
        r#"[{{"version":"a1b2c3d4e5f6","digest":"{digest}","active":true,"activated_at":"2026-01-01T03:04:05.000000Z",
        "position":3,"tests_passed":12}}]"#
    );
    let log = r#"{"origin":"x/y","vkey":"x/y+1+AA","sequenced":10,"published":8,"indexed":10}"#;
    let gate = || {
        Gate::default()
            .on("GET /v1/keys", key.clone())
            .on("GET /v1/people", person.clone())
            .on("GET /v1/policies", policy.clone())
            .on("GET /v1/log", log)
    };
    let mut told = String::new();
    for line in [["key", "list"], ["person", "list"], ["policy", "list"], ["log", "status"]] {
        told.push_str(&gate().run(&line, None).await.printed);
        told.push('\n');
    }
    insta::assert_snapshot!(told);
    // A key that is no key is not made into a trust file.
    assert_eq!(gate().run(&["log", "trust"], None).await.result.unwrap_err().exit(), Exit::No);
}

#[tokio::test]
async fn checkpoints_and_proofs_are_printed_byte_by_byte() {
    let note = "x/y\n10\nAAAA\n\n— x/y AAAA\n";
    let gate = || Gate::default().on("GET /log/checkpoint", note).on("GET /v1/records/7/proof", "proof\n");
    assert_eq!(gate().run(&["log", "checkpoint"], None).await.printed, note);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.tlog-proof");
    let ran = gate().run(&["log", "prove", "7", "-o", text(&path)], None).await;
    assert_eq!(ran.result.unwrap(), Exit::Done);
    assert_eq!(std::fs::read(&path).unwrap(), b"proof\n");
}

#[tokio::test]
async fn init_makes_a_folder_that_loads_and_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("deep/data");
    let ran = Gate::default().run(&["init", "--data", text(&data)], None).await;
    assert_eq!(ran.result.unwrap(), Exit::Done);
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    let ran = Gate::default().run(&["policy", "test", "--data", text(&data)], None).await;
    assert_eq!(ran.result.unwrap(), Exit::Done, "{}", ran.printed);
    let config = data.join("countersign.toml");
    std::fs::write(&config, "workspace = \"mine\"\n").unwrap();
    let again = Gate::default().run(&["init", "--data", text(&data)], None).await;
    assert_eq!(again.result.unwrap_err().exit(), Exit::No);
    assert_eq!(std::fs::read_to_string(&config).unwrap(), "workspace = \"mine\"\n");
}

/// The starter policy with one file changed.
fn policy(path: &str, content: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in STARTER.iter().copied().filter(|(name, _)| *name != path).chain([(path, content)]) {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    folder
}

#[tokio::test]
async fn a_policy_with_problems_is_refused_by_file_and_line() {
    let folder = policy("extra.cedar", "@id(\"x\")\n@messag(\"typo\")\npermit (principal, action, resource);\n");
    let ran = Gate::default().run(&["policy", "check", text(folder.path())], None).await;
    assert_eq!(ran.result.unwrap(), Exit::No);
    assert!(ran.printed.contains("error: ") && ran.printed.contains("extra.cedar:1: "), "{}", ran.printed);
    let ran = Gate::default().run(&["policy", "activate", text(folder.path())], None).await;
    assert_eq!((ran.asked.len(), ran.result.unwrap_err().exit()), (0, Exit::No));
}

#[tokio::test]
async fn a_policy_whose_tests_fail_is_not_activated() {
    let case = "- name: wrong\n  request: {agent: a, tool: s/t, category: delete, environment: production}\n  \
                expect: {decision: allow}\n";
    let folder = policy("tests/wrong.yaml", case);
    let ran = Gate::default().run(&["policy", "test", text(folder.path())], None).await;
    assert_eq!(ran.result.unwrap(), Exit::No);
    assert!(
        ran.printed.contains("FAIL  tests/wrong.yaml: wrong\n      decision: expected allow, got deny"),
        "{}",
        ran.printed
    );
    let ran = Gate::default().run(&["policy", "activate", text(folder.path())], None).await;
    assert_eq!((ran.asked.len(), ran.result.unwrap_err().exit()), (0, Exit::No));
}

#[tokio::test]
async fn no_tests_is_not_passed() {
    let folder = tempfile::tempdir().unwrap();
    let ran = Gate::default().run(&["policy", "test", text(folder.path())], None).await;
    assert_eq!(ran.result.unwrap(), Exit::NotChecked);
}

#[tokio::test]
async fn a_policy_is_handed_in_whole() {
    let folder = policy("README.md", "");
    let active = format!(
        r#"{{"version":"v","digest":"{}","active":true,"activated_at":"2026-01-01T03:04:05.000000Z","position":3,"tests_passed":9}}"#,
        "A".repeat(43)
    );
    let ran =
        Gate::default().on("POST /v1/policies", active).run(&["policy", "activate", text(folder.path())], None).await;
    assert_eq!(ran.result.unwrap(), Exit::Done);
    let (_, body) = &ran.asked[0];
    let files = PolicyText::read(folder.path()).unwrap();
    assert_eq!(*body, format!(r#"{{"files":{}}}"#, countersign_evidence::json::to_string(&files).unwrap()));
    assert!(PolicySet::from_text(files).is_ok());
}

#[tokio::test]
async fn what_cannot_be_verified_is_a_failure_and_options_without_effect_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = text(folder.path()).to_owned();
    // A folder without a checkpoint proves nothing.
    let ran = Gate::default().run(&["verify", &path], None).await;
    assert_eq!(ran.result.unwrap(), Exit::No);
    assert!(ran.printed.contains("FAIL         integrity"), "{}", ran.printed);
    let ran = Gate::default().run(&["verify", &path, "--record", "x"], None).await;
    assert_eq!(ran.result.unwrap_err().exit(), Exit::Usage);
    let proof = folder.path().join("p");
    std::fs::write(&proof, "c2sp.org/tlog-proof@v1\n").unwrap();
    let ran = Gate::default().run(&["verify", text(&proof)], None).await;
    assert_eq!(ran.result.unwrap_err().exit(), Exit::Usage);
    std::fs::write(folder.path().join("r"), "{}").unwrap();
    let ran = Gate::default().run(&["verify", text(&proof), "--record", text(&folder.path().join("r"))], None).await;
    assert_eq!(ran.result.unwrap(), Exit::No);
    let ran = Gate::default().run(&["verify", &format!("{path}/missing")], None).await;
    assert_eq!(ran.result.unwrap_err().exit(), Exit::Usage);
    let trust = folder.path().join("trust");
    std::fs::write(&trust, "log nonsense\n").unwrap();
    let ran = Gate::default().run(&["verify", &path, "--trust", text(&trust)], None).await;
    assert!(ran.result.unwrap_err().to_string().contains("line 1"));
}

#[tokio::test]
async fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = Gate::default().run(&["completions", shell], None).await;
        assert!(ran.printed.contains("checkpoint") && ran.printed.contains("approve"), "{shell}");
    }
}
