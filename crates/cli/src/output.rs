//! What a command prints: lines for people, or one canonical JSON text for machines.

use std::io::{self, BufRead, IsTerminal, Write};

use countersign_evidence::json;
use serde::Serialize;

use crate::style::{Paint, Style};
use crate::table::{Table, wrap};
use countersign_evidence::visible::{visible, visible_lines};

/// Longest answer that is read from a terminal, in bytes.
const MOST_ANSWER: u64 = 64 << 10;

/// How far a sentence's further lines are set in.
const SET_IN: usize = 4;

/// Standard output, and the person in front of it.
pub(crate) struct Output {
    /// Colours and width.
    pub(crate) style: Style,
    /// Whether machines read it.
    pub(crate) json: bool,
    /// Whether a person can be asked: input and error output are terminals.
    pub(crate) interactive: bool,
    to: Box<dyn Write + Send>,
    input: Box<dyn BufRead + Send>,
}

impl Output {
    /// The process's own streams.
    pub(crate) fn standard(json: bool) -> Self {
        Output {
            style: Style::of_stdout(),
            json,
            interactive: io::stdin().is_terminal() && io::stderr().is_terminal(),
            to: Box::new(io::stdout()),
            input: Box::new(io::BufReader::new(io::stdin())),
        }
    }

    /// Other streams.
    #[cfg(test)]
    pub(crate) fn to(to: impl Write + Send + 'static, json: bool, answers: Option<&'static str>) -> Self {
        Output {
            style: Style::plain(),
            json,
            interactive: answers.is_some(),
            to: Box::new(to),
            input: Box::new(answers.unwrap_or_default().as_bytes()),
        }
    }

    /// One line. Whatever comes from outside has gone through [`countersign_evidence::visible`] before.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.to, "{}", text.as_ref())
    }

    /// Shows what was printed so far, before something that takes time.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// One line in a colour.
    pub(crate) fn painted(&mut self, paint: Paint, text: impl AsRef<str>) -> io::Result<()> {
        let text = self.style.paint(paint, text.as_ref());
        self.line(text)
    }

    /// A sentence, its further lines set in.
    pub(crate) fn sentence(&mut self, text: &str) -> io::Result<()> {
        let width = self.style.width.map(|width| width.saturating_sub(SET_IN));
        for (at, piece) in wrap(&visible(text), width).iter().enumerate() {
            let before = if at == 0 { String::new() } else { " ".repeat(SET_IN) };
            self.painted(Paint::Bold, format!("{before}{piece}"))?;
        }
        Ok(())
    }

    /// Text that someone else wrote: each line behind a bar, also where the terminal would wrap it, so that it cannot pass for
    /// ours.
    pub(crate) fn quote(&mut self, text: &str) -> io::Result<()> {
        let width = self.style.width.map(|width| width.saturating_sub(2));
        for line in visible_lines(text).split('\n') {
            for piece in wrap(line, width) {
                self.line(format!("│ {piece}").trim_end())?;
            }
        }
        Ok(())
    }

    /// Bytes as they are: a proof, a checkpoint.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.write_all(bytes)?;
        self.to.flush()
    }

    /// The canonical JSON text of a value, and a line end.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = json::to_string(value).map_err(io::Error::other)?;
        writeln!(self.to, "{text}")
    }

    /// A table, or `empty` where it has no rows.
    pub(crate) fn table<const N: usize>(&mut self, table: &Table<N>, empty: &str) -> io::Result<()> {
        if table.is_empty() {
            return self.painted(Paint::Dim, empty);
        }
        table.lines(&self.style).into_iter().try_for_each(|line| self.line(line))
    }

    /// Asks the person, and gives the answer without surrounding space. `None` at the end of the input.
    pub(crate) fn ask(&mut self, question: &str) -> io::Result<Option<String>> {
        self.to.flush()?;
        let mut errors = io::stderr();
        write!(errors, "{question} ")?;
        errors.flush()?;
        let mut answer = String::new();
        let read = io::Read::take(&mut self.input, MOST_ANSWER).read_line(&mut answer)?;
        Ok((read > 0).then(|| answer.trim().to_owned()))
    }

    /// Asks for `y` or `yes`; anything else is no.
    pub(crate) fn confirm(&mut self, question: &str) -> io::Result<bool> {
        let answer = self.ask(&format!("{question} [y/N]"))?.unwrap_or_default();
        Ok(["y", "yes"].contains(&answer.to_ascii_lowercase().as_str()))
    }
}
