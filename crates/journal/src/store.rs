//! The published log as files: checkpoint, hash tiles, entry bundles (C2SP tlog-tiles) and the vault beside them.
//!
//! `checkpoint`, `tile/<level>/<index>[.p/<width>]`, `tile/entries/<index>.p/<width>` and, once it is full,
//! `tile/entries/<index>.gz`, `vault/<index>[.p/<width>]`. Full bundles of older versions lie there as they are, without `.gz`.

use std::io::ErrorKind;
use std::path::Path as FsPath;
use std::sync::Arc;

use bytes::Bytes;
use countersign_tlog::{Level, Note, Tile, check_packed, decode_bundle, unpack};
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use parking_lot::Mutex;

use crate::cache::Cache;
use crate::error::Error;
use crate::journal::Entry;
use crate::vault_bundle;

const CHECKPOINT: &str = "checkpoint";
const WRITES_AT_ONCE: usize = 32;
/// Unpacked bundles kept: at least so many, at most twice that. The records of a story lie together.
const KEPT_BUNDLES: usize = 16;
/// Longest bundle that is kept, in bytes.
const MOST_KEPT: usize = 1 << 20;

/// A folder (or bucket) that holds one published log. One process writes to it at a time.
#[derive(Debug, Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    /// Full entry bundles read lately, which never change. (Vault bundles do: what is erased must be gone.)
    unpacked: Arc<Mutex<Cache<Tile, Bytes>>>,
}

