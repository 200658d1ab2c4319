//! A published folder's files, sorted by what they are; each is taken off when it has been checked.

use std::collections::{BTreeMap, BTreeSet};

use countersign_tlog::{Level, TILE_WIDTH, Tile, decode_bundle, unpack};

use crate::bundle::decode_vault_bundle;
use crate::folder::Folder;
use crate::report::Findings;
use crate::verify::VerifyError;

/// The signed checkpoint.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// The log's vkey and a newline, where the folder brings it along.
pub(crate) const VKEY: &str = "log.vkey";

/// The two kinds of bundle, which share their addressing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Entries,
    Vault,
}

impl Kind {
    fn path(self, tile: Tile) -> String {
        match self {
            Kind::Entries => tile.path(),
            Kind::Vault => tile.path().replacen("tile/entries", "vault", 1),
        }
    }

    pub(crate) fn decode(self, bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, String> {
        match self {
            Kind::Entries => decode_bundle(bytes, width).map_err(|error| error.to_string()),
            Kind::Vault => decode_vault_bundle(bytes, width).map_err(|error| error.to_string()),
        }
    }

    fn prefix(self) -> usize {
        match self {
            Kind::Entries => 2,
            Kind::Vault => 4,
        }
    }

    /// Length of the first `width` entries as stored.
    fn length(self, entries: &[&[u8]], width: u16) -> usize {
        entries.iter().take(usize::from(width)).map(|entry| entry.len() + self.prefix()).sum()
    }
}

/// What a path addresses. Vault bundles count as another level.
type Slot = (Kind, Level, u64);

pub(crate) struct Shelf<'a> {
    folder: &'a dyn Folder,
    growing: bool,
    widths: BTreeMap<Slot, BTreeSet<u16>>,
    /// Indexes of the full entry bundles that lie there packed.
    packed: BTreeSet<u64>,
    unexpected: Vec<String>,
    /// Full entry bundles that lie there in both forms.
    twice: Vec<Tile>,
    vkey: bool,
}

impl<'a> Shelf<'a> {
    pub(crate) fn new(folder: &'a dyn Folder, growing: bool) -> Result<Self, VerifyError> {
        let mut shelf = Shelf {
            folder,
            growing,
            widths: BTreeMap::new(),
            packed: BTreeSet::new(),
            unexpected: Vec::new(),
            twice: Vec::new(),
            vkey: false,
        };
        for path in folder.list().map_err(|source| VerifyError { path: ".".to_owned(), source })? {
            shelf.put(path);
        }
        Ok(shelf)
    }

    fn put(&mut self, path: String) {
        let kind = if path.starts_with("vault/") { Kind::Vault } else { Kind::Entries };
        let as_tile = match kind {
            Kind::Vault => path.replacen("vault", "tile/entries", 1),
            Kind::Entries => path.clone(),
        };
        let packed = Tile::from_packed_path(&path).ok();
        match packed.map_or_else(|| Tile::from_path(&as_tile), Ok) {
            Ok(tile) => {
                self.packed.extend(packed.map(|tile| tile.index()));
                let widths = self.widths.entry((kind, tile.level(), tile.index())).or_default();
                if !widths.insert(tile.width()) {
                    self.twice.push(tile);
                }
            }
            Err(_) if path == CHECKPOINT => {}
            Err(_) if path == VKEY => self.vkey = true,
            // A writer puts a file in its place by renaming it from `<name>#<number>`.
            Err(_) if self.growing && path.contains('#') => {}
            Err(_) => self.unexpected.push(path),
        }
    }

    pub(crate) fn read(&self, path: &str) -> Result<Option<Vec<u8>>, VerifyError> {
        self.folder.read(path).map_err(|source| VerifyError { path: path.to_owned(), source })
    }

    /// Where a tile or bundle lies.
    pub(crate) fn place(&self, kind: Kind, tile: Tile) -> String {
        self.packed_place(kind, tile).unwrap_or_else(|| kind.path(tile))
    }

    /// Where it lies packed, if it does.
    fn packed_place(&self, kind: Kind, tile: Tile) -> Option<String> {
        tile.packed_path().filter(|_| kind == Kind::Entries && self.packed.contains(&tile.index()))
    }

    /// The bytes of a bundle, unpacked, or what is wrong with its file; nothing where it is missing.
    fn load(&self, kind: Kind, bundle: Tile) -> Result<Option<Result<Vec<u8>, String>>, VerifyError> {
        let Some(place) = self.packed_place(kind, bundle) else { return Ok(self.read(&kind.path(bundle))?.map(Ok)) };
        Ok(self.read(&place)?.map(|bytes| unpack(&bytes).map_err(|error| error.to_string())))
    }

    pub(crate) fn has_vkey(&self) -> bool {
        self.vkey
    }

    pub(crate) fn is_growing(&self) -> bool {
        self.growing
    }

    /// Takes the widths that are stored of one tile or bundle.
    pub(crate) fn take(&mut self, kind: Kind, tile: Tile) -> BTreeSet<u16> {
        self.widths.remove(&(kind, tile.level(), tile.index())).unwrap_or_default()
    }

