#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use super::command::{has_gateway_form, mentions_hook};
use super::*;

const SERVERS: &str = r#"{
  // mine
  "mcpServers": {
    "files": { "command": "npx", "args": ["-y", "files", "it's"], "env": {"TOKEN": "t"}, "timeout": 5 },
    "remote": { "url": "https://mcp.example.com" },
    "a__b": { "command": "node" },
  },
  "other": [1,2 , 3]
}
"#;
const CODEX: &str = r#"# mine
model = "m"   # kept

[mcp_servers.files]
command = "npx"
args = ["-y", "files"]

[[hooks.PreToolUse]]
matcher = "Bash"
[[hooks.PreToolUse.hooks]]
type = "command"
command = "my-own-hook"
"#;

pub(super) fn own_path() -> String {
    std::env::current_exe().unwrap().into_os_string().into_string().unwrap()
}

pub(super) fn words() -> Words {
    Words { program: own_path(), gate: vec!["--data".to_owned(), "/a folder".to_owned()] }
}

pub(super) fn place(client: Client, folder: &Path) -> Place {
    Place::find(client, Some(folder), None).unwrap()
}

/// A client's folder with what somebody had in it.
pub(super) fn configured(client: Client, folder: &Path) -> Place {
    let place = place(client, folder);
    let text = if client == Client::Codex { CODEX } else { SERVERS };
    fs::write(&place.servers, text).unwrap();
    place
}

pub(super) fn install(place: &Place) -> Vec<Change> {
    let changes = plan(place, &words()).unwrap();
    Installed::write(&place.folder, &changes).unwrap();
    changes
}

#[test]
fn what_is_written() {
    let mut told = String::new();
    for client in Client::ALL {
        let folder = tempfile::tempdir().unwrap();
        let place = configured(client, folder.path());
        for change in plan(&place, &words()).unwrap() {
            let name = change.path.strip_prefix(folder.path()).unwrap().display();
            told.push_str(&format!("== {client} {name}\n{}\n", change.after));
        }
    }
    insta::assert_snapshot!(told.replace(&own_path(), "/opt/bin/countersign"));
}

#[test]
fn again_changes_nothing_and_undo_brings_every_byte_back() {
    for client in Client::ALL {
        let folder = tempfile::tempdir().unwrap();
        let place = configured(client, folder.path());
        let before = fs::read(&place.servers).unwrap();
        assert!(install(&place).iter().any(Change::changes), "{client}");
        assert!(!install(&place).iter().any(Change::changes), "{client}");
        Installed::read(&place.folder).unwrap().unwrap().undo(&place.folder).unwrap();
        assert_eq!(fs::read(&place.servers).unwrap(), before, "{client}");
        let left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().is_file())
            .collect();
        assert_eq!(left.len(), 1, "{client}: {left:?}");
    }
}

#[test]
fn a_file_that_changed_since_is_not_touched_until_the_change_is_taken_over() {
    for client in Client::ALL {
        let folder = tempfile::tempdir().unwrap();
        let place = configured(client, folder.path());
        install(&place);
        let changed = fs::read_to_string(&place.servers).unwrap().replacen("mine", "yours", 1);
        fs::write(&place.servers, &changed).unwrap();
        let refused = Installed::read(&place.folder).unwrap().unwrap().undo(&place.folder).unwrap_err();
        assert!(refused.to_string().contains("changed since"), "{refused}");
        assert_eq!(fs::read_to_string(&place.servers).unwrap(), changed);
        install(&place);
        Installed::read(&place.folder).unwrap().unwrap().undo(&place.folder).unwrap();
        let back = fs::read_to_string(&place.servers).unwrap();
        assert!(back.contains("yours") && back.contains("npx") && !back.contains("countersign"), "{back}");
    }
}

