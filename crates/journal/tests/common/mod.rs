//! A log's files, checked by an oracle that knows nothing of the code under test; and a store that dies.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use countersign_journal::{Batch, Entry, Head, Journal, LogId, MemoryJournal, Priority};
use countersign_tlog::{Checkpoint, Hash, Level, Note, Signer, leaf_hash, node_hash, tiles_for};
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result as StoreResult,
};
use uuid::Uuid;

pub const ORIGIN: &str = "test.example/log";
pub const LOG: LogId = LogId(Uuid::from_u128(42));

pub fn signer() -> Signer {
    Signer::from_seed(ORIGIN, &[9; 32]).unwrap()
}

pub fn entry(position: u64) -> Entry {
    let vault = if position % 3 == 2 { Bytes::new() } else { format!("vault of {position} ").repeat(3).into() };
    Entry { envelope: format!("{{\"record\":{position}}}").into(), vault }
}

/// Appends `count` entries after `head`, in one batch.
pub async fn append(journal: &dyn Journal, head: &Head, count: u64) -> Head {
    let entries = (head.size()..head.size() + count).map(entry).collect();
    journal.append(head, Batch { entries, priority: Priority::New }).await.unwrap()
}

pub async fn new_log() -> (Arc<MemoryJournal>, Head) {
    let journal = Arc::new(MemoryJournal::new());
    journal.create(LOG).await.unwrap();
    let head = journal.open(LOG).await.unwrap();
    (journal, head)
}

/// RFC 6962, section 2.1, by its recursive definition.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => countersign_tlog::EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&root(left), &root(right))
        }
    }
}

fn group(level: u8, leaves: &[Hash]) -> Vec<Hash> {
    let size = 256usize.pow(u32::from(level));
    leaves.chunks_exact(size).map(root).collect()
}

pub async fn get(objects: &dyn ObjectStore, path: &str) -> Option<Bytes> {
    objects.get(&Path::from(path)).await.ok()?.bytes().await.ok()
}

/// A partial file may have been replaced by the full one: C2SP tlog-tiles tells clients to look there. Full entry bundles
/// are packed.
async fn get_or_full(objects: &dyn ObjectStore, path: &str) -> Vec<u8> {
    let full = path.split(".p/").next().unwrap();
    for candidate in [path, full] {
        if let Some(found) = get(objects, candidate).await {
            return found.to_vec();
        }
    }
    let packed = get(objects, &format!("{full}.gz")).await.unwrap_or_else(|| panic!("{path} is missing"));
    countersign_tlog::unpack(&packed).unwrap()
}

/// Reads length-prefixed items, the length in `prefix` bytes.
fn items(mut bytes: &[u8], prefix: usize) -> Vec<Vec<u8>> {
    let mut items = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_at(prefix);
        let length = length.iter().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
        let (item, rest) = rest.split_at(length);
        items.push(item.to_vec());
        bytes = rest;
    }
    items
}

/// Checks every file that the folder's checkpoint covers; returns its size. `erased` positions have no vault entry.
pub async fn check_files(objects: &dyn ObjectStore, erased: &[u64]) -> u64 {
    let Some(note) = get(objects, "checkpoint").await else { return 0 };
    let (checkpoint, _) = Checkpoint::open(&note, [signer().verifier()]).unwrap();
    let entries: Vec<Entry> = (0..checkpoint.size()).map(entry).collect();
    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(&entry.envelope)).collect();
    assert_eq!(root(&leaves), checkpoint.root(), "root of size {}", checkpoint.size());
    for tile in tiles_for(0, checkpoint.size()) {
        let Level::Hashes(level) = tile.level() else { continue };
        let hashes = &group(level, &leaves)[tile.start() as usize..][..usize::from(tile.width())];
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        let mut stored = get_or_full(objects, &tile.path()).await;
        stored.truncate(bytes.len());
        assert_eq!(stored, bytes, "{tile} at size {}", checkpoint.size());
    }
    for (index, chunk) in entries.chunks(256).enumerate() {
        let suffix = if chunk.len() == 256 { format!("{index:03}") } else { format!("{index:03}.p/{}", chunk.len()) };
        let bundle = get_or_full(objects, &format!("tile/entries/{suffix}")).await;
        let vault = get_or_full(objects, &format!("vault/{suffix}")).await;
        let first = |bytes, prefix| items(bytes, prefix).into_iter().take(chunk.len()).collect::<Vec<_>>();
        assert_eq!(first(&bundle, 2), chunk.iter().map(|entry| entry.envelope.to_vec()).collect::<Vec<_>>());
        let expected = |(place, entry): (usize, &Entry)| {
            let gone = erased.contains(&((index * 256 + place) as u64));
            if gone { Vec::new() } else { entry.vault.to_vec() }
        };
        assert_eq!(first(&vault, 4), chunk.iter().enumerate().map(expected).collect::<Vec<_>>());
    }
    checkpoint.size()
}

/// The signed note in the journal.
pub async fn published(journal: &dyn Journal) -> Option<Note> {
    journal.published(LOG).await.unwrap()
}

/// Dies at the k-th operation, before or after it has happened: from then on nothing happens any more.
#[derive(Debug)]
pub struct MortalStore {
    inner: Arc<dyn ObjectStore>,
    left: AtomicU64,
    happens: AtomicBool,
}

impl MortalStore {
    pub fn new(inner: Arc<dyn ObjectStore>, k: u64, happens: bool) -> Self {
        MortalStore { inner, left: AtomicU64::new(k), happens: AtomicBool::new(happens) }
    }

    pub fn is_dead(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }

    /// Whether the operation happens, and whether it is answered.
    fn turn(&self) -> (bool, bool) {
        match self.left.load(Ordering::SeqCst) {
            0 => (false, false),
            1 => {
                self.left.store(0, Ordering::SeqCst);
                (self.happens.load(Ordering::SeqCst), false)
            }
            left => {
                self.left.store(left - 1, Ordering::SeqCst);
                (true, true)
            }
        }
    }

    async fn pass<T>(&self, call: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        let lost = || Err(object_store::Error::Generic { store: "mortal", source: "dead".into() });
        match self.turn() {
            (true, true) => call.await,
            (true, false) => call.await.and_then(|_| lost()),
            _ => lost(),
        }
    }
}

impl fmt::Display for MortalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mortal")
    }
}

#[async_trait]
impl ObjectStore for MortalStore {
    async fn put_opts(&self, at: &Path, payload: PutPayload, options: PutOptions) -> StoreResult<PutResult> {
        self.pass(self.inner.put_opts(at, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> StoreResult<GetResult> {
        if self.is_dead() {
            self.pass(self.inner.get_opts(at, options)).await
        } else {
            self.inner.get_opts(at, options).await
        }
    }

    fn delete_stream(&self, paths: BoxStream<'static, StoreResult<Path>>) -> BoxStream<'static, StoreResult<Path>> {
        let lost = || Err(object_store::Error::Generic { store: "mortal", source: "dead".into() });
        let inner = Arc::clone(&self.inner);
        let turn = self.turn();
        paths
            .then(move |path| {
                let inner = Arc::clone(&inner);
                async move {
                    let path = path?;
                    if turn.0 {
                        inner.delete(&path).await?;
                    }
                    if turn.1 { Ok(path) } else { lost() }
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
