//! Text as words. The same function reads records and questions, so nothing that a person types is ever search syntax.
//!
//! A word is a run of letters and digits in lower case, cut at [`MOST_WORD`] bytes; a character of a script that is
//! written without spaces is a word by itself.

use std::collections::BTreeSet;

use countersign_evidence::json::Value;

use crate::error::IndexError;

/// Most bytes of text that are read of one sealed field: what a person remembers of a payload stands at its beginning.
pub(crate) const MOST_TEXT: usize = 1 << 10;
const MOST_WORD: usize = 64;
const MOST_ASKED: usize = 16;
const MOST_QUESTION: usize = 1 << 10;
/// Levels of a payload that are looked into; deeper ones were refused when it came in.
const MOST_DEPTH: usize = 128;

/// Appends the words of a text, each with a space behind it.
pub(crate) fn add_words(words: &mut String, text: &str) {
    for run in text.split(|character: char| !character.is_alphanumeric()) {
        let mut begin = words.len();
        for character in run.chars().flat_map(char::to_lowercase) {
            if stands_alone(character) {
                end_word(words, begin);
                words.push(character);
                words.push(' ');
                begin = words.len();
            } else if character.is_alphanumeric() && words.len() - begin + character.len_utf8() <= MOST_WORD {
                words.push(character);
            }
        }
        end_word(words, begin);
    }
}

fn end_word(words: &mut String, begin: usize) {
    if words.len() > begin {
        words.push(' ');
    }
}

/// The distinct words of a text.
pub(crate) fn distinct(text: &str) -> BTreeSet<String> {
    let mut words = String::new();
    add_words(&mut words, text);
    words.split_whitespace().map(str::to_owned).collect()
}

/// Han and kana.
fn stands_alone(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

/// The words of all strings, member names and numbers in a value, up to [`MOST_TEXT`] bytes.
pub(crate) fn add_value(words: &mut String, value: &Value) {
    let mut left = MOST_TEXT;
    walk(words, value, &mut left, 0);
}

fn walk(words: &mut String, value: &Value, left: &mut usize, depth: usize) {
    if *left == 0 || depth > MOST_DEPTH {
        return;
    }
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => take(words, number.as_str(), left),
        Value::String(text) => take(words, text, left),
        Value::Array(items) => items.iter().for_each(|item| walk(words, item, left, depth + 1)),
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            take(words, name, left);
            walk(words, member, left, depth + 1);
        }),
    }
}

fn take(words: &mut String, text: &str, left: &mut usize) {
    let mut end = text.len().min(*left);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    add_words(words, text.get(..end).unwrap_or_default());
    *left = if end < text.len() { 0 } else { *left - end };
}

/// What a person looks for: every word must occur; the last letter run before a `*` is a beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) words: BTreeSet<String>,
    pub(crate) beginnings: BTreeSet<String>,
}

/// Reads a question's text.
pub(crate) fn asked(text: &str) -> Result<Asked, IndexError> {
    let refuse = |why: &str| Err(IndexError::Question(why.to_owned()));
    if text.len() > MOST_QUESTION {
        return refuse("the text is longer than 1 KiB");
    }
    let mut asked = Asked { words: BTreeSet::new(), beginnings: BTreeSet::new() };
    for part in text.split_whitespace() {
        let Some(beginning) = part.strip_suffix('*') else {
            asked.words.extend(distinct(part));
            continue;
        };
        let last = beginning.rfind(|character: char| !character.is_alphanumeric());
        let start = last
            .map_or(0, |at| at + beginning.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8));
        asked.words.extend(distinct(beginning.get(..start).unwrap_or_default()));
        let mut words = distinct(beginning.get(start..).unwrap_or_default());
        match words.pop_first() {
            Some(word) if words.is_empty() && word.chars().count() >= 2 => asked.beginnings.insert(word),
            _ => return refuse("before a * stand at least two letters or digits"),
        };
    }
    match asked.words.len() + asked.beginnings.len() {
        0 => refuse("the text has no word to look for: words are letters and digits"),
        1..=MOST_ASKED => Ok(asked),
        _ => refuse("the text has more than 16 words"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        distinct(text).into_iter().collect()
    }

    #[test]
    fn punctuation_and_invisible_characters_part_words() {
        assert_eq!(
            words("Wire-transfer \"to\" ACME\u{202e}Ltd\0x NEAR(a b)"),
            ["a", "acme", "b", "ltd", "near", "to", "transfer", "wire", "x"]
        );
        assert_eq!(words("Straße 東京都"), ["straße", "京", "東", "都"]);
    }

    #[test]
    fn syntax_is_never_more_than_words() {
        let asked = asked("title:(a OR \"b\") -c ^d NEAR/2 inv*").unwrap();
        assert_eq!(asked.words.into_iter().collect::<Vec<_>>(), ["2", "a", "b", "c", "d", "near", "or", "title"]);
        assert_eq!(asked.beginnings.into_iter().collect::<Vec<_>>(), ["inv"]);
    }

    #[test]
    fn questions_without_a_word_are_refused() {
        for text in
            ["", " ", "\"--\"", "*", "a*", "\u{202e}\0", &"x ".repeat(600), "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17"]
        {
            assert!(matches!(asked(text), Err(IndexError::Question(_))), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_words_read_as_themselves(text in any::<String>()) {
            let _ = asked(&text);
            for word in words(&text) {
                prop_assert!(word.len() <= MOST_WORD);
                prop_assert_eq!(words(&word), vec![word.clone()]);
            }
        }
    }
}
