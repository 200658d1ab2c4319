//! What the agent's model is told: short, what to do next, no policy internals.

use crate::decision::ErrorCode;
use crate::rule::Rule;

/// Longest text for the model, in bytes.
const MOST: usize = 800;

pub(crate) fn no_policy() -> String {
    "Denied: no policy is active, so nothing is allowed. Tell the user that the gate needs a policy.".to_owned()
}

pub(crate) fn deny(forbids: &[&Rule], failed: bool) -> String {
    let said = said(forbids);
    if !said.is_empty() {
        return shorten(format!("Denied: {said} Do not repeat this call; choose another way or ask the user."));
    }
    if failed {
        return "Denied: the arguments could not be checked. Look for one that is missing, null or of the wrong type, \
            correct it, or ask the user."
            .to_owned();
    }
    if forbids.is_empty() {
        return "Denied: nothing allows this call. Do not repeat it; choose another way or ask the user.".to_owned();
    }
    "Denied by policy. Do not repeat this call; choose another way or ask the user.".to_owned()
}

pub(crate) fn oversized() -> String {
    "Denied: this call needs more approvals than one review can hold. Do not repeat it; ask the user to simplify the policy."
        .to_owned()
}

/// For the sealed error text.
pub(crate) fn review_too_large(rules: usize, most: usize) -> String {
    format!(
        "{rules} review rules fire and ask for more than the {most} bytes that one record has for them: \
         join rules, or name fewer groups"
    )
}

pub(crate) fn review(rules: &[&Rule]) -> String {
    shorten(format!("This call waits for a person's approval. {}", said(rules)).trim_end().to_owned())
}

fn said(rules: &[&Rule]) -> String {
    let mut messages: Vec<&str> = Vec::new();
    for message in rules.iter().filter_map(|rule| rule.message.as_deref()) {
        if !messages.contains(&message) {
            messages.push(message);
        }
    }
    messages.join(" ")
}

fn shorten(mut text: String) -> String {
    if text.len() > MOST {
        let end = (0..=MOST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Why a value has no place in Cedar; for the sealed error text.
pub(crate) fn of_fault(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::NullValue => "null, where a rule reads a value",
        ErrorCode::NotAnInteger => "not an integer of 64 bits, where the rules read integers",
        ErrorCode::NotADecimal => "not a decimal of at most 4 places within ±922337203685477.5807",
        _ => "not usable by the rules",
    }
}