#[test]
fn what_is_not_understood_is_refused_and_left() {
    for (client, text) in [
        (Client::Claude, "{"),
        (Client::Claude, "[]"),
        (Client::Claude, r#"{"hooks": []}"#),
        (Client::Claude, r#"{"hooks": {"PreToolUse": {}}}"#),
        (Client::Codex, "hooks = 1"),
        (Client::Codex, "a = "),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let place = place(client, folder.path());
        fs::write(&place.hooks, text).unwrap();
        let refused = plan(&place, &words()).unwrap_err().to_string();
        assert!(refused.contains("nothing was changed"), "{text}: {refused}");
    }
}

#[test]
fn what_stands_there_is_found() {
    for client in Client::ALL {
        let folder = tempfile::tempdir().unwrap();
        let place = configured(client, folder.path());
        assert!(look(&place, &words().gate).unwrap().hooks.is_empty(), "{client}");
        install(&place);
        let found = look(&place, &words().gate).unwrap();
        for event in deciding(client) {
            let hook = &found.hooks[*event];
            assert_eq!(hook.timeout_s, Some(HOOK_TIMEOUT_S), "{client}");
            assert_eq!(hook.fails_closed, fail_closed(client).is_some(), "{client}");
            assert!(hook.command.contains("--behind-gate files"), "{client}: {}", hook.command);
        }
        let behind: Vec<_> = found
            .servers
            .iter()
            .filter(|server| matches!(server.stands, Stands::Behind(_)))
            .map(|server| &server.name)
            .collect();
        assert_eq!(behind, ["files"], "{client}");
    }
}

#[test]
fn our_command_lines_are_known_again() {
    let words = Words { program: "/opt/bin/countersign".to_owned(), ..words() };
    let hook = words.hook(Client::Claude, &[]);
    assert_eq!(hook, "/opt/bin/countersign hook claude --data '/a folder' --deadline 570");
    assert!(mentions_hook(&hook, Client::Claude) && !mentions_hook(&hook, Client::Codex));
    let gateway = words.gateway(Client::Claude, "files");
    let of = |own: &[&str]| [&gateway[1..], &own.iter().map(|&word| word.to_owned()).collect::<Vec<_>>()].concat();
    assert!(has_gateway_form(&gateway[0], &of(&["--", "npx", "-y", "--"])));
    assert!(!has_gateway_form("npx", &of(&["--", "npx"])) && !has_gateway_form(&gateway[0], &of(&["--"])));
}

#[test]
fn only_what_means_the_same_without_a_shell_is_run() {
    let hook = words().hook(Client::Claude, &["it's".to_owned()]);
    let split = super::command::split(&hook).unwrap();
    assert_eq!(split[..5], [own_path().as_str(), "hook", "claude", "--data", "/a folder"]);
    assert_eq!(split.last().unwrap(), "it's");
    for line in ["touch x; countersign hook claude ", "countersign hook claude $(x)", "a 'b", "a \"b\"", "a>b"] {
        assert_eq!(super::command::split(line), None, "{line}");
    }
    let own = std::env::current_exe().unwrap();
    let words = |line: &str| own_words(line, Client::Claude, &words().gate);
    let own = own.display();
    let known = words(&format!("{own} hook claude --data '/a folder' --deadline 570")).unwrap();
    assert_eq!(known[0], own.to_string());
    for other in [
        "/bin/true hook claude --data '/a folder'".to_owned(),
        "true hook claude --data '/a folder'".to_owned(),
        format!("{own} mcp claude --data '/a folder'"),
        format!("{own} hook codex --data '/a folder'"),
        // Another gate, or the key for it.
        format!("{own} hook claude"),
        format!("{own} hook claude --data ./.evil"),
        format!("{own} hook claude --data=./.evil"),
        format!("{own} hook claude --data '/a folder' --url http://127.0.0.1:9"),
        format!("{own} hook claude --data '/a folder' --url=http://127.0.0.1:9"),
        format!("{own} hook claude --data '/a folder' --key-file k"),
        format!("{own} hook claude --agent a --config c --data '/a folder'"),
    ] {
        assert_eq!(words(&other), None, "{other}");
    }
}

#[test]
fn nothing_is_written_through_a_link_or_out_of_a_project() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = folder.path().join("theirs");
    fs::write(&theirs, "mine").unwrap();
    let project = folder.path().join("project");
    fs::create_dir_all(project.join(".claude")).unwrap();
    fs::write(project.join(".claude/settings.json"), r#"{"a":"$(x)"}"#).unwrap();
    let place = Place::find(Client::Claude, None, Some(&project)).unwrap();
    place.must_be_inside().unwrap();
    for name in ["settings.json.before-countersign", "countersign-install.json"] {
        let link = project.join(".claude").join(name);
        std::os::unix::fs::symlink(&theirs, &link).unwrap();
        let planned = plan(&place, &words());
        let refused = planned.and_then(|changes| Installed::write(&place.folder, &changes)).unwrap_err().to_string();
        assert!(refused.contains("is a link"), "{name}: {refused}");
        fs::remove_file(link).unwrap();
    }
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "mine");
    // Not even to a file of the project: the diff names the link.
    for target in [&theirs, &project.join("package.json")] {
        std::os::unix::fs::symlink(target, project.join(".mcp.json")).unwrap();
        assert!(place.must_be_inside().unwrap_err().to_string().contains("is a link"));
        fs::remove_file(project.join(".mcp.json")).unwrap();
    }
    let named = Place::find(Client::Claude, Some(&project.join(".claude")), None).unwrap();
    named.must_be_inside().unwrap();
    std::os::unix::fs::symlink(&theirs, project.join(".claude/.claude.json")).unwrap();
    assert!(named.must_be_inside().is_err());
    fs::rename(project.join(".claude"), folder.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), project.join(".claude")).unwrap();
    assert!(place.must_be_inside().unwrap_err().to_string().contains("leads out of"));
}

