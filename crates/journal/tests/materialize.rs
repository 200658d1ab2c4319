//! Publishing, dying at every step of it, and taking it up again.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{LOG, MortalStore, append, check_files, entry, get, new_log, published, signer};
use countersign_journal::faulty::{Fault, FaultyJournal, Verb};
use countersign_journal::{Boundary, Error, Head, Journal, LogReader, Materializer, Store};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

async fn open(
    journal: &Arc<dyn Journal>,
    objects: &Arc<dyn ObjectStore>,
    head: &Head,
    index: &Arc<AtomicU64>,
) -> Result<Materializer, Error> {
    let store = Store::new(Arc::clone(objects));
    Materializer::open(Arc::clone(journal), store, signer(), head, Arc::clone(index)).await
}

async fn drain(materializer: &Materializer, journal: &dyn Journal) {
    let size = journal.head(LOG).await.unwrap().size();
    while *materializer.published().borrow() < size {
        materializer.publish_once().await.unwrap();
    }
}

/// The sizes of the batches between two publications: short and long ones, over tile borders and exactly on them.
const STEPS: &[&[u64]] = &[&[1], &[3, 2], &[250], &[1, 255, 256], &[40], &[700, 4], &[1]];

#[tokio::test]
async fn what_is_published_is_what_was_appended() {
    let (memory, mut head) = new_log().await;
    let (journal, objects): (Arc<dyn Journal>, Arc<dyn ObjectStore>) = (memory, Arc::new(InMemory::new()));
    let index = Arc::new(AtomicU64::new(u64::MAX));
    let materializer = open(&journal, &objects, &head, &index).await.unwrap();
    assert!(!materializer.publish_once().await.unwrap());
    for step in STEPS {
        for count in *step {
            head = append(&*journal, &head, *count).await;
        }
        drain(&materializer, &*journal).await;
        assert_eq!(check_files(&*objects, &[]).await, head.size());
        assert!(matches!(journal.read(LOG, head.size() - 1, 1).await, Err(Error::Trimmed { .. })));
    }
    drop(materializer);
    let opened = journal.open(LOG).await.unwrap();
    let again = open(&journal, &objects, &opened, &index).await.unwrap();
    head = append(&*journal, &opened, 300).await;
    drain(&again, &*journal).await;
    assert_eq!(check_files(&*objects, &[]).await, head.size());
}

/// Plays all steps against a store that dies at operation `k`; returns whether it died.
async fn die_at(k: u64, happens: bool) -> bool {
    let (journal, mut head) = new_log().await;
    let journal: Arc<dyn Journal> = journal;
    let disk: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mortal = Arc::new(MortalStore::new(Arc::clone(&disk), k, happens));
    let objects: Arc<dyn ObjectStore> = Arc::clone(&mortal) as _;
    let index = Arc::new(AtomicU64::new(100));
    if let Ok(materializer) = open(&journal, &objects, &head, &index).await {
        for step in STEPS {
            for count in *step {
                head = append(&*journal, &head, *count).await;
            }
            while !mortal.is_dead() && *materializer.published().borrow() < head.size() {
                let _ = materializer.publish_once().await;
            }
            index.store(head.size(), Ordering::SeqCst);
        }
    }
    // Whatever the checkpoint in the folder covers is there, and the journal knows of it.
    let on_disk = check_files(&*disk, &[]).await;
    let signed = published(&*journal).await.map_or(0, |note| LogReader::tree_of(&note).unwrap().size);
    assert!(on_disk <= signed);
    let opened = journal.open(LOG).await.unwrap();
    let again = open(&journal, &disk, &opened, &index).await.unwrap();
    assert_eq!(check_files(&*disk, &[]).await, signed);
    let head = append(&*journal, &opened, 5).await;
    drain(&again, &*journal).await;
    assert_eq!(check_files(&*disk, &[]).await, head.size());
    mortal.is_dead()
}

