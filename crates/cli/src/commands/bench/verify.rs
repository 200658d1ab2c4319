use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use countersign_tlog::TrustFile;
use countersign_verify::{Directory, Options, Verdict, verify_folder};
use hyper::StatusCode;

use super::ground::Ground;
use super::latency::micros;
use super::load::{self, Target};
use crate::deployment::{PUBLISHED, TRUST};
use crate::error::Failure;
use crate::output::Output;
use crate::style::Paint;

/// Seconds of load that make the log.
const LOAD_S: u64 = 8;

/// Records per second and core: integrity alone, then everything.
pub(super) async fn run(ground: &Ground, out: &mut Output) -> Result<(), Failure> {
    out.painted(Paint::Bold, "Verification of a published log, one core")?;
    let served = ground.serve("verify").await?;
    let target =
        Target { port: served.port, path: "/v1/actions", key: Some(served.key.clone()), expect: StatusCode::CREATED };
    load::run(&target, 64, LOAD_S, &Arc::new(AtomicU64::new(0))).await?;
    served.serving.stop().await?;
    let path = served.data.join(TRUST);
    let text = std::fs::read(&path).map_err(Failure::file(&path))?;
    let trust = TrustFile::parse(&text).map_err(|error| Failure::No(error.to_string()))?;
    let folder = Directory::new(served.data.join(PUBLISHED));
    for (name, integrity_only, without_vault) in
        [("integrity, log alone", true, true), ("integrity with vault", true, false), ("everything", false, false)]
    {
        let options = Options { trust: Some(&trust), integrity_only, without_vault, ..Options::default() };
        let from = tokio::time::Instant::now();
        let report = verify_folder(&folder, options, &mut |_| {}).map_err(|error| Failure::No(error.to_string()))?;
        let took = micros(from);
        let records = report.log.as_ref().map_or(0, |log| log.size);
        if report.verdicts.iter().any(|answer| answer.verdict == Verdict::Fail) {
            return Err(Failure::No("the measured log does not verify".to_owned()));
        }
        out.line(format!(
            "  {name:<22} {:>8} records/s ({records} records in {} ms)",
            records * 1_000_000 / took.max(1),
            took / 1000
        ))?;
    }
    Ok(())
}