impl Store {
    /// The log in a folder of the file system, which is created. Files and folders are synced before a write returns.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] or [`Error::Full`].
    pub fn in_folder(folder: &FsPath) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(|cause| crate::folder::unwritable(folder, &cause))?;
        remove_staged(folder).map_err(|cause| crate::folder::unwritable(folder, &cause))?;
        let local =
            LocalFileSystem::new_with_prefix(folder).map_err(|cause| failed("opening the log's folder", cause))?;
        Ok(Store::new(Arc::new(local.with_fsync(true).with_automatic_cleanup(true))))
    }

    /// The log in any object store whose writes are durable when they return.
    pub fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Store { objects, unpacked: Arc::new(Mutex::new(Cache::new(KEPT_BUNDLES))) }
    }

    /// The checkpoint that readers see.
    ///
    /// # Errors
    /// [`Error::Storage`], or [`Error::Corrupt`] if it is no signed note. Signatures are not verified here.
    pub async fn checkpoint(&self) -> Result<Option<Note>, Error> {
        let Some(bytes) = self.get(CHECKPOINT).await? else { return Ok(None) };
        let note = Note::parse(&bytes).map_err(|cause| Error::corrupt(format!("the published checkpoint: {cause}")))?;
        Ok(Some(note))
    }

    pub(crate) async fn put_checkpoint(&self, note: &Note) -> Result<(), Error> {
        self.put(CHECKPOINT, note.to_bytes().into()).await
    }

    /// The bytes of a hash tile or an entry bundle, unpacked, as C2SP tlog-tiles has them.
    ///
    /// # Errors
    /// [`Error::Storage`]; [`Error::Corrupt`] where it does not unpack.
    pub async fn tile(&self, tile: Tile) -> Result<Option<Bytes>, Error> {
        let Some(path) = tile.packed_path() else { return self.get(&tile.path()).await };
        if let Some(kept) = self.unpacked.lock().get(&tile) {
            return Ok(Some(kept));
        }
        let Some(packed) = self.get(&path).await? else { return self.get(&tile.path()).await };
        let bundle = unpack_file(&path, &packed)?;
        if bundle.len() <= MOST_KEPT {
            self.unpacked.lock().put(tile, bundle.clone());
        }
        Ok(Some(bundle))
    }

    /// The bytes of a full entry bundle as it lies there packed (gzip), for whoever takes it so.
    ///
    /// # Errors
    /// [`Error::Storage`]; [`Error::Corrupt`] where it has changed since it was packed.
    pub async fn packed(&self, bundle: Tile) -> Result<Option<Bytes>, Error> {
        let Some(path) = bundle.packed_path() else { return Ok(None) };
        let Some(packed) = self.get(&path).await? else { return Ok(None) };
        check_packed(&packed).map_err(|cause| Error::corrupt(format!("{path}: {cause}")))?;
        Ok(Some(packed))
    }

    /// Writes a tile, or a bundle in the form in which it is stored. What lies there already must hold the same; it is
    /// written again all the same, since whoever wrote it may have died before it was durable.
    pub(crate) async fn put_tile(&self, tile: Tile, stored: Bytes) -> Result<(), Error> {
        let path = tile.path();
        let holds_others = || Error::corrupt(format!("{tile} holds other bytes than the journal"));
        let Some(packed_path) = tile.packed_path() else {
            return match self.get(&path).await? {
                Some(old) if old != stored => Err(holds_others()),
                _ => self.put(&path, stored).await,
            };
        };
        let (packed, plain) = (self.get(&packed_path).await?, self.get(&path).await?);
        if packed.is_some() || plain.is_some() {
            let new = unpack_file(&packed_path, &stored)?;
            let old = packed.map(|packed| unpack_file(&packed_path, &packed)).transpose()?;
            if old.iter().chain(&plain).any(|old| *old != new) {
                return Err(holds_others());
            }
        }
        self.put(&packed_path, stored).await?;
        match plain {
            // An older version's: one of the two would be too many.
            Some(_) => self.delete(&path).await,
            None => Ok(()),
        }
    }

    /// Writes a vault bundle beside its entry bundle; what was deleted from it stays deleted.
    pub(crate) async fn put_vault(&self, bundle: Tile, bytes: Bytes) -> Result<(), Error> {
        let path = vault_path(bundle);
        let bytes = match self.get(&path).await? {
            Some(old) => vault_bundle::merge(&path, old, bytes, bundle.width())?.into(),
            None => bytes,
        };
        self.put(&path, bytes).await
    }

    /// The entries of one bundle with what is beside them in the vault, of a tree in which the bundle has this width;
    /// taken from the full one where the partial one is gone. `None` if either file is missing.
    pub(crate) async fn bundle(&self, bundle: Tile) -> Result<Option<Vec<Entry>>, Error> {
        for candidate in [Some(bundle), bundle.full().filter(|_| bundle.is_partial())].into_iter().flatten() {
            let envelopes = self.tile(candidate).await?;
            let (Some(envelopes), Some(vaults)) = (envelopes, self.get(&vault_path(candidate)).await?) else {
                continue;
            };
            let decoded = decode_bundle(&envelopes, candidate.width());
            let decoded = decoded.map_err(|cause| Error::corrupt(format!("{candidate}: {cause}")))?;
            let decoded = decoded.into_iter().map(|entry| envelopes.slice_ref(entry)).collect();
            let vaults = vault_bundle::decode(vaults, candidate.width())
                .ok_or_else(|| Error::corrupt(format!("{} is not a vault bundle", vault_path(candidate))))?;
            let mut entries = vault_bundle::join(decoded, vaults);
            entries.truncate(usize::from(bundle.width()));
            return Ok(Some(entries));
        }
        Ok(None)
    }

    /// Deletes the vault entries at these positions from every file that holds them: they have length 0 then. Doing it
    /// again is harmless. Goes through [`crate::Materializer::erase`], which knows what lies in the journal.
    pub(crate) async fn delete_vault_entries(&self, positions: &[u64]) -> Result<(), Error> {
        let mut indexes: Vec<u64> = positions.iter().map(|position| position / 256).collect();
        indexes.sort_unstable();
        indexes.dedup();
        for index in indexes {
            let places: Vec<usize> =
                positions.iter().filter(|at| **at / 256 == index).map(|at| (at % 256) as usize).collect();
            let Ok(full) = Tile::new(Level::Entries, index, 256) else { continue };
            for bundle in self.partials(&vault_path(full), full).await?.into_iter().chain([full]) {
                self.blank(bundle, &places).await?;
            }
        }
        Ok(())
    }

    async fn blank(&self, bundle: Tile, places: &[usize]) -> Result<(), Error> {
        let path = vault_path(bundle);
        let Some(bytes) = self.get(&path).await? else { return Ok(()) };
        let mut vaults = vault_bundle::decode(bytes, bundle.width())
            .ok_or_else(|| Error::corrupt(format!("{path} is not a vault bundle")))?;
        for place in places {
            if let Some(vault) = vaults.get_mut(*place) {
                *vault = Bytes::new();
            }
        }
        self.put(&path, vault_bundle::encode(vaults.iter()).into()).await
    }

    /// Removes the partial tiles that a full one has replaced.
    pub(crate) async fn drop_partials_of(&self, full: Tile) -> Result<(), Error> {
        for partial in self.partials(&full.path(), full).await? {
            self.delete(&partial.path()).await?;
        }
        Ok(())
    }

    /// Removes the partial vault bundles of a bundle's position, but for the bundle itself: unlike tiles nobody needs
    /// them for proofs, and erasing has fewer places to look.
    pub(crate) async fn drop_vaults_but(&self, bundle: Tile) -> Result<(), Error> {
        let Some(full) = bundle.full() else { return Ok(()) };
        for partial in self.partials(&vault_path(full), full).await? {
            if partial != bundle {
                self.delete(&vault_path(partial)).await?;
            }
        }
        Ok(())
    }

    /// The partial ones of a full tile that lie in the folder beside `path`.
    async fn partials(&self, path: &str, full: Tile) -> Result<Vec<Tile>, Error> {
        let folder = Path::from(format!("{path}.p"));
        let found = self.objects.list(Some(&folder)).try_collect::<Vec<_>>().await;
        let found = found.map_err(|cause| failed("listing partial tiles", cause))?;
        let width = |name: &str| name.parse::<u16>().ok().filter(|width| *width < 256);
        let names = found.iter().filter_map(|object| object.location.filename().and_then(width));
        Ok(names.filter_map(|width| Tile::new(full.level(), full.index(), width).ok()).collect())
    }

    async fn get(&self, path: &str) -> Result<Option<Bytes>, Error> {
        let read = async { self.objects.get(&Path::from(path)).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(cause) => Err(failed("reading the published log", cause)),
        }
    }

    async fn put(&self, path: &str, bytes: Bytes) -> Result<(), Error> {
        let written = self.objects.put(&Path::from(path), PutPayload::from(bytes)).await;
        written.map(|_| ()).map_err(|cause| failed("writing the published log", cause))
    }

    async fn delete(&self, path: &str) -> Result<(), Error> {
        match self.objects.delete(&Path::from(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(cause) => Err(failed("tidying the published log", cause)),
        }
    }

    /// Writes several things at a time: their syncs share the disk's journal.
    pub(crate) async fn write_all(&self, writes: Vec<BoxFuture<'_, Result<(), Error>>>) -> Result<(), Error> {
        futures::stream::iter(writes).buffer_unordered(WRITES_AT_ONCE).try_collect().await
    }
}

fn unpack_file(path: &str, packed: &[u8]) -> Result<Bytes, Error> {
    unpack(packed).map(Bytes::from).map_err(|cause| Error::corrupt(format!("{path}: {cause}")))
}

/// Path of the vault bundle beside an entry bundle.
pub(crate) fn vault_path(bundle: Tile) -> String {
    bundle.path().replacen("tile/entries/", "vault/", 1)
}

/// Told apart by what one can do about it. Certain all of them: every write is repeated in full by the next round.
fn failed(doing: &'static str, cause: object_store::Error) -> Error {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&cause);
    while let Some(error) = source {
        match error.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
            Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => return Error::Full,
            Some(ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied) => {
                return Error::ReadOnly { path: "the published log".into(), cause: cause.to_string() };
            }
            _ => source = error.source(),
        }
    }
    Error::storage(doing, cause)
}

/// A process that was killed in the middle of a write leaves `<name>#<number>` behind: no part of the log, and possibly a
/// copy of what has been erased since.
fn remove_staged(folder: &FsPath) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            remove_staged(&entry.path())?;
        } else if name.to_str().is_some_and(is_staged) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn is_staged(name: &str) -> bool {
    let number = name.rsplit_once('#').map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}