#[test]
fn the_users_own_link_is_followed_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(Client::Gemini, folder.path());
    let real = folder.path().join("real.json");
    fs::write(&real, "{}").unwrap();
    std::os::unix::fs::symlink(&real, &place.hooks).unwrap();
    let changes = install(&place);
    assert!(changes[0].diff().contains("real.json"), "{}", changes[0].diff());
    assert!(fs::read_to_string(&real).unwrap().contains("countersign") && place.hooks.is_symlink());
    Installed::read(&place.folder).unwrap().unwrap().undo(&place.folder).unwrap();
    assert_eq!(fs::read_to_string(&real).unwrap(), "{}");
}

#[test]
fn undo_touches_only_what_install_would() {
    let folder = tempfile::tempdir().unwrap();
    let place = configured(Client::Claude, folder.path());
    install(&place);
    let installed = Installed::read(&place.folder).unwrap().unwrap();
    assert_eq!(installed.files(&place.files()).unwrap().len(), 2);
    let record = place.folder.join("countersign-install.json");
    let text = fs::read_to_string(&record).unwrap().replace("settings.json", "theirs");
    fs::write(&record, text).unwrap();
    let installed = Installed::read(&place.folder).unwrap().unwrap();
    assert!(installed.files(&place.files()).unwrap_err().to_string().contains("nothing was touched"));
}

#[test]
fn undo_takes_the_folders_away_that_install_made_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    for client in Client::ALL {
        let made = folder.path().join("home").join(client.as_str());
        let place = place(client, &made);
        let elsewhere = folder.path().join("elsewhere");
        fs::create_dir_all(&elsewhere).unwrap();
        install(&place);
        let record = place.folder.join("countersign-install.json");
        let mut written: serde_json::Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
        written["folders"].as_array_mut().unwrap().push(elsewhere.to_str().unwrap().into());
        fs::write(&record, written.to_string()).unwrap();
        Installed::read(&place.folder).unwrap().unwrap().undo(&place.folder).unwrap();
        assert!(!folder.path().join("home").exists() && elsewhere.exists(), "{client}");
    }
    let kept = place(Client::Claude, &folder.path().join("kept"));
    install(&kept);
    fs::write(kept.folder.join("theirs"), "").unwrap();
    Installed::read(&kept.folder).unwrap().unwrap().undo(&kept.folder).unwrap();
    assert!(kept.folder.join("theirs").exists());
}
