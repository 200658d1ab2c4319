//! Keys survive restarts and rotations, and destroyed ones are gone from every file.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_evidence::key::{Key, Random, WRAPPED_LEN};
use countersign_evidence::open::KeyState;
use countersign_evidence::record::Role;
use countersign_journal::{
    ApiKey, Credentials, DataFolder, KeyId, KeyKind, KeyStore, KeyStoreError, MasterKey, MemoryKeyStore, Owner, Person,
    SqliteKeyStore,
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A counter, hashed: the same bytes for the same sequence of questions.
#[derive(Default)]
struct Seeded(AtomicU64);

impl Random for Seeded {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let turn = self.0.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&Sha256::digest(turn.to_be_bytes())[..chunk.len()]);
        }
    }
}

fn master(seed: u8) -> MasterKey {
    MasterKey::new(Key::from_bytes([seed; 32]))
}

fn open(folder: &Path, seed: u8, random: &Arc<Seeded>) -> Result<SqliteKeyStore, KeyStoreError> {
    let random: Arc<dyn Random> = Arc::clone(random) as _;
    SqliteKeyStore::open(Arc::new(DataFolder::open(folder).unwrap()), &master(seed), random)
}

fn subject(identity: &str) -> Owner<'_> {
    Owner { kind: KeyKind::Subject, workspace: "w", identity }
}

fn holds(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

/// The wrapped bytes of a key, as a row of the file has them.
fn wrapped(folder: &Path, id: impl ToString) -> Vec<u8> {
    let sql = rusqlite::Connection::open(folder.join("keys.db")).unwrap();
    sql.query_row("SELECT wrapped FROM key WHERE id = ?", [id.to_string()], |row| row.get(0)).unwrap()
}

fn destroy_all(keys: &dyn KeyStore, owner: Owner<'_>) -> Result<Vec<KeyId>, KeyStoreError> {
    let all: Vec<KeyId> = keys.keys_of(owner)?.iter().map(|info| info.id).collect();
    keys.destroy(&all)
}

#[test]
fn a_destroyed_key_is_in_no_file_and_its_owner_gets_another() {
    let folder = tempfile::tempdir().unwrap();
    let random = Arc::new(Seeded::default());
    let keys = open(folder.path(), 1, &random).unwrap();
    let others: Vec<_> = (0..300).map(|n| keys.get_or_create(subject(&format!("other {n}"))).unwrap()).collect();
    let (id, key) = keys.get_or_create(subject("alice@example.com")).unwrap();
    let bytes = wrapped(folder.path(), id);
    assert_eq!(bytes.len(), WRAPPED_LEN);
    assert!(holds(folder.path(), &bytes));
    assert!(!holds(folder.path(), key.as_bytes()));
    assert_eq!(destroy_all(&keys, subject("alice@example.com")).unwrap(), [id]);
    assert!(!holds(folder.path(), &bytes));
    assert!(!holds(folder.path(), b"alice"), "no personal data lies in the file");
    assert!(matches!(keys.open(id).unwrap(), KeyState::Destroyed));
    let (next, other) = keys.get_or_create(subject("alice@example.com")).unwrap();
    assert!(next != id && other.as_bytes() != key.as_bytes());
    let generations: Vec<_> = keys.keys_of(subject("alice@example.com")).unwrap();
    assert_eq!(
        generations.iter().map(|info| (info.id, info.generation, info.epoch)).collect::<Vec<_>>(),
        [(id, 1, None), (next, 2, Some(1))]
    );
    // All over the file's pages, too: what is freed within a page is overwritten.
    let (gone, kept): (Vec<_>, Vec<_>) = others.into_iter().enumerate().partition(|(n, _)| n % 3 == 0);
    let gone: Vec<_> = gone.into_iter().map(|(n, (id, _))| (n, id, wrapped(folder.path(), id))).collect();
    for (n, id, _) in &gone {
        assert_eq!(destroy_all(&keys, subject(&format!("other {n}"))).unwrap(), [*id]);
    }
    for (n, _, bytes) in &gone {
        assert!(!holds(folder.path(), &bytes[24..]), "other {n}");
    }
    drop(keys);
    let keys = open(folder.path(), 1, &random).unwrap();
    assert!(matches!(keys.open(id).unwrap(), KeyState::Destroyed));
    for (_, (id, key)) in kept {
        assert_eq!(keys.open(id).unwrap().live().unwrap().as_bytes(), key.as_bytes());
    }
}

#[test]
fn rotation_leaves_nothing_that_the_old_master_key_opens() {
    let folder = tempfile::tempdir().unwrap();
    let random = Arc::new(Seeded::default());
    let keys = open(folder.path(), 1, &random).unwrap();
    let (id, key) = keys.get_or_create(subject("a")).unwrap();
    let seed = keys.secret("log key").unwrap();
    let before = wrapped(folder.path(), id);
    assert_eq!(keys.rotate_master(&master(2)).unwrap(), 2);
    assert!(!holds(folder.path(), &before));
    assert_eq!(keys.list().unwrap()[0].epoch, Some(2));
    drop(keys);
    assert!(matches!(open(folder.path(), 1, &random), Err(KeyStoreError::OtherMaster)));
    let keys = open(folder.path(), 2, &random).unwrap();
    assert_eq!(keys.get_or_create(subject("a")).unwrap().1.as_bytes(), key.as_bytes());
    assert_eq!(keys.secret("log key").unwrap().as_bytes(), seed.as_bytes());
    assert_ne!(keys.secret("another").unwrap().as_bytes(), seed.as_bytes());
}

#[test]
fn a_wrapped_key_in_the_place_of_another_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let random = Arc::new(Seeded::default());
    let keys = open(folder.path(), 1, &random).unwrap();
    let (mine, _) = keys.get_or_create(subject("a")).unwrap();
    let (theirs, _) = keys.get_or_create(subject("b")).unwrap();
    drop(keys);
    let sql = rusqlite::Connection::open(folder.path().join("keys.db")).unwrap();
    let swapped = wrapped(folder.path(), theirs);
    sql.execute("UPDATE key SET wrapped = ? WHERE id = ?", rusqlite::params![swapped, mine.to_string()]).unwrap();
    drop(sql);
    let keys = open(folder.path(), 1, &random).unwrap();
    assert!(matches!(keys.open(mine).unwrap(), KeyState::Damaged), "the store answers, and this row is not whole");
    assert!(matches!(keys.get_or_create(subject("a")), Err(KeyStoreError::Corrupt { .. })));
    assert!(keys.open(theirs).unwrap().live().is_some());
    assert!(matches!(keys.open(KeyId(Uuid::from_u128(7))).unwrap(), KeyState::Unknown), "not the same as destroyed");
    // It can be destroyed like any other, and its owner gets another one then.
    assert_eq!(destroy_all(&keys, subject("a")).unwrap(), [mine]);
    assert!(matches!(keys.open(mine).unwrap(), KeyState::Destroyed));
    assert_ne!(keys.get_or_create(subject("a")).unwrap().0, mine);
}