    /// Among the stored widths the one to read `tile` from: its own; in a growing log also a wider one.
    pub(crate) fn source(&self, stored: &BTreeSet<u16>, tile: Tile) -> Option<u16> {
        let own = stored.contains(&tile.width()).then(|| tile.width());
        own.or_else(|| stored.range(tile.width()..).next().copied().filter(|_| self.growing))
    }

    /// Reports stored widths beyond the checkpoint; a growing log may be ahead of it.
    pub(crate) fn check_beyond(&self, kind: Kind, stored: &BTreeSet<u16>, tile: Tile, findings: &mut Findings) {
        if self.growing {
            return;
        }
        for width in stored.range(tile.width() + 1..) {
            if let Ok(wider) = Tile::new(tile.level(), tile.index(), *width) {
                findings.add(self.place(kind, wider), "it reaches beyond the checkpoint: nothing vouches for its end");
            }
        }
    }

    /// Reads one bundle, and checks what is stored of it at other widths. `None` after a finding.
    pub(crate) fn bundle(
        &mut self,
        kind: Kind,
        tile: Tile,
        findings: &mut Findings,
    ) -> Result<Option<Bundle>, VerifyError> {
        let stored = self.take(kind, tile);
        self.check_beyond(kind, &stored, tile, findings);
        let source = self.source(&stored, tile).and_then(|width| Tile::new(tile.level(), tile.index(), width).ok());
        let Some(source) = source else {
            findings.add(kind.path(tile), "it is missing");
            return Ok(None);
        };
        let bytes = match self.load(kind, source)? {
            Some(Ok(bytes)) => bytes,
            Some(Err(problem)) => {
                findings.add(self.place(kind, source), problem);
                return Ok(None);
            }
            None => {
                findings.add(self.place(kind, source), "it is missing");
                return Ok(None);
            }
        };
        let decoded = kind.decode(&bytes, source.width());
        let lengths: Vec<usize> = match decoded {
            Ok(entries) => {
                let others = stored.into_iter().filter(|width| *width != source.width());
                self.check_others(kind, tile, others, &bytes, &entries, findings)?;
                entries.iter().take(usize::from(tile.width())).map(|entry| entry.len()).collect()
            }
            Err(problem) => {
                findings.add(self.place(kind, source), problem);
                return Ok(None);
            }
        };
        Ok(Some(Bundle { kind, bytes, lengths }))
    }

    /// Narrower ones are this bundle's beginning; in a growing log wider ones begin with it.
    fn check_others(
        &self,
        kind: Kind,
        tile: Tile,
        others: impl Iterator<Item = u16>,
        bytes: &[u8],
        entries: &[&[u8]],
        findings: &mut Findings,
    ) -> Result<(), VerifyError> {
        for width in others.filter(|width| *width < tile.width() || self.growing) {
            let Ok(other) = Tile::new(tile.level(), tile.index(), width) else { continue };
            let shared = kind.length(entries, width.min(tile.width()));
            let found = match self.load(kind, other)?.unwrap_or_else(|| Ok(Vec::new())) {
                Ok(found) => found,
                Err(problem) => {
                    findings.add(self.place(kind, other), problem);
                    continue;
                }
            };
            let same = found.get(..shared) == bytes.get(..shared);
            if !same || (width <= tile.width() && found.len() != shared) {
                findings.add(self.place(kind, other), format!("it does not fit {}", self.place(kind, tile)));
            }
        }
        Ok(())
    }

    /// Reports every file that has not been taken.
    pub(crate) fn report_left(mut self, without_vault: bool, findings: &mut Findings) -> Result<(), VerifyError> {
        for path in std::mem::take(&mut self.unexpected) {
            findings.add(path, "a published log has no such file");
        }
        for bundle in std::mem::take(&mut self.twice) {
            // A writer packs an older version's bundle that was never published, and then takes it away.
            let plain = self.read(&bundle.path())?;
            let packed = self.load(Kind::Entries, bundle)?.and_then(Result::ok);
            let same = packed.is_some() && packed == plain;
            if !(self.growing && same) {
                let what = "the same bundle lies there twice, packed and not: one is too many";
                findings.add(self.place(Kind::Entries, bundle), what);
            }
        }
        for ((kind, level, index), widths) in std::mem::take(&mut self.widths) {
            if self.growing || (without_vault && kind == Kind::Vault) {
                continue;
            }
            for width in widths {
                if let Ok(tile) = Tile::new(level, index, width) {
                    findings.add(self.place(kind, tile), "it lies beyond the checkpoint: nothing vouches for it");
                }
            }
        }
        Ok(())
    }
}

/// A bundle's bytes and where its entries lie in them.
pub(crate) struct Bundle {
    kind: Kind,
    bytes: Vec<u8>,
    lengths: Vec<usize>,
}

impl Bundle {
    /// The entries in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &[u8]> {
        let prefix = self.kind.prefix();
        self.lengths.iter().scan(0usize, move |at, length| {
            let start = *at + prefix;
            *at = start + length;
            self.bytes.get(start..*at)
        })
    }
}

/// How many bundles a log of `size` records has.
pub(crate) fn bundles(size: u64) -> u64 {
    size.div_ceil(u64::from(TILE_WIDTH))
}
