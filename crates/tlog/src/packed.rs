//! Packed bundles: a full entry bundle as it lies in a folder, in gzip (RFC 1952) of which every byte counts.
//!
//! Envelopes repeat each other, so that packing makes a bundle four to five times smaller; every tool that reads gzip
//! reads it. But gzip has bytes that mean nothing (a time, the last bits of a stream), in which a change would go unseen.
//! So the header has one spelling, and its extra field `CS` holds the CRC-32 of all that follows it. It is no protection
//! against anybody: that is the tree over the entries.

use flate2::{Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress, Status};

use crate::bundle::MAX_ENTRY_BYTES;
use crate::tile::TILE_WIDTH;

/// Longest full bundle in bytes, unpacked: 256 entries of [`MAX_ENTRY_BYTES`], each after its length.
pub const MAX_BUNDLE_BYTES: usize = TILE_WIDTH as usize * (MAX_ENTRY_BYTES + 2);

/// Deflate, an extra field, no time, no flags, of an unknown system; the extra field of 8 bytes: `CS`, 4 bytes.
const HEADER: [u8; 16] = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 8, 0, b'C', b'S', 4, 0];
/// Above it a bundle gets little smaller, and takes much longer.
const LEVEL: u32 = 2;

/// Why bytes are not a packed bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PackedError {
    /// It does not begin as a packed bundle begins.
    #[error("it does not have a packed bundle's header; fetch it again")]
    Header,
    /// The checksum in the header is not that of what follows.
    #[error("it has changed (its checksum does not fit); fetch it again")]
    Checksum,
    /// What follows the header is no deflate stream (RFC 1951) of the length and checksum that stand at its end.
    #[error("it does not unpack to what it says; fetch it again")]
    Content,
    /// More than [`MAX_BUNDLE_BYTES`].
    #[error("it says that it unpacks to {0} bytes; a bundle has at most {MAX_BUNDLE_BYTES}")]
    TooLong(u32),
    /// The bytes could not be packed.
    #[error("a bundle of {0} bytes could not be packed")]
    Unpackable(usize),
}

/// The packed form of a bundle's bytes.
///
/// # Errors
/// [`PackedError::Unpackable`] above [`MAX_BUNDLE_BYTES`], or where the compressor gives up.
pub fn pack(bundle: &[u8]) -> Result<Vec<u8>, PackedError> {
    let unpackable = PackedError::Unpackable(bundle.len());
    let length = u32::try_from(bundle.len()).ok().filter(|_| bundle.len() <= MAX_BUNDLE_BYTES).ok_or(unpackable)?;
    let mut packed = Vec::with_capacity(HEADER.len() + 12 + bundle.len() / 2);
    packed.extend_from_slice(&HEADER);
    packed.extend_from_slice(&[0; 4]);
    let mut deflate = Compress::new(Compression::new(LEVEL), false);
    loop {
        let rest = bundle.get(usize::try_from(deflate.total_in()).unwrap_or_default()..).unwrap_or_default();
        match deflate.compress_vec(rest, &mut packed, FlushCompress::Finish) {
            Ok(Status::StreamEnd) => break,
            Ok(_) => packed.reserve(bundle.len() / 2 + 64),
            Err(_) => return Err(unpackable),
        }
    }
    packed.extend_from_slice(&crc(bundle).to_le_bytes());
    packed.extend_from_slice(&length.to_le_bytes());
    let checksum = packed.get(HEADER.len() + 4..).map(crc).unwrap_or_default();
    if let Some(place) = packed.get_mut(HEADER.len()..HEADER.len() + 4) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
    Ok(packed)
}

/// What follows the header and its checksum, which must fit: then nothing has changed since it was packed.
///
/// # Errors
/// [`PackedError::Header`] or [`PackedError::Checksum`].
pub fn check_packed(packed: &[u8]) -> Result<&[u8], PackedError> {
    let rest = packed.strip_prefix(&HEADER).ok_or(PackedError::Header)?;
    let (checksum, rest) = rest.split_first_chunk::<4>().ok_or(PackedError::Header)?;
    if crc(rest) == u32::from_le_bytes(*checksum) { Ok(rest) } else { Err(PackedError::Checksum) }
}

