//! Times as people read them.

use countersign_evidence::time::Timestamp;

/// `12 s ago`, `5 min ago`, `in 3 h`; from 30 days on, the date in UTC.
pub(crate) fn relative(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(time) / 1_000_000;
    let magnitude = seconds.unsigned_abs();
    let text = match magnitude {
        0..=1 => return "now".to_owned(),
        2..=119 => format!("{magnitude} s"),
        120..=7_199 => format!("{} min", magnitude / 60),
        7_200..=172_799 => format!("{} h", magnitude / 3_600),
        172_800..=2_591_999 => format!("{} d", magnitude / 86_400),
        _ => return date(time),
    };
    if seconds < 0 { format!("in {text}") } else { format!("{text} ago") }
}

fn date(time: Timestamp) -> String {
    time.to_string().chars().take(10).collect()
}

/// `2026-01-02 03:04:05 UTC`
pub(crate) fn absolute(time: Timestamp) -> String {
    match time.to_string().split_once('T') {
        Some((date, rest)) => format!("{date} {} UTC", rest.get(..8).unwrap_or(rest)),
        None => time.to_string(),
    }
}

/// A point in time from the command line: an age such as `90s`, `15m`, `24h`, `7d`, `2w`, a date, or an RFC 3339 time.
///
/// # Errors
/// What to write instead.
pub(crate) fn parse_point(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Some(seconds) = age_seconds(text) {
        return Ok(now.plus_seconds(seconds.saturating_neg()));
    }
    let midnight = format!("{text}T00:00:00Z");
    let parsed = text.parse::<jiff::Timestamp>().or_else(|_| midnight.parse());
    parsed.map(|time| Timestamp::from_micros(time.as_microsecond())).map_err(|_| {
        format!(
            "{text:?} is no time: write an age (90s, 15m, 24h, 7d, 2w), a date (2026-01-02) or 2026-01-02T03:04:05Z"
        )
    })
}

/// The moment that lies so far ahead: `90s`, `15m`, `24h`, `7d`, `2w`.
///
/// # Errors
/// What to write instead.
pub(crate) fn parse_duration(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let seconds = age_seconds(text).ok_or_else(|| format!("{text:?} is no duration: write 90s, 15m, 24h, 7d or 2w"))?;
    Ok(now.plus_seconds(seconds))
}

fn age_seconds(text: &str) -> Option<i64> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let number = text.get(..text.len() - 1)?;
    let number: i64 = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok()).flatten()?;
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_told_from_now() {
        let now = at("2026-01-02T03:04:05.000000Z");
        for (seconds, told) in [
            (0, "now"),
            (-1, "now"),
            (-59, "59 s ago"),
            (-119, "119 s ago"),
            (-120, "2 min ago"),
            (-7_200, "2 h ago"),
            (-172_800, "2 d ago"),
            (90, "in 90 s"),
            (14_400, "in 4 h"),
            (-2_592_000, "2025-12-03"),
        ] {
            assert_eq!(relative(now.plus_seconds(seconds), now), told);
        }
        assert_eq!(absolute(now), "2026-01-02 03:04:05 UTC");
    }

    #[test]
    fn points_are_ages_dates_or_times() {
        let now = at("2026-01-10T00:00:00.000000Z");
        assert_eq!(parse_point("7d", now), Ok(at("2026-01-03T00:00:00.000000Z")));
        assert_eq!(parse_point("2026-01-02", now), Ok(at("2026-01-02T00:00:00.000000Z")));
        assert_eq!(parse_point("2026-01-02T01:00:00+01:00", now), Ok(at("2026-01-02T00:00:00.000000Z")));
        for bad in ["", "7", "d", "-7d", "7 d", "yesterday", "+7d", "99999999999999999999d", "é"] {
            assert!(parse_point(bad, now).is_err(), "{bad}");
        }
    }
}