#[tokio::test]
async fn it_may_die_at_every_operation_of_the_store() {
    for happens in [false, true] {
        let mut k = 1;
        while die_at(k, happens).await {
            k += 1;
        }
        assert!(k > 40, "only {k} operations");
    }
}

#[tokio::test]
async fn the_journal_may_fail_at_every_call() {
    for verb in [Verb::Read, Verb::Publish, Verb::Trim] {
        for fault in [Fault::Before, Fault::After] {
            for k in 0..8 {
                let (memory, mut head) = new_log().await;
                let faulty = Arc::new(FaultyJournal::new(memory));
                let journal: Arc<dyn Journal> = Arc::clone(&faulty) as _;
                let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
                let index = Arc::new(AtomicU64::new(u64::MAX));
                let mut materializer = open(&journal, &objects, &head, &index).await.unwrap();
                faulty.fail(verb, k, fault);
                for count in [200, 100, 256, 1, 1, 1, 1, 1] {
                    head = append(&*journal, &head, count).await;
                    if materializer.publish_once().await.is_err() {
                        // In doubt: what is in the folder holds, and everything is taken up anew.
                        check_files(&*objects, &[]).await;
                        head = journal.open(LOG).await.unwrap();
                        materializer = open(&journal, &objects, &head, &index).await.unwrap();
                    }
                }
                drain(&materializer, &*journal).await;
                assert!(faulty.is_spent(), "{verb:?} {k}");
                assert_eq!(check_files(&*objects, &[]).await, head.size());
            }
        }
    }
}

#[tokio::test]
async fn a_new_writer_stops_the_old_one() {
    let (journal, head) = new_log().await;
    let (journal, objects): (Arc<dyn Journal>, Arc<dyn ObjectStore>) = (journal, Arc::new(InMemory::new()));
    let old = open(&journal, &objects, &head, &Arc::default()).await.unwrap();
    append(&*journal, &head, 3).await;
    journal.open(LOG).await.unwrap();
    assert!(matches!(old.publish_once().await, Err(Error::Fenced { ours: 1, current: 2 })));
    assert_eq!(published(&*journal).await, None);
    assert_eq!(check_files(&*objects, &[]).await, 0);
}

async fn published_log() -> (Arc<dyn Journal>, Arc<dyn ObjectStore>, Head) {
    let (journal, head) = new_log().await;
    let (journal, objects): (Arc<dyn Journal>, Arc<dyn ObjectStore>) = (journal, Arc::new(InMemory::new()));
    let materializer = open(&journal, &objects, &head, &Arc::default()).await.unwrap();
    let head = append(&*journal, &head, 300).await;
    drain(&materializer, &*journal).await;
    (journal, objects, head)
}

#[tokio::test]
async fn what_no_crash_leaves_behind_is_refused() {
    let refused = |result: Result<Materializer, Error>| match result {
        Err(Error::Corrupt { what }) => what,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("was opened"),
    };
    // A missing, a shortened and a changed file that the checkpoint covers.
    for path in ["tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44", "vault/001.p/44"] {
        for change in 0..3 {
            let (journal, objects, head) = published_log().await;
            let path = Path::from(path);
            let mut bytes = objects.get(&path).await.unwrap().bytes().await.unwrap().to_vec();
            match change {
                0 => objects.delete(&path).await.unwrap(),
                1 => drop(objects.put(&path, bytes[..bytes.len() - 1].to_vec().into()).await.unwrap()),
                _ if path.as_ref().starts_with("vault") => continue, // nothing in the tree speaks for the vault alone
                _ => {
                    bytes[20] ^= 1;
                    objects.put(&path, bytes.into()).await.unwrap();
                }
            }
            refused(open(&journal, &objects, &head, &Arc::default()).await);
        }
    }
    // A folder that is ahead of the journal: the journal was restored from an old copy.
    let (_, objects, _) = published_log().await;
    let (journal, head) = new_log().await;
    let journal: Arc<dyn Journal> = journal;
    let what = refused(open(&journal, &objects, &head, &Arc::default()).await);
    assert!(what.contains("300 entries") && what.contains("old copy"), "{what}");
    // The same size with another root.
    let mut entries: Vec<_> = (0..300).map(entry).collect();
    entries[7].envelope = "other".into();
    let batch = countersign_journal::Batch { entries, ..Default::default() };
    let head = journal.append(&head, batch).await.unwrap();
    let elsewhere: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let fork = open(&journal, &elsewhere, &Head::empty(LOG, head.epoch), &Arc::default()).await.unwrap();
    drain(&fork, &*journal).await;
    let what = refused(open(&journal, &objects, &head, &Arc::default()).await);
    assert!(what.contains("different roots"), "{what}");
    // Another log's key.
    let (journal, objects, head) = published_log().await;
    let other = countersign_tlog::Signer::from_seed("test.example/other", &[1; 32]).unwrap();
    let opened = Materializer::open(journal, Store::new(objects), other, &head, Arc::default()).await;
    assert!(matches!(opened, Err(Error::Corrupt { .. })));
}

