//! What is logged, to standard error: standard output belongs to answers and protocols.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Logs warnings, or what `COUNTERSIGN_LOG` says.
pub(crate) fn begin() {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .with_env_var("COUNTERSIGN_LOG")
        .from_env();
    let filter = filter.unwrap_or_else(|error| {
        eprintln!("countersign: COUNTERSIGN_LOG is not understood, so warnings are logged: {error}");
        EnvFilter::new("warn")
    });
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    logs.with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()).init();
}
