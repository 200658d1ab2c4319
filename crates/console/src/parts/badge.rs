use maud::{Markup, html};

/// A short word in a box. The word carries the meaning, the colour only helps.
pub(crate) fn badge(word: &str, tone: &str) -> Markup {
    html! { span class={ "badge " (tone) } { (word) } }
}

/// Where an action stands, or whether what was executed matches.
pub(crate) fn state(word: &str) -> Markup {
    let tone = match word {
        "EXACT" | "EDITED" | "succeeded" | "authorized" | "allow" | "approve" => "good",
        "MISMATCH" | "failed" | "denied" | "deny" => "bad",
        "UNKNOWN" | "unknown" | "waiting" | "review" => "warn",
        _ => "plain",
    };
    badge(word, tone)
}

/// Risk from 0 to 100, with its word.
pub(crate) fn risk(score: u32) -> Markup {
    let (word, tone) = match score {
        70.. => ("high", "bad"),
        30.. => ("medium", "warn"),
        _ => ("low", "plain"),
    };
    html! { span class={ "badge " (tone) } { "risk " (score) " · " (word) } }
}
