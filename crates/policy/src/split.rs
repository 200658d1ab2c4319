//! Cuts a Cedar file into its rules, so that each is parsed, limited and reported on its own.
//!
//! The pieces join to the whole file and Cedar parses every one of them, so a cut in the wrong place is a parse error
//! and never a lost rule.

/// Most bytes in one rule.
const MOST_RULE_BYTES: usize = 16 * 1024;
/// Deepest nesting of brackets in one rule: Cedar's reader and evaluator recurse.
const MOST_NESTING: usize = 32;
/// Most operators in one rule: a chain of them is a tree as deep as it is long.
const MOST_OPERATORS: usize = 400;

/// One rule's text and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    /// The text from the rule's first character that is no space or comment, through its `;`.
    pub(crate) text: &'a str,
    /// Line of that character, counted from 1.
    pub(crate) line: u32,
    /// Why the rule is refused before Cedar sees it.
    pub(crate) refused: Option<String>,
}

#[derive(Default)]
struct Scan {
    start: Option<(usize, u32)>,
    nesting: usize,
    deepest: usize,
    operators: usize,
}

/// The rules of a file, in order. What follows the last `;`, if it is more than spaces and comments, is a piece too.
pub(crate) fn split(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut scan = Scan::default();
    let mut line = 1;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\n' => line += 1,
            '/' if characters.peek().is_some_and(|(_, next)| *next == '/') => {
                // Cedar ends a comment at either line break.
                while characters.next_if(|(_, next)| *next != '\n' && *next != '\r').is_some() {}
            }
            '"' => {
                scan.start.get_or_insert((at, line));
                skip_string(&mut characters, &mut line);
            }
            _ if character.is_whitespace() => {}
            _ => {
                scan.start.get_or_insert((at, line));
                scan.count(character);
                if character == ';' {
                    pieces.extend(std::mem::take(&mut scan).finish(text, at + 1));
                }
            }
        }
    }
    pieces.extend(scan.finish(text, text.len()));
    pieces
}

fn skip_string(characters: &mut std::iter::Peekable<std::str::CharIndices<'_>>, line: &mut u32) {
    while let Some((_, character)) = characters.next() {
        let escaped = if character == '\\' { characters.next() } else { None };
        if character == '\n' || escaped.is_some_and(|(_, next)| next == '\n') {
            *line += 1;
        }
        if character == '"' {
            return;
        }
    }
}

impl Scan {
    fn count(&mut self, character: char) {
        match character {
            '(' | '[' | '{' => self.nesting += 1,
            ')' | ']' | '}' => self.nesting = self.nesting.saturating_sub(1),
            '&' | '|' | '.' | '+' | '-' | '*' | '!' | '=' | '<' | '>' | '?' => self.operators += 1,
            _ => {}
        }
        self.deepest = self.deepest.max(self.nesting);
    }

    fn finish(self, text: &str, end: usize) -> Option<Piece<'_>> {
        let (start, line) = self.start?;
        let text = text.get(start..end)?;
        let refused = if text.len() > MOST_RULE_BYTES {
            Some(format!("the rule has more than {MOST_RULE_BYTES} bytes: split it"))
        } else if self.deepest > MOST_NESTING {
            Some(format!("the rule nests brackets deeper than {MOST_NESTING} levels: simplify it"))
        } else if self.operators > MOST_OPERATORS || text.matches("then").count() > MOST_NESTING * 2 {
            Some(format!("the rule has more than {MOST_OPERATORS} operators: use sets, or split it"))
        } else {
            None
        };
        Some(Piece { text, line, refused })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn rules_are_cut_at_their_semicolons_only() {
        let text = "// a; b\n@id(\"x;\\\"y\")\npermit (principal, action, resource); // done;\n\nforbid (\n  principal);\n// end";
        let pieces = split(text);
        assert_eq!(pieces.len(), 2);
        assert_eq!((pieces[0].line, pieces[1].line), (2, 5));
        assert!(pieces[0].text.starts_with("@id") && pieces[0].text.ends_with(';'));
        assert_eq!(pieces[1].text, "forbid (\n  principal);");
    }

    #[test]
    fn a_rule_without_an_end_is_a_piece_that_cedar_will_refuse() {
        let pieces = split("permit (principal, action, resource)");
        assert_eq!(pieces.len(), 1);
        assert!(cedar_policy::Policy::parse(None, pieces[0].text).is_err());
    }

    #[test]
    fn a_carriage_return_ends_a_comment() {
        assert_eq!(split("// gone\rforbid (principal, action, resource);").len(), 1);
    }

    #[test]
    fn long_and_deep_rules_are_refused() {
        assert!(split(&format!("{};", "(".repeat(33)))[0].refused.is_some());
        assert!(split(&format!("{};", "!".repeat(401)))[0].refused.is_some());
        assert!(split(&format!("{};", "a ".repeat(9000)))[0].refused.is_some());
    }
}
