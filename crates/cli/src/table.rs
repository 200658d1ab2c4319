//! Tables for people: columns as wide as needed, shortened with `…` only where a terminal is too narrow.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::style::{Paint, Style};

/// Space between columns.
const GAP: usize = 2;

/// Text is not wrapped into narrower columns than this.
const LEAST_WRAP: usize = 20;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    name: &'static str,
    /// Never narrower than this; `None` is never shortened.
    least: Option<usize>,
    right: bool,
    /// Left out of a terminal that is too narrow, the highest first; 0 never.
    dropped: u8,
}

impl Column {
    /// Never shortened: ids, times, states.
    pub(crate) const fn whole(name: &'static str) -> Self {
        Column { name, least: None, right: false, dropped: 0 }
    }

    /// Shortened to no less than `least` characters.
    pub(crate) const fn up_from(name: &'static str, least: usize) -> Self {
        Column { name, least: Some(least), right: false, dropped: 0 }
    }

    /// A number.
    pub(crate) const fn number(name: &'static str) -> Self {
        Column { name, least: None, right: true, dropped: 0 }
    }

    /// Left out where the terminal is too narrow for all, the highest rank first.
    pub(crate) const fn or_drop(mut self, rank: u8) -> Self {
        self.dropped = rank;
        self
    }
}

/// What stands in a column. The text is made visible by whoever makes the cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    paint: Option<Paint>,
}

impl Cell {
    /// A coloured cell.
    pub(crate) fn painted(text: impl Into<String>, paint: Paint) -> Self {
        Cell { text: text.into(), paint: Some(paint) }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Cell { text: text.into(), paint: None }
    }
}

/// Rows under named columns.
#[derive(Debug, Clone)]
pub(crate) struct Table<const N: usize> {
    columns: [Column; N],
    rows: Vec<[Cell; N]>,
}

impl<const N: usize> Table<N> {
    /// A table without rows.
    pub(crate) fn new(columns: [Column; N]) -> Self {
        Table { columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: [Cell; N]) {
        self.rows.push(cells);
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, heading first. Columns in which no row has anything are left out.
    pub(crate) fn lines(&self, style: &Style) -> Vec<String> {
        let widths = self.widths(style.width);
        let heading = self.columns.each_ref().map(|column| Cell::painted(column.name, Paint::Dim));
        std::iter::once(&heading).chain(&self.rows).map(|row| self.line(row, &widths, style)).collect()
    }

    fn line(&self, row: &[Cell; N], widths: &[Option<usize>; N], style: &Style) -> String {
        let cells = self.columns.iter().zip(row).zip(widths);
        let cells = cells.filter_map(|((column, cell), width)| width.map(|width| (column, cell, width)));
        let mut line = String::new();
        for (column, cell, width) in cells {
            if !line.is_empty() {
                line.push_str(&" ".repeat(GAP));
            }
            let text = shorten(&cell.text, width);
            let padding = " ".repeat(width.saturating_sub(text.width()));
            let text = cell.paint.map_or_else(|| text.clone(), |paint| style.paint(paint, &text));
            let (before, after) = if column.right { (padding, String::new()) } else { (String::new(), padding) };
            line.push_str(&before);
            line.push_str(&text);
            line.push_str(&after);
        }
        line.trim_end().to_owned()
    }

    /// `None` for a column that is left out: one in which no row has anything, or, where there is no room, one that may go.
    fn widths(&self, limit: Option<usize>) -> [Option<usize>; N] {
        let mut at = 0;
        let mut widths = self.columns.map(|column| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            let widest = cells.map(|cell| cell.text.width()).max().filter(|width| *width > 0);
            at += 1;
            widest.map(|width| width.max(column.name.width()))
        });
        let Some(limit) = limit else { return widths };
        loop {
            let fitted = self.shrink(widths, limit);
            let present = self.columns.iter().zip(widths.iter_mut()).filter(|(_, width)| width.is_some());
            let goes = present.filter(|(column, _)| column.dropped > 0).max_by_key(|(column, _)| column.dropped);
            match goes {
                Some((_, width)) if total(&fitted) > limit => *width = None,
                _ => return fitted,
            }
        }
    }

    /// Takes from the widest column that may still give, one character at a time, until the row fits.
    fn shrink(&self, mut widths: [Option<usize>; N], limit: usize) -> [Option<usize>; N] {
        while total(&widths) > limit {
            let gives = self.columns.iter().zip(widths.iter_mut()).filter_map(|(column, width)| {
                let least = column.least?.max(column.name.width());
                width.as_mut().filter(|width| **width > least)
            });
            match gives.max_by_key(|width| **width) {
                Some(width) => *width -= 1,
                None => break,
            }
        }
        widths
    }
}

fn total(widths: &[Option<usize>]) -> usize {
    let shown = widths.iter().flatten();
    shown.clone().sum::<usize>() + GAP * shown.count().saturating_sub(1)
}

/// At most `most` columns wide, ending with `…` where something was cut off.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut left = most.saturating_sub(1);
    for character in text.chars() {
        let width = character.width().unwrap_or(0);
        if width > left {
            break;
        }
        left -= width;
        out.push(character);
    }
    out.push('…');
    out
}

