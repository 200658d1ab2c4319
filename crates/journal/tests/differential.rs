//! The memory journal is the model: SQLite must answer every sequence of operations as it does.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use countersign_journal::{
    Batch, DataFolder, Entry, Error, Head, Journal, LogId, MemoryJournal, Priority, SqliteJournal, SqliteOptions,
};
use countersign_tlog::{Checkpoint, Note, Signer};
use futures::executor::block_on;
use proptest::prelude::*;
use uuid::Uuid;

const ORIGIN: &str = "test.example/log";

#[derive(Debug, Clone)]
enum Op {
    Create(u8),
    Open(u8),
    /// With the head that was seen so many heads ago.
    Append {
        log: u8,
        stale: usize,
        sizes: Vec<(u8, u8)>,
    },
    Publish {
        log: u8,
        stale: usize,
        lie: Lie,
    },
    Read {
        log: u8,
        from: u64,
        most: usize,
    },
    Boundary {
        log: u8,
        from: prop::sample::Index,
        bytes: u64,
    },
    Trim {
        log: u8,
        below: u64,
    },
    Erase {
        log: u8,
        positions: Vec<u64>,
    },
    /// Closes the file and opens it again.
    Restart,
}

/// What is wrong with a publication.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Lie {
    Nothing,
    /// The note states another size.
    Note,
    /// The head has a size that the log has had, and another root.
    Root,
    /// The head lies between two batches or after the last.
    Size,
}

fn op() -> impl Strategy<Value = Op> {
    let log = 0..2u8;
    let stale = prop_oneof![5 => Just(0usize), 1 => 1..4usize];
    let position = 0..60u64;
    prop_oneof![
        1 => log.clone().prop_map(Op::Create),
        1 => log.clone().prop_map(Op::Open),
        8 => (log.clone(), stale.clone(), proptest::collection::vec((1..60u8, 0..60u8), 0..6))
            .prop_map(|(log, stale, sizes)| Op::Append { log, stale, sizes }),
        4 => (log.clone(), stale, prop_oneof![6 => Just(Lie::Nothing), 1 => Just(Lie::Note), 1 => Just(Lie::Root), 1 => Just(Lie::Size)])
            .prop_map(|(log, stale, lie)| Op::Publish { log, stale, lie }),
        4 => (log.clone(), position.clone(), 0..20usize).prop_map(|(log, from, most)| Op::Read { log, from, most }),
        2 => (log.clone(), any::<prop::sample::Index>(), prop_oneof![Just(0), 0..900u64, Just(u64::MAX)])
            .prop_map(|(log, from, bytes)| Op::Boundary { log, from, bytes }),
        2 => (log.clone(), position.clone()).prop_map(|(log, below)| Op::Trim { log, below }),
        1 => (log, proptest::collection::vec(position, 0..4)).prop_map(|(log, positions)| Op::Erase { log, positions }),
        1 => Just(Op::Restart),
    ]
}

fn log_id(log: u8) -> LogId {
    LogId(Uuid::from_u128(u128::from(log) + 7))
}

fn batch(sizes: &[(u8, u8)], salt: usize) -> Batch {
    let entry = |(place, (envelope, vault)): (usize, &(u8, u8))| Entry {
        envelope: vec![(salt + place) as u8; usize::from(*envelope)].into(),
        vault: vec![!(salt as u8); usize::from(*vault)].into(),
    };
    Batch { entries: sizes.iter().enumerate().map(entry).collect(), priority: Priority::New }
}

fn note(head: &Head, is_lie: bool) -> Note {
    let signer = Signer::from_seed(ORIGIN, &[1; 32]).unwrap();
    let size = head.size() + u64::from(is_lie);
    let root = if is_lie { head.after(&batch(&[(1, 1)], 0).entries).root() } else { head.root() };
    Checkpoint::new(ORIGIN, size, root).unwrap().sign(&signer).unwrap()
}

/// What an operation answers, comparable: errors by their text.
fn answer<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => {
            assert!(error.is_certain(), "{error}");
            format!("error: {error}")
        }
    }
}

