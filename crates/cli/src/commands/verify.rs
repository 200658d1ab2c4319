//! `verify`: offline, with the verifier's own trust file.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use countersign_tlog::TrustFile;
use countersign_verify::{Directory, Options, Report, verify_folder, verify_proof, verify_story};

use crate::error::Failure;
use crate::exit::Exit;
use crate::progress::Bar;
use crate::report;
use crate::session::Session;

/// How a C2SP tlog-proof begins.
const PROOF: &[u8] = b"c2sp.org/tlog-proof@";

/// Verify evidence offline: a published log, a proof, an action's story
///
/// No network, no server. Each question gets PASS, FAIL or NOT CHECKED. Trust comes from your own file: a key that came
/// with the evidence vouches for nothing.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A published log's folder, a .tlog-proof, or a story as `action story --json` prints it
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Your trust file (C2SP tlog-policy): which logs and witnesses you believe
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// For a proof: the file with the record's envelope
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// For a story: proofs of its records; may be repeated
    #[arg(long = "proof", value_name = "FILE")]
    proofs: Vec<PathBuf>,
    /// For a folder: only whether anything was changed
    #[arg(long)]
    integrity_only: bool,
    /// For a folder that a running gate publishes to: files may reach beyond the checkpoint
    #[arg(long)]
    growing: bool,
    /// For a folder that came without its vault
    #[arg(long)]
    without_vault: bool,
}

pub(super) fn run(args: &Verify, session: &mut Session) -> Result<Exit, Failure> {
    let trust = args.trust.as_deref().map(read_trust).transpose()?;
    let report = verify(args, trust.as_ref())?;
    if session.out.json {
        session.out.json(&report)?;
    } else {
        report::print(&report, &mut session.out)?;
    }
    Ok(report::exit_of(&report))
}

fn verify(args: &Verify, trust: Option<&TrustFile>) -> Result<Report, Failure> {
    if fs::metadata(&args.path).map_err(Failure::file(&args.path))?.is_dir() {
        args.refuse(args.record.is_some(), "--record")?;
        args.refuse(!args.proofs.is_empty(), "--proof")?;
        return folder(args, trust);
    }
    args.refuse(args.integrity_only, "--integrity-only")?;
    args.refuse(args.growing, "--growing")?;
    args.refuse(args.without_vault, "--without-vault")?;
    let bytes = read(&args.path)?;
    if bytes.starts_with(PROOF) {
        args.refuse(!args.proofs.is_empty(), "--proof")?;
        let record = args.record.as_ref().ok_or_else(|| {
            let text = "a proof is about a record: name the file with its envelope with --record, or verify a story";
            Failure::Usage(text.to_owned())
        })?;
        return Ok(verify_proof(&bytes, &envelope(&read(record)?), trust));
    }
    args.refuse(args.record.is_some(), "--record")?;
    let proofs = args.proofs.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    Ok(verify_story(&bytes, &proofs, trust))
}

impl Verify {
    /// An option that would have no effect must not look as if it had one.
    fn refuse(&self, given: bool, option: &str) -> Result<(), Failure> {
        let path = self.path.display();
        if given {
            Err(Failure::Usage(format!("{option} does not go with {path}: see `verify --help`")))
        } else {
            Ok(())
        }
    }
}

fn folder(args: &Verify, trust: Option<&TrustFile>) -> Result<Report, Failure> {
    let options = Options {
        trust,
        keys: None,
        integrity_only: args.integrity_only,
        growing: args.growing,
        without_vault: args.without_vault,
    };
    read_folder(&args.path, options)
}

/// Verifies a folder with a progress bar.
pub(super) fn read_folder(path: &Path, options: Options<'_>) -> Result<Report, Failure> {
    let bar = Bar::new("records");
    let report = verify_folder(&Directory::new(path), options, &mut |progress| bar.at(progress.done, progress.of));
    bar.end();
    report.map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(Failure::file(path))
}

/// Editors end a file with a newline; an envelope has none.
fn envelope(bytes: &[u8]) -> Vec<u8> {
    bytes.strip_suffix(b"\n").unwrap_or(bytes).to_vec()
}

fn read_trust(path: &Path) -> Result<TrustFile, Failure> {
    TrustFile::parse(&read(path)?).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}
