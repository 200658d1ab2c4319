//! Progress of long work, on standard error and at a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that draws nothing where standard error is no terminal.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// A bar that counts `what`.
    pub(crate) fn new(what: &'static str) -> Self {
        let bar = ProgressBar::no_length();
        let template = format!("{{bar:40}} {{human_pos}}/{{human_len}} {what}, {{per_sec}}, {{eta}} to go");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Bar(bar)
    }

    /// So much of so much is done.
    pub(crate) fn at(&self, done: u64, of: u64) {
        self.0.set_length(of);
        self.0.set_position(done);
    }

    /// Takes it off the screen.
    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}