fn run(journal: &dyn Journal, op: &Op, heads: &mut [Vec<Head>; 2], turn: usize) -> String {
    let seen = |heads: &[Vec<Head>; 2], log: u8, stale: usize| {
        let of_log = &heads[usize::from(log)];
        of_log.iter().rev().nth(stale).cloned().unwrap_or_else(|| Head::empty(log_id(log), 0))
    };
    let mut remember = |log: u8, result: Result<Head, Error>| {
        if let Ok(head) = &result {
            heads[usize::from(log)].push(head.clone());
        }
        answer(result)
    };
    match op {
        Op::Create(log) => answer(block_on(journal.create(log_id(*log)))),
        Op::Open(log) => remember(*log, block_on(journal.open(log_id(*log)))),
        Op::Append { log, stale, sizes } => {
            let expected = seen(heads, *log, *stale);
            let done = block_on(journal.append(&expected, batch(sizes, turn)));
            match done {
                Ok(head) => {
                    heads[usize::from(*log)].push(head.clone());
                    answer(Ok(head))
                }
                error => answer(error),
            }
        }
        Op::Publish { log, stale, lie } => {
            let mut expected = seen(heads, *log, *stale);
            let other = |count: u64| batch(&vec![(1, 0); count as usize], 99).entries;
            match lie {
                Lie::Root => expected = Head::empty(expected.log, expected.epoch).after(&other(expected.size())),
                Lie::Size => expected = expected.after(&other(1)),
                Lie::Nothing | Lie::Note => {}
            }
            answer(block_on(journal.publish(&expected, &note(&expected, *lie == Lie::Note))))
        }
        Op::Read { log, from, most } => answer(block_on(journal.read(log_id(*log), *from, *most))),
        Op::Boundary { log, from, bytes } => {
            // Positions between batches only: those that a head has had.
            let from = heads[usize::from(*log)].get(from.index(heads[usize::from(*log)].len().max(1)));
            answer(block_on(journal.boundary(log_id(*log), from.map_or(0, Head::size), *bytes)))
        }
        Op::Trim { log, below } => answer(block_on(journal.trim(log_id(*log), *below))),
        Op::Erase { log, positions } => answer(block_on(journal.erase(log_id(*log), positions))),
        Op::Restart => String::new(),
    }
}

fn open(path: &std::path::Path) -> SqliteJournal {
    let folder = Arc::new(DataFolder::open(path).unwrap());
    let options = SqliteOptions { reserve_bytes: 1 << 12, carry_over_bytes: 600, ..SqliteOptions::default() };
    SqliteJournal::open(folder, &options).unwrap()
}

fn everything(journal: &dyn Journal, log: u8) -> String {
    let id = log_id(log);
    let head = answer(block_on(journal.head(id)));
    let published = answer(block_on(journal.published(id)).map(|note| note.map(|note| note.to_string())));
    let first = match block_on(journal.read(id, 0, 1)) {
        Err(Error::Trimmed { below }) => below,
        _ => 0,
    };
    format!("{head} {published} {}", answer(block_on(journal.read(id, first, usize::MAX))))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_answers_as_memory_does(ops in proptest::collection::vec(op(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let model = MemoryJournal::new();
        let mut sqlite = open(folder.path());
        let (mut model_heads, mut sqlite_heads) = (<[Vec<Head>; 2]>::default(), <[Vec<Head>; 2]>::default());
        for log in 0..2 {
            for (journal, heads) in [(&model as &dyn Journal, &mut model_heads), (&sqlite, &mut sqlite_heads)] {
                run(journal, &Op::Create(log), heads, 0);
                run(journal, &Op::Open(log), heads, 0);
            }
        }
        for (turn, op) in ops.iter().enumerate() {
            if let Op::Restart = op {
                drop(sqlite);
                sqlite = open(folder.path());
            }
            let expected = run(&model, op, &mut model_heads, turn);
            prop_assert_eq!(run(&sqlite, op, &mut sqlite_heads, turn), expected, "{:?}", op);
        }
        for log in 0..2 {
            prop_assert_eq!(everything(&sqlite, log), everything(&model, log));
        }
    }
}
