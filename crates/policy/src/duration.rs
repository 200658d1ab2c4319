//! Durations as people write them in rules: a whole number and a unit.

/// Longest duration: 366 days.
const MOST_SECONDS: u64 = 366 * 24 * 3600;

/// Seconds of `30s`, `15m`, `4h`, `7d`. The error continues a sentence ("the window …").
pub(crate) fn parse_duration(text: &str) -> Result<u64, String> {
    let wrong =
        || format!("{text:?} is no duration: write a whole number and s, m, h or d, such as \"4h\" (1s to 366d)");
    let number = text.trim_end_matches(['s', 'm', 'h', 'd']);
    let unit = match text.strip_prefix(number) {
        Some("s") => 1,
        Some("m") => 60,
        Some("h") => 3600,
        Some("d") => 24 * 3600,
        _ => return Err(wrong()),
    };
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)?;
    if (1..=MOST_SECONDS).contains(&seconds) { Ok(seconds) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit() {
        assert_eq!(parse_duration("4h"), Ok(14_400));
        assert_eq!(parse_duration("90s"), Ok(90));
        assert_eq!(parse_duration("7d"), Ok(604_800));
        for wrong in ["", "h", "4", "4 h", "-4h", "+4h", "4hh", "4.5h", "0s", "367d", "99999999999999999999d", "4w"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
