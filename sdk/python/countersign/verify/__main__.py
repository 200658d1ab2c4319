"""`python -m countersign.verify FILE --trust FILE`: verifies a story or a proof, offline.

Exit code 0: what was asked passes; 1: something fails; 2: the arguments or a file cannot be used; 3: not, or not wholly,
checked. A single story or proof never exits 0: whether a later record exists takes the whole log.
"""

from __future__ import annotations

import argparse
import json
import sys
import unicodedata
from pathlib import Path

from . import Report, Trust, TrustError, verify_proof, verify_story
from .proof import HEADER
from .story import MOST_BYTES

CANNOT_BE_USED = 2


def read(path: Path) -> bytes:
    """A file's bytes, one more than any verification takes at most."""
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def visible(text: str) -> str:
    """Text without characters that play tricks at a terminal."""
    odd = ("Cc", "Cf", "Zl", "Zp", "Co", "Cn")
    return "".join(f"‹U+{ord(c):04X}›" if unicodedata.category(c) in odd else c for c in text)


def show(report: Report) -> None:
    """One line per question, its findings below."""
    for check in report.checks:
        print(f"{check.verdict.value:<11}  {check.question.value.replace('_', ' '):<13}  {visible(check.what)}")
        for finding in check.findings:
            print(f"             {visible(finding.where)}: {visible(finding.what)}")
    if report.log is not None:
        print(f"log {visible(report.log.origin)}, {report.log.size} records, root {report.log.root}")


def verify(options: argparse.Namespace) -> Report:
    """Raises OSError, TrustError, or ValueError for options that do not go together."""
    trust = Trust.read(options.trust) if options.trust else None
    data = read(options.file)
    if data.startswith(HEADER.split("@")[0].encode() + b"@"):
        if options.proof:
            raise ValueError("--proof goes with a story")
        if not options.record:
            raise ValueError("a proof is about a record: name the file with its envelope with --record")
        # Editors end a file with a newline; an envelope has none.
        return verify_proof(data, read(options.record).removesuffix(b"\n"), trust)
    if options.record:
        raise ValueError("--record goes with a proof")
    return verify_story(data, trust, [read(path) for path in options.proof])


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m countersign.verify", description="Verifies evidence offline.")
    parser.add_argument("file", type=Path, help="a story or records as the gate hands them out, or a .tlog-proof")
    parser.add_argument("--trust", type=Path, help="your trust file: without it nobody vouches for a checkpoint")
    parser.add_argument("--record", type=Path, help="for a proof: the file with the record's envelope")
    parser.add_argument("--proof", type=Path, action="append", default=[], help="for a story: a proof of one of its records")
    parser.add_argument("--json", action="store_true", help="the report for machines")
    options = parser.parse_args()
    try:
        report = verify(options)
    except (OSError, ValueError, TrustError) as error:
        print(f"error: {visible(str(error))}", file=sys.stderr)
        return CANNOT_BE_USED
    if options.json:
        print(json.dumps(report.as_json(), ensure_ascii=False, sort_keys=True, separators=(",", ":")))
    else:
        show(report)
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