#[tokio::test]
async fn erased_vault_entries_are_gone_everywhere_and_stay_gone() {
    let (journal, head) = new_log().await;
    let (journal, objects): (Arc<dyn Journal>, Arc<dyn ObjectStore>) = (journal, Arc::new(InMemory::new()));
    let index = Arc::new(AtomicU64::new(256));
    let materializer = open(&journal, &objects, &head, &index).await.unwrap();
    let head = append(&*journal, &head, 270).await;
    drain(&materializer, &*journal).await;
    let head = append(&*journal, &head, 5).await;
    // In a full bundle, in the partial one, and not yet published.
    let erased = [4, 256, 258, 270, 273];
    for _ in 0..2 {
        materializer.erase(&erased).await.unwrap();
        check_files(&*objects, &erased).await;
    }
    drain(&materializer, &*journal).await;
    assert_eq!(check_files(&*objects, &erased).await, head.size());
    let reader = LogReader::new(Arc::clone(&journal), Store::new(Arc::clone(&objects)), LOG);
    for (position, found) in reader.read_range(0, head.size()).await.unwrap().iter().enumerate() {
        let expected = entry(position as u64);
        assert_eq!(found.envelope, expected.envelope);
        assert_eq!(found.vault.is_empty(), expected.vault.is_empty() || erased.contains(&(position as u64)));
    }
    assert_eq!(listed(&objects, "vault/001.p").await, ["vault/001.p/19"]);
}

