//! Asking [`TileReader`], which is synchronous, with tiles that are fetched asynchronously.

use std::collections::HashMap;

use countersign_tlog::{Hash, ReadError, Tile, TileReader};
use futures::future::BoxFuture;

use crate::error::Error;

/// Gives the bytes of a tile.
pub(crate) type Fetch<'f, 'a> = &'f (dyn Fn(Tile) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>> + Send + Sync + 'a);

/// A reader whose tiles are in memory, or [`Wanted`].
pub(crate) type Prover<'a> = TileReader<&'a (dyn Fn(Tile) -> Result<Option<Vec<u8>>, Wanted> + Sync)>;

/// The tile that a question needs next.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{0} has not been fetched yet")]
pub(crate) struct Wanted(Tile);

/// Answers a question about the tree with this size and root: tries, fetches the tile that was missed, tries again. A
/// proof needs a handful of tiles.
pub(crate) async fn prove<T>(
    (size, root): (u64, Hash),
    fetch: Fetch<'_, '_>,
    question: impl Fn(&mut Prover<'_>) -> Result<T, ReadError<Wanted>>,
) -> Result<T, Error> {
    let mut tiles: HashMap<Tile, Option<Vec<u8>>> = HashMap::new();
    loop {
        let answer = {
            let look_up = |tile| tiles.get(&tile).cloned().ok_or(Wanted(tile));
            question(&mut TileReader::new(size, root, &look_up))
        };
        match answer {
            Ok(answer) => return Ok(answer),
            Err(ReadError::Storage(Wanted(tile))) => {
                let bytes = fetch(tile).await?;
                tiles.insert(tile, bytes);
            }
            Err(ReadError::Proof(cause @ countersign_tlog::ProofError::Root)) => {
                return Err(Error::corrupt(format!("the published tiles: {cause}")));
            }
            Err(ReadError::Proof(cause)) => return Err(Error::storage("proving", cause)),
            Err(cause) => return Err(Error::corrupt(format!("the published log: {cause}"))),
        }
    }
}