#[test]
fn a_file_of_another_format_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let random = Arc::new(Seeded::default());
    let (id, _) = open(folder.path(), 1, &random).unwrap().get_or_create(subject("a")).unwrap();
    let set = |format: i64| {
        let sql = rusqlite::Connection::open(folder.path().join("keys.db")).unwrap();
        sql.pragma_update(None, "user_version", format).unwrap();
    };
    for other in [2, 4] {
        set(other);
        let refused = open(folder.path(), 1, &random).err().unwrap().to_string();
        assert!(
            refused.contains(&format!("keys.db has format {other}")) && refused.contains("start the version"),
            "{refused}"
        );
    }
    set(3);
    assert!(open(folder.path(), 1, &random).unwrap().open(id).unwrap().live().is_some());
}

#[test]
fn files_are_private_and_owners_differ_in_each_part() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(folder.path(), 1, &Arc::default()).unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        let shared = file.file_name() == "lock" || file.metadata().unwrap().permissions().mode() & 0o077 == 0;
        assert!(shared, "{:?} can be read by others", file.path());
    }
    let mut seen = std::collections::BTreeSet::new();
    for kind in [KeyKind::Subject, KeyKind::Person, KeyKind::Workspace] {
        for (workspace, identity) in [("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", "")] {
            assert!(seen.insert(keys.get_or_create(Owner { kind, workspace, identity }).unwrap().0));
        }
    }
}

#[derive(Debug, Clone)]
enum Op {
    Get(u8),
    Destroy(u8),
    KeysOf(u8),
    List,
    Secret(u8),
    Rotate(u8),
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..4u8).prop_map(Op::Get),
        2 => (0..4u8).prop_map(Op::Destroy),
        1 => (0..4u8).prop_map(Op::KeysOf),
        1 => Just(Op::List),
        1 => (0..2u8).prop_map(Op::Secret),
        1 => any::<u8>().prop_map(Op::Rotate),
        1 => Just(Op::Restart),
    ]
}

