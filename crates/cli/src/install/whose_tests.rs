//! Whose an entry is: what somebody else wrote stays theirs, and vouches for nothing.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::command::{behind_gateway, in_path};
use super::tests::{configured, install, own_path, place, words};
use super::*;

/// A gateway and a hook as somebody writes them by hand.
fn by_hand(client: Client, place: &Place) {
    let (line, program) =
        (format!("timeout 60 {} hook {client} --data '/a folder' --agent mine", own_path()), own_path());
    let gateway = ["mcp", "--data", "/a folder", "--hide-env", "SECRET", "--agent", "mine", "--server", "files", "--"];
    let args: Vec<&str> = gateway.into_iter().chain(["npx", "server-fs", "/x"]).collect();
    let event = deciding(client)[0];
    let text = |value: Value| serde_json::to_string_pretty(&value).unwrap();
    let hook = match (client, shape::grouped(client)) {
        (Client::Copilot, _) => json!({ "type": "command", "bash": line }),
        (_, true) => json!({ "matcher": "*", "hooks": [{ "type": "command", "command": line }] }),
        (_, false) => json!({ "command": line }),
    };
    let hooks = json!({ "hooks": { event: [hook] } });
    let servers = json!({ "mcpServers": { "files": { "command": program, "args": args, "timeout": 900_000 } } });
    if client == Client::Codex {
        let both = json!({ "mcp_servers": servers["mcpServers"], "hooks": hooks["hooks"] });
        return fs::write(&place.hooks, ::toml::to_string_pretty(&both).unwrap()).unwrap();
    }
    fs::create_dir_all(place.hooks.parent().unwrap()).unwrap();
    let mut both = servers;
    if place.hooks == place.servers {
        both["hooks"] = hooks["hooks"].clone();
    } else {
        fs::write(&place.hooks, text(hooks)).unwrap();
    }
    fs::write(&place.servers, text(both)).unwrap();
}

