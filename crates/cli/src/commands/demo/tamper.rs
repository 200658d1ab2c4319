//! The end of the demo: the published log verifies, and one changed byte is found.

use std::path::Path;

use countersign_tlog::TrustFile;
use countersign_verify::{Options, Report};

use super::stage::Stage;
use crate::commands::verify::read_folder;
use crate::deployment::PUBLISHED;
use crate::error::Failure;
use crate::exit::Exit;
use crate::report;
use crate::session::Session;
use crate::style::Paint;

pub(super) fn show(folder: &Path, session: &mut Session) -> Result<Exit, Failure> {
    let (data, copy) = (folder.join("data"), folder.join("tampered"));
    let (published, trust) = (data.join(PUBLISHED), Stage::trust(&data));
    session.out.line("")?;
    session.out.painted(Paint::Bold, "── Anyone can verify the published log, offline")?;
    let honest = judge(&published, &trust)?;
    report::print(&honest, &mut session.out)?;

    session.out.line("")?;
    session.out.painted(Paint::Bold, "── Somebody changes one letter in a copy of it")?;
    copy_folder(&published, &copy)?;
    let changed = change_one_letter(&copy)?;
    session.out.line(format!("   in {changed}"))?;
    let tampered = judge(&copy, &trust)?;
    report::print(&tampered, &mut session.out)?;
    where_next(folder, &trust, session)?;
    let as_it_must = !honest.failed() && tampered.failed();
    Ok(if as_it_must { Exit::Done } else { Exit::No })
}

fn judge(folder: &Path, trust: &Path) -> Result<Report, Failure> {
    let text = std::fs::read(trust).map_err(Failure::file(trust))?;
    let trusted = TrustFile::parse(&text).map_err(|error| Failure::Usage(error.to_string()))?;
    read_folder(folder, Options { trust: Some(&trusted), ..Options::default() })
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(to).map_err(Failure::file(to))?;
    for entry in std::fs::read_dir(from).map_err(Failure::file(from))? {
        let entry = entry.map_err(Failure::file(from))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            std::fs::copy(&path, &target).map_err(Failure::file(&path))?;
        }
    }
    Ok(())
}

/// Turns a recorded "deny" into an "allow" of the same length, as somebody with something to hide would.
fn change_one_letter(copy: &Path) -> Result<String, Failure> {
    let folder = copy.join("tile/entries");
    let mut files = Vec::new();
    list(&folder, &mut files)?;
    for path in files {
        let mut bytes = std::fs::read(&path).map_err(Failure::file(&path))?;
        let needle = b"\"decision\":\"deny\"";
        if let Some(at) = bytes.windows(needle.len()).position(|window| window == needle)
            && let Some(letter) = bytes.get_mut(at + 12)
        {
            *letter = b'D';
            std::fs::write(&path, bytes).map_err(Failure::file(&path))?;
            return Ok(path.strip_prefix(copy).unwrap_or(&path).display().to_string());
        }
    }
    Err(Failure::No("the published log has no denied action to tamper with".to_owned()))
}

fn list(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> Result<(), Failure> {
    for entry in std::fs::read_dir(folder).map_err(Failure::file(folder))? {
        let path = entry.map_err(Failure::file(folder))?.path();
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn where_next(folder: &Path, trust: &Path, session: &mut Session) -> Result<(), Failure> {
    let data = folder.join("data");
    let (data, trust, published) = (data.display(), trust.display(), folder.join("data").join(PUBLISHED));
    let out = &mut session.out;
    out.line("")?;
    out.painted(Paint::Bold, "── Where to look next")?;
    out.line(format!("   countersign action list --data {data}"))?;
    out.line(format!("   countersign action story ACTION --data {data}"))?;
    out.line(format!("   countersign serve --data {data}    (the console: its link stands there)"))?;
    out.line(format!("   countersign verify {} --trust {trust}", published.display()))?;
    out.line(
        "   countersign mcp -- npx -y @modelcontextprotocol/server-filesystem .    (in front of your own server)",
    )?;
    out.line("   README.md names every other way in: MCP over HTTP, coding agents, APIs, Python, TypeScript")?;
    Ok(())
}
