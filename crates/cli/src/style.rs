//! Colours and width of the terminal, where there is one.

use std::io::IsTerminal;

/// What a text means; the meaning always stands in the words too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Headings, sentences.
    Bold,
    /// What matters less.
    Dim,
    /// Wrong, denied.
    Red,
    /// Good, done.
    Green,
    /// Open, uncertain.
    Yellow,
}

/// How text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// Whether to colour.
    pub(crate) colour: bool,
    /// Characters per line; `None` where the output is no terminal, and nothing is shortened or wrapped.
    pub(crate) width: Option<usize>,
}

impl Style {
    /// No terminal.
    #[cfg(test)]
    pub(crate) const fn plain() -> Self {
        Style { colour: false, width: None }
    }

    /// As standard output allows: colours on a terminal only, and not where `NO_COLOR` is set or the terminal is `dumb`.
    pub(crate) fn of_stdout() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Style { colour: terminal && !set("NO_COLOR") && !dumb, width: width.filter(|_| terminal) }
    }

    /// The text in its colour.
    pub(crate) fn paint(&self, paint: Paint, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Red => "31",
            Paint::Green => "32",
            Paint::Yellow => "33",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