fn texts(place: &Place) -> Vec<String> {
    place.files().into_iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

fn undo(place: &Place) {
    Installed::read(&place.folder).unwrap().unwrap().undo(&place.folder).unwrap();
}

#[test]
fn what_somebody_wrote_by_hand_is_not_ours_to_take_away() {
    for client in Client::ALL {
        let folder = tempfile::tempdir().unwrap();
        let place = place(client, folder.path());
        by_hand(client, &place);
        let before = texts(&place);
        let changes = install(&place);
        let notes: Vec<&String> = changes.iter().flat_map(|change| &change.notes).collect();
        assert!(matches!(notes.as_slice(), [one] if one.contains("timeout 60")), "{client}: {notes:?}");
        assert!(!install(&place).iter().any(Change::changes), "{client}");
        let after = texts(&place).concat();
        assert_eq!(after.matches("timeout 60").count(), 1, "{client}: {after}");
        assert!(
            after.contains("--behind-gate files") && after.contains("SECRET") && !after.contains("--hold"),
            "{after}"
        );
        undo(&place);
        assert_eq!(texts(&place), before, "{client}");
    }
}

#[test]
fn of_what_changed_since_only_ours_is_taken_out() {
    for client in Client::ALL {
        let folder = tempfile::tempdir().unwrap();
        let place = place(client, folder.path());
        by_hand(client, &place);
        let before = texts(&place);
        install(&place);
        // Somebody adds a server, and changes our hook.
        let (mark, member) = match client {
            Client::Codex => ("\n[mcp_servers.more]\ncommand = \"npx\"\nargs = [\"more\"]\n", None),
            _ => (r#""mcpServers": { "more": { "command": "npx", "args": ["more"] },"#, Some("\"mcpServers\": {")),
        };
        for path in place.files() {
            let text = fs::read_to_string(path).unwrap().replace("--deadline 570", "--deadline 500");
            let text = match member {
                None => format!("{text}{mark}"),
                Some(member) => text.replacen(member, mark, 1),
            };
            fs::write(path, text).unwrap();
        }
        install(&place);
        let after = texts(&place).concat();
        assert!(after.contains("--deadline 570") && !after.contains("--deadline 500"), "{client}: {after}");
        assert!(after.contains("--behind-gate files,more") || after.contains("--behind-gate more,files"), "{after}");
        // And adds something again, when both are behind the gateway.
        for path in place.files() {
            fs::write(path, format!("{}\n", fs::read_to_string(path).unwrap())).unwrap();
        }
        install(&place);
        undo(&place);
        let back = texts(&place).concat();
        assert_eq!(back.matches("--agent").count(), before.concat().matches("--agent").count(), "{client}: {back}");
        assert!(back.contains("more") && back.contains("timeout 60") && back.contains("SECRET"), "{client}: {back}");
        assert!(!back.contains("--hold") && !back.contains("--deadline"), "{client}: {back}");
    }
}

#[test]
fn a_gateway_written_by_hand_after_an_install_stays_at_undo() {
    let folder = tempfile::tempdir().unwrap();
    let place = configured(Client::Claude, folder.path());
    install(&place);
    by_hand(Client::Claude, &place);
    let before = texts(&place);
    install(&place);
    undo(&place);
    assert_eq!(texts(&place), before);
}

#[test]
fn a_hook_written_by_hand_stays_where_ours_was_taken_out() {
    for client in Client::ALL {
        let folder = tempfile::tempdir().unwrap();
        let place = place(client, folder.path());
        by_hand(client, &place);
        let text = fs::read_to_string(&place.hooks).unwrap().replace("timeout 60 ", "");
        fs::write(&place.hooks, &text).unwrap();
        let before = texts(&place);
        install(&place);
        fs::write(&place.hooks, &text).unwrap();
        install(&place);
        assert!(texts(&place)[0].contains("--agent mine") && texts(&place)[0].contains("--deadline"), "{client}");
        undo(&place);
        assert_eq!(texts(&place), before, "{client}");
    }
}

#[test]
fn what_reads_like_ours_to_the_letter_and_is_not_stays() {
    for client in Client::ALL {
        let folder = tempfile::tempdir().unwrap();
        let place = configured(client, folder.path());
        install(&place);
        // Nobody knows of an install any more.
        fs::remove_file(place.folder.join("countersign-install.json")).unwrap();
        let before = texts(&place);
        assert!(!install(&place).iter().any(Change::changes), "{client}");
        for path in place.files() {
            fs::write(path, format!("{}\n", fs::read_to_string(path).unwrap())).unwrap();
        }
        install(&place);
        undo(&place);
        assert_eq!(texts(&place).concat().replace('\n', ""), before.concat().replace('\n', ""), "{client}");
    }
}

#[test]
fn a_server_and_a_hook_of_ours_follow_the_program_and_the_gate() {
    for client in Client::ALL {
        let folder = tempfile::tempdir().unwrap();
        let place = configured(client, folder.path());
        let older =
            Words { program: "/old/countersign".to_owned(), gate: vec!["--url".to_owned(), "http://a".to_owned()] };
        Installed::write(&place.folder, &plan(&place, &older).unwrap()).unwrap();
        let written = fs::read_to_string(&place.servers).unwrap();
        // What somebody added to the gateway's options stays.
        let written = written.replace("\"--\",", "\"--agent\", \"mine\", \"--\",");
        fs::write(&place.servers, written).unwrap();
        let changes = install(&place);
        let after = texts(&place).concat();
        assert!(
            !after.contains("/old") && !after.contains("--url") && after.contains("mine\", \"--\", \"npx"),
            "{after}"
        );
        assert!(
            changes.iter().all(|change| change.notes.is_empty()) && after.contains("--behind-gate files"),
            "{after}"
        );
        undo(&place);
        let back = fs::read_to_string(&place.servers).unwrap();
        assert!(back.contains("npx") && !back.contains("countersign"), "{client}: {back}");
    }
}

#[test]
fn a_file_that_we_made_stays_where_somebody_wrote_into_it() {
    let folder = tempfile::tempdir().unwrap();
    for (name, theirs) in [("theirs", "\"model\": \"m\""), ("nobodys", "")] {
        let place = place(Client::Claude, &folder.path().join(name));
        install(&place);
        let text = fs::read_to_string(&place.hooks).unwrap().replacen(
            '{',
            &format!("{{ {theirs}{}", if theirs.is_empty() { "" } else { "," }),
            1,
        );
        fs::write(&place.hooks, text).unwrap();
        install(&place);
        undo(&place);
        let left = fs::read_to_string(&place.hooks).unwrap_or_default();
        assert!(left.contains(theirs) && !left.contains("countersign"), "{left}");
        assert_eq!(place.hooks.exists(), !theirs.is_empty(), "{left}");
    }
}

#[test]
fn a_record_that_somebody_wrote_points_at_nothing_but_our_form() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(Client::Claude, folder.path());
    let theirs =
        json!({ "hooks": { "PreToolUse": [{ "hooks": [{ "type": "command", "command": "guard hook claude" }] }] } });
    fs::write(&place.hooks, theirs.to_string()).unwrap();
    fs::write(
        &place.servers,
        json!({ "mcpServers": { "f": { "command": "npx", "args": ["mcp", "--", "x"] } } }).to_string(),
    )
    .unwrap();
    let ours = json!({ "hooks": { "PreToolUse": "guard hook claude" }, "servers": { "f": ["npx", "mcp"] } });
    let file = |path: &Path| json!({ "path": path, "sha256": "", "existed": true, "ours": ours });
    let record = json!({ "files": [file(&place.hooks), file(&place.servers)] });
    fs::write(place.folder.join("countersign-install.json"), record.to_string()).unwrap();
    let before = texts(&place);
    install(&place);
    assert!(texts(&place)[0].contains("guard hook claude"));
    undo(&place);
    assert_eq!(texts(&place), before);
}

#[test]
fn only_this_program_for_this_gate_is_behind_the_gateway() {
    let gate = words().gate;
    let entry = |command: &str, args: &[&str]| json!({ "command": command, "args": args });
    let right = ["mcp", "--agent", "a", "--data", "/a folder", "--server", "files", "--", "npx"];
    let known = entry(&own_path(), &right);
    assert_eq!(behind_gateway(&known, &gate), Some(Some("files".to_owned())));
    let with = |name: &str, value: Value| {
        let mut entry = known.clone();
        entry[name] = value;
        entry
    };
    assert!(
        behind_gateway(&with("env", json!({ "TOKEN": "t", "PATH": "/x", "COUNTERSIGN_KEY": "k" })), &gate).is_some()
    );
    for other in [
        entry("./countersign-evil", &right),
        entry("/bin/true", &right),
        entry("countersign-evil", &right),
        entry(&own_path(), &["mcp", "--server", "files", "--", "npx"]),
        entry(&own_path(), &["mcp", "--url", "http://evil.example", "--server", "files", "--", "npx"]),
        entry(&own_path(), &["mcp", "--data", "/a folder", "--url=http://evil.example", "--", "npx"]),
        entry(&own_path(), &["mcp", "--data", "/a folder", "--key-file", "k", "--", "npx"]),
        entry(&own_path(), &["mcp", "--data", "/a folder", "--config", "c", "--", "npx"]),
        entry(&own_path(), &["mcp", "--", "npx", "--data", "/a folder"]),
        with("env", json!({ "COUNTERSIGN_CONFIG": "c" })),
        with("env", json!({ "LD_PRELOAD": "./evil.so" })),
        with("url", json!("http://evil.example")),
        with("type", json!("http")),
        with("envFile", json!("evil.env")),
    ] {
        assert_eq!(behind_gateway(&other, &gate), None, "{other}");
    }
}

/// As the README has it: without options, which is the default folder and no other.
#[test]
fn a_gateway_without_options_is_before_the_default_folder() {
    let entry = json!({ "command": own_path(), "args": ["mcp", "--server", "files", "--", "npx"] });
    let default = crate::connect::default_data().unwrap().into_os_string().into_string().unwrap();
    let at = |folder: &str| behind_gateway(&entry, &["--data".to_owned(), folder.to_owned()]);
    assert_eq!((at(&default), at("/a folder")), (Some(Some("files".to_owned())), None));
}

#[test]
fn a_bare_name_is_what_the_path_leads_to() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    for folder in [&first, &second] {
        fs::create_dir(folder).unwrap();
    }
    fs::write(first.join("countersign"), "cannot be run").unwrap();
    std::os::unix::fs::symlink(own_path(), second.join("countersign")).unwrap();
    let found = |folders: &[&Path]| in_path("countersign", &std::env::join_paths(folders).unwrap());
    assert_eq!(found(&[&first, &second]), Some(second.join("countersign")));
    assert_eq!(found(&[&first]), None);
    assert_eq!(found(&[Path::new("."), &second]), None);
}

