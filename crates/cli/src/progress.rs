//! Progress of long work, on standard error and at a terminal only.

use std::time::Duration;

use countersign_evidence::time::Clock;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::system::SystemClock;

/// Work that is done before this is not worth a bar, in microseconds.
const SOON: i64 = 400_000;

/// A bar that draws nothing where standard error is no terminal, or the work is short.
pub(crate) struct Bar {
    bar: ProgressBar,
    began: i64,
}

impl Bar {
    /// A bar that counts `what`.
    pub(crate) fn new(what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let template = format!("{{bar:40}} {{human_pos}}/{{human_len}} {what}, {{per_sec}}, {{eta}} to go");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        Bar { bar, began: SystemClock.monotonic_us() }
    }

    /// So much of so much is done.
    pub(crate) fn at(&self, done: u64, of: u64) {
        if self.bar.is_hidden() && SystemClock.monotonic_us() - self.began > SOON {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar.enable_steady_tick(Duration::from_millis(200));
        }
        self.bar.set_length(of);
        self.bar.set_position(done);
    }

    /// Takes it off the screen.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
