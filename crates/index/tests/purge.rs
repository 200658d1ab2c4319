//! What is erased is in none of the files.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::lives::Lives;
use common::{Group, World, read_on};
use countersign_evidence::action::Action;
use countersign_evidence::id::uuid_v7;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::key::Key;
use countersign_evidence::record::*;
use countersign_index::{Index, Query};
use uuid::Uuid;

fn found_in_files(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let lower = bytes.to_ascii_lowercase();
        if lower.windows(text.len()).any(|window| window == text.to_ascii_lowercase().as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

const SECRET: [&str; 5] = ["zanzibar", "quetzalcoatl", "xylophone", "mallory@secret.example", "wyvernhoard"];

fn secret_action(world: &mut World, user: &str) -> (Action, Key) {
    let (wrapping_id, wrapping) = world.subject(Some(user));
    let key = Key::generate(&*world.dice);
    let fields = vec![
        ("payload", Some(0), Value::Object(Object::from_iter([("note", SECRET[0]), ("wyvernhoard", SECRET[1])]))),
        ("intent", None, Value::from(SECRET[2])),
        ("user", None, Value::Object(Object::from_iter([("id", user)]))),
        ("resource", None, Value::from("wyvernhoard/7")),
    ];
    let proposed = ActionProposed {
        agent: Agent { id: "agent".to_owned(), version: None },
        model: None,
        tool: ToolRef { name: "send".to_owned(), server: "mail".to_owned(), definition: None },
        category: Category::Message,
        resource_type: None,
        request_id: "r".to_owned(),
        correlation: Correlation::default(),
        source: Source { via: "api".to_owned(), version: None },
        authenticated: Authenticated { key: Uuid::nil(), kind: KeyKind::Agent },
        isolation: Isolation::Remote,
    };
    let link = Some(Link { action: uuid_v7(world.now, &*world.dice), step: 0, prev: None });
    let group = Group { key: &key, wrapped_by: Some((wrapping_id, &wrapping)), fields };
    let by = Actor { kind: ActorKind::Agent, id: "agent".to_owned() };
    let (_, envelope, leaf) = world.append(link, "prod", by, proposed.into(), &[group]);
    (Action::open(&envelope, leaf).unwrap(), key)
}

fn ask(index: &Index, text: &str) -> usize {
    index.list(&Query { text: Some(text.to_owned()), ..Query::default() }).unwrap().actions.len()
}

#[test]
fn erased_words_are_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut lives = Lives::new(11);
    lives.filler = 60;
    let index = lives.world.index(&folder.path().join("index.db"));
    let user = SECRET[3];
    // Among others, early and late, and some in a batch of their own, so that they lie in several parts of the full text.
    for round in 0..12 {
        (0..40).for_each(|_| lives.step());
        secret_action(&mut lives.world, user);
        read_on(&index, &lives.world.log, if round % 2 == 0 { 5 } else { 200 });
    }
    for word in SECRET {
        assert!(!found_in_files(folder.path(), word).is_empty(), "{word} is there before");
        assert_eq!(ask(&index, word), 12);
    }
    let key = lives.world.subjects.remove(user).unwrap().0;
    lives.world.ring.destroy(key);
    lives.world.system(SubjectErased { keys: vec![key] });
    read_on(&index, &lives.world.log, 100);
    for word in SECRET {
        assert_eq!(found_in_files(folder.path(), word), Vec::<String>::new(), "{word} is nowhere after");
        assert_eq!(ask(&index, word), 0);
    }
    assert_eq!(ask(&index, "send"), 12 + lives.truths().iter().filter(|truth| truth.tool == "mail/send").count());
}

#[test]
fn a_key_that_a_record_calls_erased_opens_nothing_even_if_it_is_still_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut lives = Lives::new(12);
    secret_action(&mut lives.world, SECRET[3]);
    let key = lives.world.subjects[SECRET[3]].0;
    lives.world.system(SubjectErased { keys: vec![key] });
    for batch in [1, 2] {
        let path = folder.path().join(format!("{batch}.db"));
        read_on(&lives.world.index(&path), &lives.world.log, batch);
        let again = lives.world.index(&path);
        assert_eq!(again.begun_anew(), None);
        assert_eq!(again.list(&Query::default()).unwrap().actions[0].user, None);
    }
    assert!(SECRET.iter().all(|word| found_in_files(folder.path(), word).is_empty()));
}

#[test]
fn a_reader_in_the_way_only_delays_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let mut lives = Lives::new(13);
    let path = folder.path().join("index.db");
    secret_action(&mut lives.world, SECRET[3]);
    read_on(&lives.world.index(&path), &lives.world.log, 1);
    let index = lives.world.index(&path);
    let reader = rusqlite::Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM action;").unwrap();
    let _: i64 = reader.query_row("SELECT count(*) FROM action", [], |row| row.get(0)).unwrap();
    let key = lives.world.subjects[SECRET[3]].0;
    lives.world.ring.destroy(key);
    lives.world.system(SubjectErased { keys: vec![key] });
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| read_on(&index, &lives.world.log, 10));
        std::thread::sleep(std::time::Duration::from_millis(300));
        reader.execute_batch("COMMIT").unwrap();
        writing.join().unwrap();
    });
    assert!(SECRET.iter().all(|word| found_in_files(folder.path(), word).is_empty()));
}