#[tokio::test]
async fn full_bundles_are_packed_and_those_of_older_versions_are_read_as_they_are() {
    let (journal, objects, head) = published_log().await;
    let packed = get(&*objects, "tile/entries/000.gz").await.unwrap();
    let bundle = countersign_tlog::unpack(&packed).unwrap();
    assert!(packed.len() * 2 < bundle.len() && get(&*objects, "tile/entries/000").await.is_none());
    objects.put(&Path::from("tile/entries/000"), bundle.clone().into()).await.unwrap();
    objects.delete(&Path::from("tile/entries/000.gz")).await.unwrap();
    let materializer = open(&journal, &objects, &head, &Arc::new(AtomicU64::new(300))).await.unwrap();
    let head = append(&*journal, &head, 300).await;
    drain(&materializer, &*journal).await;
    assert_eq!(check_files(&*objects, &[]).await, 600);
    let reader = LogReader::new(Arc::clone(&journal), Store::new(Arc::clone(&objects)), LOG);
    for _ in 0..2 {
        let all = reader.read_range(0, head.size()).await.unwrap();
        assert!(all.iter().enumerate().all(|(position, found)| *found == entry(position as u64)));
    }
    assert!(get(&*objects, "tile/entries/001.gz").await.is_some());
    // What is kept unpacked is no vault: what is erased is gone for whoever has read it before.
    let sealed = (256..512).find(|position| !entry(*position).vault.is_empty()).unwrap();
    materializer.erase(&[sealed]).await.unwrap();
    assert!(reader.read(sealed, 1).await.unwrap()[0].vault.is_empty());

    // Left by an older version that died before it could publish, and by one that died in the middle of packing that: the
    // same bytes or none.
    for (same, in_both_forms) in [(true, false), (false, false), (true, true), (false, true)] {
        let (journal, head) = new_log().await;
        let (journal, objects): (Arc<dyn Journal>, Arc<dyn ObjectStore>) = (journal, Arc::new(InMemory::new()));
        let mut left = bundle.clone();
        left[9] ^= u8::from(!same);
        objects.put(&Path::from("tile/entries/000"), left.into()).await.unwrap();
        if in_both_forms {
            objects.put(&Path::from("tile/entries/000.gz"), packed.clone().into()).await.unwrap();
        }
        let materializer = open(&journal, &objects, &head, &Arc::default()).await.unwrap();
        append(&*journal, &head, 300).await;
        match same {
            true => {
                drain(&materializer, &*journal).await;
                assert_eq!(get(&*objects, "tile/entries/000.gz").await.unwrap(), packed);
                assert!(get(&*objects, "tile/entries/000").await.is_none(), "one form is enough");
            }
            false => assert!(matches!(materializer.publish_once().await, Err(Error::Corrupt { .. }))),
        }
    }
    // A packed file that was changed, or is not all there, is no bundle: it is neither read, served nor written over.
    let mut changed = packed.to_vec();
    changed[4] ^= 1;
    for bytes in [changed, packed[..packed.len() / 2].to_vec()] {
        let (journal, objects, _) = published_log().await;
        objects.put(&Path::from("tile/entries/000.gz"), bytes.clone().into()).await.unwrap();
        journal.trim(LOG, 300).await.unwrap();
        let store = Store::new(Arc::clone(&objects));
        let bundle = countersign_tlog::Tile::from_path("tile/entries/000").unwrap();
        assert!(matches!(store.packed(bundle).await, Err(Error::Corrupt { .. })));
        let reader = LogReader::new(journal, store, LOG);
        assert!(matches!(reader.read(0, 1).await, Err(Error::Corrupt { .. })));
        let (journal, head) = new_log().await;
        let journal: Arc<dyn Journal> = journal;
        let fresh: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        fresh.put(&Path::from("tile/entries/000.gz"), bytes.into()).await.unwrap();
        let materializer = open(&journal, &fresh, &head, &Arc::default()).await.unwrap();
        append(&*journal, &head, 300).await;
        assert!(matches!(materializer.publish_once().await, Err(Error::Corrupt { .. })));
    }
}

async fn listed(objects: &Arc<dyn ObjectStore>, folder: &str) -> Vec<String> {
    use futures::TryStreamExt;
    let found: Vec<_> = objects.list(Some(&Path::from(folder))).try_collect().await.unwrap();
    found.into_iter().map(|object| object.location.to_string()).collect()
}

