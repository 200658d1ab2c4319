//! Tiles and bundles.

use std::str::from_utf8;

use countersign_tlog::{
    Entries, Level, MAX_BUNDLE_BYTES, TILE_WIDTH, Tile, decode_bundle, decode_hashes, encode_bundle, encode_hashes,
    pack, unpack,
};
use countersign_verify::{append_vault_entry, decode_vault_bundle};

/// The first line is a path, the rest a tile's bytes. One tile has one path; hashes are written again as read.
pub fn tile(data: &[u8]) {
    let (path, bytes) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[][..]),
    };
    let Ok(path) = from_utf8(path) else { return };
    let Ok(tile) = Tile::from_path(path) else { return };
    assert_eq!(tile.path(), path, "one tile, one path");
    assert_eq!(Tile::new(tile.level(), tile.index(), tile.width()), Ok(tile));
    let shift = match tile.level() {
        Level::Entries => 0,
        Level::Hashes(level) => 8 * u32::from(level),
    };
    let size = (tile.start() + u64::from(tile.width())) << shift;
    assert_eq!(Tile::in_tree(tile.level(), tile.index(), size), Some(tile), "the smallest tree that has it");
    assert_ne!(Tile::in_tree(tile.level(), tile.index(), size - 1), Some(tile), "a tree that is too small");
    if let Some(full) = tile.full() {
        assert_eq!((full.start(), full.width()), (tile.start(), TILE_WIDTH));
        assert_eq!(Tile::from_path(&full.path()), Ok(full));
    }
    match decode_hashes(&tile, bytes) {
        Ok(hashes) => {
            assert_eq!(hashes.len(), usize::from(tile.width()));
            assert_eq!(encode_hashes(&hashes), bytes, "written as read");
        }
        Err(_) => assert_ne!(bytes.len(), usize::from(tile.width()) * 32),
    }
}

/// The first byte is how many entries are expected (0: 256), the rest a bundle, of entries and of vault entries. What is
/// read is written again byte for byte; one entry more or less is refused.
pub fn bundle(data: &[u8]) {
    let Some((expected, bytes)) = data.split_first() else { return };
    let expected = if *expected == 0 { TILE_WIDTH } else { u16::from(*expected) };
    let walked: Result<Vec<&[u8]>, _> = Entries::new(bytes).collect();
    match decode_bundle(bytes, expected) {
        Ok(entries) => {
            assert_eq!(encode_bundle(&entries).as_deref(), Ok(bytes), "written as read");
            assert_eq!(walked.as_ref(), Ok(&entries), "walked as read");
            assert!(decode_bundle(bytes, expected - 1).is_err() && decode_bundle(bytes, expected + 1).is_err());
        }
        Err(_) => assert!(walked.is_err() || walked.is_ok_and(|entries| entries.len() != usize::from(expected))),
    }
    if let Ok(entries) = decode_vault_bundle(bytes, expected) {
        let mut written = Vec::new();
        entries.iter().for_each(|entry| append_vault_entry(&mut written, entry));
        assert_eq!(written, bytes, "the vault's, written as read");
        assert_eq!(entries.len(), usize::from(expected));
        assert!(decode_vault_bundle(bytes, expected - 1).is_err());
    }
}

/// What follows a packed bundle's checksum; the checksum is made to fit, so that mutations reach the decoder. Unpacks to
/// what it says, or is refused; packs again; and one changed bit anywhere is seen.
pub fn packed(data: &[u8]) {
    let _ = unpack(data);
    let packed = framed(data);
    let Ok(bundle) = unpack(&packed) else { return };
    assert!(bundle.len() <= MAX_BUNDLE_BYTES);
    let length = &data[data.len() - 4..];
    assert_eq!(u32::try_from(bundle.len()).map(u32::to_le_bytes).as_ref().map(|own| &own[..]), Ok(length));
    let again = pack(&bundle).expect("what was unpacked packs");
    assert_eq!(unpack(&again).as_ref(), Ok(&bundle));
    for mut changed in [packed, again] {
        let at = (bundle.len() * 31 + data.len()) % changed.len();
        changed[at] ^= 1 << (data.len() % 8);
        assert!(unpack(&changed).is_err(), "byte {at}");
    }
}

/// `rest` behind a packed bundle's header, with the checksum that fits it.
pub fn framed(rest: &[u8]) -> Vec<u8> {
    let header = &pack(b"").expect("nothing packs")[..16];
    [header, &crc32(rest).to_le_bytes(), rest].concat()
}

/// RFC 1952, section 8, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}