/// What an operation answers, with keys numbered in the order in which they were first seen.
fn run(keys: &dyn KeyStore, op: &Op, seen: &mut Vec<(String, [u8; 32])>) -> String {
    let mut number = |id: String, key: [u8; 32]| {
        let known = seen.iter().position(|known| *known == (id.clone(), key));
        known.unwrap_or_else(|| {
            seen.push((id, key));
            seen.len() - 1
        })
    };
    let place = |seen: &[(String, [u8; 32])], id: String| seen.iter().position(|known| known.0 == id);
    match op {
        Op::Get(who) => {
            let (id, key) = keys.get_or_create(subject(&who.to_string())).unwrap();
            assert_eq!(keys.open(id).unwrap().live().unwrap().as_bytes(), key.as_bytes());
            number(id.to_string(), *key.as_bytes()).to_string()
        }
        Op::Secret(name) => number(name.to_string(), *keys.secret(&name.to_string()).unwrap().as_bytes()).to_string(),
        Op::Destroy(who) => {
            let destroyed = destroy_all(keys, subject(&who.to_string())).unwrap();
            assert!(destroyed.iter().all(|id| matches!(keys.open(*id).unwrap(), KeyState::Destroyed)));
            let places: Vec<_> = destroyed.iter().map(|id| place(seen, id.to_string())).collect();
            format!("{places:?}")
        }
        Op::KeysOf(who) => {
            let infos = keys.keys_of(subject(&who.to_string())).unwrap();
            let told: Vec<_> = infos.iter().map(|i| (place(seen, i.id.to_string()), i.generation, i.epoch)).collect();
            format!("{told:?}")
        }
        Op::List => {
            let mut told: Vec<_> =
                keys.list().unwrap().iter().map(|i| (place(seen, i.id.to_string()), i.epoch)).collect();
            told.sort_unstable();
            format!("{told:?}")
        }
        Op::Rotate(seed) => keys.rotate_master(&master(*seed)).unwrap().to_string(),
        Op::Restart => String::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_answers_as_memory_does(ops in proptest::collection::vec(op(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let random = Arc::new(Seeded::default());
        let model = MemoryKeyStore::new(Arc::new(Seeded::default()));
        let (mut seed, mut keys) = (0, open(folder.path(), 0, &random).unwrap());
        let (mut model_seen, mut sqlite_seen) = (Vec::new(), Vec::new());
        for op in &ops {
            match op {
                Op::Restart => {
                    drop(keys);
                    keys = open(folder.path(), seed, &random).unwrap();
                }
                Op::Rotate(next) => seed = *next,
                _ => {}
            }
            let expected = run(&model, op, &mut model_seen);
            prop_assert_eq!(run(&keys, op, &mut sqlite_seen), expected, "{:?}", op);
        }
    }
}

#[test]
fn credentials_are_found_listed_and_revoked_once() {
    let folder = tempfile::tempdir().unwrap();
    let random = Arc::new(Seeded::default());
    let key = ApiKey {
        id: Uuid::from_u128(5),
        kind: countersign_evidence::record::KeyKind::Reviewer,
        hash: [3; 32],
        scope: r#"{"environments":["prod"]}"#.to_owned(),
        label: vec![1, 2],
        created: 10,
        revoked: None,
    };
    let groups = vec!["finance".to_owned(), "security".to_owned()];
    let person = Person {
        id: Uuid::from_u128(6),
        groups,
        name: vec![9],
        created: 11,
        revoked: None,
        roles: vec![Role::Reviewer],
        until: None,
    };
    {
        let keys = open(folder.path(), 1, &random).unwrap();
        let credentials = Credentials::beside(&keys);
        credentials.insert_api_key(&key).unwrap();
        credentials.insert_person(&person).unwrap();
        let same_hash = ApiKey { id: Uuid::from_u128(7), ..key.clone() };
        assert!(credentials.insert_api_key(&same_hash).is_err());
    }
    let keys = open(folder.path(), 1, &random).unwrap();
    let credentials = Credentials::beside(&keys);
    assert_eq!(credentials.find_api_key(&[3; 32]).unwrap().as_ref(), Some(&key));
    assert_eq!(credentials.find_api_key(&[4; 32]).unwrap(), None);
    assert!(credentials.revoke_api_key(key.id, 20).unwrap());
    assert!(!credentials.revoke_api_key(key.id, 30).unwrap(), "the first revocation stands");
    assert_eq!(credentials.api_keys().unwrap(), [ApiKey { revoked: Some(20), ..key }]);
    assert_eq!(credentials.find_person(person.id).unwrap().as_ref(), Some(&person));
    let smuggled = ["harmless\nsecurity".to_owned()];
    assert!(matches!(
        credentials.set_access(person.id, &smuggled, &[Role::Reviewer], None),
        Err(KeyStoreError::GroupName)
    ));
    assert!(credentials.set_access(person.id, &[], &[Role::Reviewer], None).unwrap());
    assert!(credentials.revoke_person(person.id, 21).unwrap());
    assert!(!credentials.revoke_person(Uuid::nil(), 21).unwrap());
    assert_eq!(credentials.people().unwrap(), [Person { groups: Vec::new(), revoked: Some(21), ..person }]);
}