/// The text in pieces of at most `width` columns, broken after a space where one is near; whole where there is no limit. At
/// least one piece, and nothing is lost between them.
pub(crate) fn wrap(text: &str, width: Option<usize>) -> Vec<String> {
    let Some(width) = width.map(|width| width.max(LEAST_WRAP)) else { return vec![text.to_owned()] };
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let end = fitting(rest, width);
        if end == rest.len() {
            pieces.push(rest.to_owned());
            return pieces;
        }
        let (line, _) = rest.split_at(end);
        // A space in the last third of the line is near enough.
        let space = line.rfind(' ').map(|at| at + 1).filter(|at| at * 3 > end * 2);
        let (piece, after) = rest.split_at(space.unwrap_or(end));
        pieces.push(piece.to_owned());
        rest = after;
    }
}

/// How many bytes of the text fit into `width` columns.
fn fitting(text: &str, width: usize) -> usize {
    let mut used = 0;
    for (at, character) in text.char_indices() {
        used += character.width().unwrap_or(0);
        if used > width {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn table() -> Table<3> {
        let mut table = Table::new([Column::whole("ID"), Column::up_from("TOOL", 6), Column::number("RISK")]);
        table.row(["0194a-1".into(), "payments/refund-with-a-long-name".into(), "5".into()]);
        table.row(["0194a-2".into(), "银行/转账".into(), Cell::painted("100", Paint::Red)]);
        table
    }

    #[test]
    fn nothing_is_cut_where_there_is_no_terminal() {
        let lines = table().lines(&Style::plain());
        assert_eq!(lines[0], "ID       TOOL                              RISK");
        assert_eq!(lines[1], "0194a-1  payments/refund-with-a-long-name     5");
        assert_eq!(lines[2], "0194a-2  银行/转账                          100");
    }

    #[test]
    fn a_narrow_terminal_shortens_what_may_be_shortened() {
        let style = Style { width: Some(30), ..Style::plain() };
        let lines = table().lines(&style);
        assert_eq!(lines[1], "0194a-1  payments/refun…     5");
        let style = Style { width: Some(3), ..Style::plain() };
        assert_eq!(table().lines(&style)[1], "0194a-1  payme…     5");
    }

    #[test]
    fn a_very_narrow_one_leaves_columns_out_by_rank() {
        let mut table = Table::new([Column::whole("A").or_drop(1), Column::whole("B"), Column::whole("C").or_drop(2)]);
        table.row(["aaaa".into(), "bbbb".into(), "cccc".into()]);
        let line = |width| table.lines(&Style { width: Some(width), ..Style::plain() })[1].clone();
        assert_eq!([line(16), line(15), line(9), line(1)], ["aaaa  bbbb  cccc", "aaaa  bbbb", "bbbb", "bbbb"]);
    }

    #[test]
    fn words_stay_whole_where_they_can() {
        assert_eq!(wrap("the quick brown fox jumps over", Some(20)), ["the quick brown fox ", "jumps over"]);
        assert_eq!(wrap(&"x".repeat(25), Some(20)), ["x".repeat(20), "x".repeat(5)]);
        assert_eq!(wrap("", Some(20)), [""]);
    }

    #[test]
    fn an_empty_column_is_left_out() {
        let mut table = Table::new([Column::whole("A"), Column::whole("B")]);
        table.row(["x".into(), "".into()]);
        assert_eq!(table.lines(&Style::plain()), ["A", "x"]);
    }

    proptest! {
        #[test]
        fn wrapped_text_fits_and_is_whole(text in any::<String>(), width in 20usize..60) {
            let pieces = wrap(&text, Some(width));
            prop_assert!(pieces.iter().all(|piece| piece.chars().filter_map(char::width).sum::<usize>() <= width));
            prop_assert_eq!(pieces.concat(), text);
        }

        #[test]
        fn shortened_text_fits_and_says_so(text in any::<String>(), most in 1usize..40) {
            let short = shorten(&text, most);
            prop_assert!(short.width() <= most || short == text);
            prop_assert!(short == text || short.ends_with('…'));
        }
    }
}
