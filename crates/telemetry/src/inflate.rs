//! gzip, with a limit on what comes out.

use std::io::Read;

use flate2::read::MultiGzDecoder;

/// Why a body does not inflate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// It is no gzip.
    #[error("the body is no gzip: {0}")]
    Broken(String),
    /// It is longer than allowed.
    #[error("the body inflates to more than {0} bytes: send smaller batches")]
    TooLarge(usize),
}

/// What was compressed, where that is at most `most` bytes.
///
/// # Errors
/// [`InflateError`]. Little more than `most` bytes are ever held.
pub fn inflate(compressed: &[u8], most: usize) -> Result<Vec<u8>, InflateError> {
    let mut plain = Vec::new();
    let limit = most as u64 + 1;
    let read = MultiGzDecoder::new(compressed).take(limit).read_to_end(&mut plain);
    read.map_err(|error| InflateError::Broken(error.to_string()))?;
    if plain.len() > most { Err(InflateError::TooLarge(most)) } else { Ok(plain) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut out = GzEncoder::new(Vec::new(), Compression::best());
        out.write_all(plain).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn what_inflates_too_far_is_refused() {
        let small = gzip(b"spans");
        assert_eq!(inflate(&small, 5).unwrap(), b"spans");
        assert_eq!(inflate(&small, 4), Err(InflateError::TooLarge(4)));
        let bomb = gzip(&vec![0; 32 << 20]);
        assert!(bomb.len() < 64 << 10);
        assert_eq!(inflate(&bomb, 1 << 20), Err(InflateError::TooLarge(1 << 20)));
        // Two members behind each other count together.
        let twice = [small.clone(), small.clone()].concat();
        assert_eq!(inflate(&twice, 9), Err(InflateError::TooLarge(9)));
        for broken in [&b"plain"[..], &small[..10], b""] {
            assert!(matches!(inflate(broken, 100), Err(InflateError::Broken(_))), "{broken:?}");
        }
    }
}