/// Deflate packs at most about 1,032 to 1: what states more is refused before it gets memory.
fn may_unpack_to(length: usize, stream: &[u8]) -> bool {
    length / 1_040 <= stream.len()
}

/// The bundle's bytes.
///
/// # Errors
/// [`PackedError`], also where any one byte was changed, is missing or too many.
pub fn unpack(packed: &[u8]) -> Result<Vec<u8>, PackedError> {
    let rest = check_packed(packed)?;
    let (rest, length) = rest.split_last_chunk::<4>().ok_or(PackedError::Content)?;
    let (stream, content) = rest.split_last_chunk::<4>().ok_or(PackedError::Content)?;
    let stated = u32::from_le_bytes(*length);
    let length = usize::try_from(stated).ok().filter(|length| *length <= MAX_BUNDLE_BYTES);
    let length = length.ok_or(PackedError::TooLong(stated))?;
    if !may_unpack_to(length, stream) {
        return Err(PackedError::Content);
    }
    let mut bundle = Vec::with_capacity(length);
    let mut inflate = Decompress::new(false);
    let ended = inflate.decompress_vec(stream, &mut bundle, FlushDecompress::Finish);
    let whole = matches!(ended, Ok(Status::StreamEnd)) && inflate.total_in() == stream.len() as u64;
    if whole && bundle.len() == length && crc(&bundle) == u32::from_le_bytes(*content) {
        Ok(bundle)
    } else {
        Err(PackedError::Content)
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Read;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    fn bundles() -> impl Strategy<Value = Vec<u8>> {
        let noise = proptest::collection::vec(any::<u8>(), 0..300);
        (noise, 0..40usize).prop_map(|(noise, times)| noise.repeat(times))
    }

    proptest! {
        #[test]
        fn round_trip_and_every_gzip_reader_reads_it(bundle in bundles()) {
            let packed = pack(&bundle).unwrap();
            prop_assert_eq!(&unpack(&packed).unwrap(), &bundle);
            let mut read = Vec::new();
            GzDecoder::new(&packed[..]).read_to_end(&mut read).unwrap();
            prop_assert_eq!(read, bundle);
        }

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80), begun: bool) {
            let begin: &[u8] = if begun { &HEADER } else { &[] };
            let _ = unpack(&[begin, &bytes].concat());
        }
    }

    #[test]
    fn any_changed_bit_byte_too_many_or_missing_is_seen() {
        let packed = pack(&b"{\"v\":1} ".repeat(100)).unwrap();
        for at in 0..packed.len() {
            for bit in 0..8 {
                let mut changed = packed.clone();
                changed[at] ^= 1 << bit;
                assert!(unpack(&changed).is_err(), "bit {bit} of byte {at}");
            }
            assert!(unpack(&packed[..at]).is_err(), "cut to {at}");
        }
        assert!(unpack(&[&packed[..], b"\0"].concat()).is_err());
        assert!(unpack(&[&packed[..], &packed].concat()).is_err());
    }

    #[test]
    fn what_says_that_it_is_too_long_gets_no_memory() {
        let mut packed = pack(b"short").unwrap();
        let end = packed.len();
        for (length, error) in
            [(u32::MAX, PackedError::TooLong(u32::MAX)), (16_000_000, PackedError::Content), (6, PackedError::Content)]
        {
            packed[end - 4..].copy_from_slice(&length.to_le_bytes());
            let checksum = crc(&packed[20..]);
            packed[16..20].copy_from_slice(&checksum.to_le_bytes());
            assert_eq!(unpack(&packed), Err(error));
        }
        assert!(!may_unpack_to(16_000_000, &[0; 10_000]) && may_unpack_to(10_320_000, &[0; 10_000]));
        assert_eq!(pack(&vec![0; MAX_BUNDLE_BYTES + 1]), Err(PackedError::Unpackable(MAX_BUNDLE_BYTES + 1)));
    }

    #[test]
    fn the_longest_bundle_packs() {
        for byte in [0u8, 7] {
            let bundle = vec![byte; MAX_BUNDLE_BYTES];
            assert_eq!(unpack(&pack(&bundle).unwrap()).unwrap(), bundle);
        }
    }
}
