//! The one way numbers are written in C2SP text formats.

/// Reads an ASCII decimal without sign, space or leading zeros, at most `most`.
pub(crate) fn parse_decimal(text: &str, most: u64) -> Option<u64> {
    let canonical = text == "0" || (!text.starts_with('0') && !text.is_empty());
    if !canonical || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| *number <= most)
}

#[cfg(test)]
mod tests {
    use super::parse_decimal;

    #[test]
    fn only_the_canonical_form_is_read() {
        assert_eq!(parse_decimal("0", 9), Some(0));
        assert_eq!(parse_decimal("18446744073709551615", u64::MAX), Some(u64::MAX));
        for bad in ["", "00", "01", "+1", "-1", " 1", "1 ", "1e3", "0x1", "\u{661}", "18446744073709551616"] {
            assert_eq!(parse_decimal(bad, u64::MAX), None, "{bad:?}");
        }
        assert_eq!(parse_decimal("10", 9), None);
    }
}