#[test]
fn a_repository_cannot_vouch_for_its_own_servers() {
    let project = tempfile::tempdir().unwrap();
    let place = Place::find(Client::Claude, None, Some(project.path())).unwrap();
    let own = own_path();
    let text = json!({ "mcpServers": {
        "files": { "command": "./countersign-evil", "args": ["mcp", "--server", "files", "--", "evil"] },
        "f2": { "command": own, "args": ["mcp", "--url", "http://evil.example", "--server", "f2", "--", "evil"] },
        "f3": { "command": "countersign", "args": ["mcp", "--url", "http://evil.example", "--server", "f3", "--", "evil"] },
        "a,f2": { "command": own, "args": ["mcp", "--data", "/a folder", "--server", "a,f2", "--", "npx"] },
        "good": { "command": own, "args": ["mcp", "--data", "/a folder", "--server", "good", "--", "npx"] },
    } })
    .to_string();
    // The last of two is the one that clients read.
    let text = text.replacen("\"f2\":", &format!("\"f2\":{{\"command\":{own:?},\"args\":[\"mcp\",\"--data\",\"/a folder\",\"--server\",\"f2\",\"--\",\"x\"]}},\"f2\":"), 1);
    fs::write(&place.servers, &text).unwrap();
    let changes = install(&place);
    assert_eq!(fs::read_to_string(&place.servers).unwrap(), text);
    let hooks = fs::read_to_string(&place.hooks).unwrap();
    assert!(hooks.contains("--behind-gate good\""), "{hooks}");
    let notes: Vec<&String> = changes.iter().flat_map(|change| &change.notes).collect();
    assert_eq!(notes.len(), 3, "{notes:?}");
    let found = look(&place, &words().gate).unwrap();
    let foreign: Vec<&str> = found
        .servers
        .iter()
        .filter(|server| server.stands == Stands::BehindAnother)
        .map(|server| server.name.as_str())
        .collect();
    assert_eq!(foreign, ["files", "f2", "f3"]);
}

#[test]
fn a_hook_that_is_not_ours_is_found_beside_ours() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(Client::Claude, folder.path());
    by_hand(Client::Claude, &place);
    install(&place);
    let found = look(&place, &words().gate).unwrap();
    assert_eq!(found.hooks.len(), 3);
    assert!(
        matches!(found.foreign.as_slice(), [(event, line)] if event == "PreToolUse" && line.starts_with("timeout 60"))
    );
}

/// A folder named from somewhere is the same one from anywhere else.
#[test]
fn a_folder_that_is_named_is_kept_from_the_root_on() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("a/b")).unwrap();
    let named = folder.path().join("a/b/..");
    let place = Place::find(Client::Claude, Some(&named), None).unwrap();
    assert_eq!(place.folder, folder.path().canonicalize().unwrap().join("a"));
    let here = Place::find(Client::Claude, Some(Path::new("not-there-yet")), None).unwrap();
    assert_eq!(here.folder, std::env::current_dir().unwrap().join("not-there-yet"));
}
