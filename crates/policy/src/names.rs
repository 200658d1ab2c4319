//! Which names may stand in records in clear (`docs/evidence-format.md` §3: `[\x21-\x7e]{1,128}`).

/// Longest name that policy authors choose: rule ids, groups, sums.
const MOST_NAME: usize = 64;

/// Names that policy authors choose: a letter, then letters, digits, `.`, `_` or `-`, at most 64.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), String> {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let rest = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if first && rest && name.len() <= MOST_NAME {
        return Ok(());
    }
    Err(format!(
        "the {what} {name:?} is no name: begin with a letter, go on with letters, digits, '.', '_', '-' (at most {MOST_NAME})"
    ))
}

/// Identifiers from outside: 1 to 128 printable ASCII characters without space.
pub(crate) fn check_identifier(what: &str, name: &str) -> Result<(), String> {
    if (1..=128).contains(&name.len()) && name.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
        return Ok(());
    }
    Err(format!("the {what} {name:?} is no identifier: use 1 to 128 printable ASCII characters without spaces"))
}