#[tokio::test]
async fn the_reader_spans_the_line_and_proves_across_it() {
    let (journal, head) = new_log().await;
    let (journal, objects): (Arc<dyn Journal>, Arc<dyn ObjectStore>) = (journal, Arc::new(InMemory::new()));
    let index = Arc::new(AtomicU64::new(600));
    let materializer = open(&journal, &objects, &head, &index).await.unwrap();
    let reader = LogReader::new(Arc::clone(&journal), Store::new(Arc::clone(&objects)), LOG);
    let mut heads = vec![head.clone()];
    for (count, publish) in [(10, true), (500, true), (100, true), (400, true), (30, false), (700, false)] {
        heads.push(append(&*journal, heads.last().unwrap(), count).await);
        if publish {
            drain(&materializer, &*journal).await;
        }
    }
    let size = heads.last().unwrap().size();
    let all = reader.read_range(0, size).await.unwrap();
    assert!(all.iter().enumerate().all(|(position, found)| *found == entry(position as u64)));
    assert_eq!(reader.read(size, 5).await.unwrap(), []);
    let tree = reader.head().await.unwrap();
    for index in (0..size).step_by(37) {
        let (leaf, proof) = reader.prove_inclusion(index, tree).await.unwrap();
        assert_eq!(leaf, countersign_tlog::leaf_hash(&entry(index).envelope));
        countersign_tlog::verify_inclusion(&leaf, index, tree.size, &tree.root, &proof).unwrap();
    }
    for old in &heads[1..] {
        let (root, _) = reader.prove_consistency(old.size(), tree).await.unwrap();
        assert_eq!(root, old.root());
    }
    // From a task, too.
    let (elsewhere, old) = (reader.clone(), heads[2].size());
    let asked = tokio::spawn(async move {
        elsewhere.prove_inclusion(3, tree).await?;
        elsewhere.read(0, 10).await?;
        elsewhere.prove_consistency(old, tree).await
    });
    assert_eq!(asked.await.unwrap().unwrap().0, heads[2].root());
    let lie = Boundary { size: tree.size - 1, root: tree.root };
    assert!(matches!(reader.prove_inclusion(0, lie).await, Err(Error::Corrupt { .. })));
    assert!(reader.prove_inclusion(size, tree).await.is_err());
}

#[tokio::test]
async fn erasing_may_die_at_every_operation_and_is_done_again() {
    let erased = [4, 256, 270, 273];
    for happens in [false, true] {
        for k in 1..4 {
            let (journal, head) = new_log().await;
            let (journal, disk): (Arc<dyn Journal>, Arc<dyn ObjectStore>) = (journal, Arc::new(InMemory::new()));
            let first = open(&journal, &disk, &head, &Arc::new(AtomicU64::new(256))).await.unwrap();
            let head = append(&*journal, &head, 270).await;
            drain(&first, &*journal).await;
            let head = append(&*journal, &head, 5).await;
            let mortal = Arc::new(MortalStore::new(Arc::clone(&disk), k, happens));
            let objects: Arc<dyn ObjectStore> = Arc::clone(&mortal) as _;
            let dying = open(&journal, &objects, &head, &Arc::default()).await.unwrap();
            // Two files hold such entries: the third operation belongs to the publication that follows.
            assert_eq!(dying.erase(&erased).await.is_ok(), k == 3);
            let _ = dying.publish_once().await;
            assert!(mortal.is_dead());
            let head = journal.open(LOG).await.unwrap();
            let again = open(&journal, &disk, &head, &Arc::default()).await.unwrap();
            // What the journal no longer has is not brought back, whether or not the erasure is repeated first.
            if k % 2 == 0 {
                drain(&again, &*journal).await;
            }
            again.erase(&erased).await.unwrap();
            drain(&again, &*journal).await;
            assert_eq!(check_files(&*disk, &erased).await, head.size());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_loop_publishes_and_stops_when_it_is_fenced() {
    let (journal, head) = new_log().await;
    let (journal, objects): (Arc<dyn Journal>, Arc<dyn ObjectStore>) = (journal, Arc::new(InMemory::new()));
    let materializer = Arc::new(open(&journal, &objects, &head, &Arc::default()).await.unwrap());
    let mut published = materializer.published();
    let running = Arc::clone(&materializer);
    let task = tokio::spawn(async move { running.run(std::time::Duration::from_millis(500)).await });
    let mut head = head;
    for _ in 0..3 {
        head = append(&*journal, &head, 100).await;
        published.wait_for(|size| *size == head.size()).await.unwrap();
        assert_eq!(check_files(&*objects, &[]).await, head.size());
    }
    append(&*journal, &head, 1).await;
    journal.open(LOG).await.unwrap();
    assert!(matches!(task.await.unwrap(), Err(Error::Fenced { .. })));
}
