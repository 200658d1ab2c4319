"""One record with its proof (C2SP tlog-proof): who signed, and is the record in what was signed?"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from . import envelope
from .canonical import Refused
from .forms import Malformed
from .merkle import NotIncluded, check_inclusion
from .note import MOST_SIZE, Checkpoint, Note, Unbelievable, decimal, decoded, need
from .records import BODIES
from .report import Check, Finding, Log, Question, Report, Verdict
from .trust import Trust

HEADER = "c2sp.org/tlog-proof@v1"
MOST_BYTES = 512 * 1024
# Longest inclusion proof in a tree of at most 2^63 - 1 leaves.
MOST_HASHES = 63


@dataclass(frozen=True)
class Proof:
    """Index of a record, inclusion proof and signed checkpoint. Nothing of it is believed yet."""

    index: int
    hashes: list[bytes]
    note: Note

    @classmethod
    def read(cls, data: bytes) -> Proof:
        """Reads a proof strictly. Raises Unbelievable."""
        need(len(data) <= MOST_BYTES, "a proof has more than 512 KiB")
        try:
            head, separator, note = data.decode().partition("\n\n")
        except UnicodeDecodeError:
            raise Unbelievable("a proof is not UTF-8") from None
        lines = head.split("\n")
        need(lines.pop(0) == HEADER and separator, f"a proof begins with the line {HEADER} and ends with a checkpoint")
        if lines and lines[0].startswith("extra "):
            need(decoded(lines.pop(0)[6:], "a proof's extra line"), "a proof's extra line is empty")
        need(lines and lines[0].startswith("index "), "a proof has no index line")
        index = decimal(lines.pop(0)[6:], MOST_SIZE)
        hashes = [decoded(line, "a proof's hash") for line in lines]
        need(len(hashes) <= MOST_HASHES and all(len(one) == 32 for one in hashes), "a proof's hashes are SHA-256, at most 63")
        return cls(index, hashes, Note.read(note.encode()))


def verify_proof(proof: bytes, record: bytes, trust: Trust | None = None) -> Report:
    """Verifies that a record (its envelope's canonical text) is in a log that is trusted, by the proof that the gate hands out
    for it. Without `trust` nobody vouches for the checkpoint: then authenticity is NOT CHECKED."""
    authenticity, integrity, log = check(proof, record, trust)
    alone = [
        Check(Question.COMPLETENESS, Verdict.NOT_CHECKED, "one record says nothing about others: that takes the whole log"),
        Check(Question.CONFORMANCE, Verdict.NOT_CHECKED, "one record shows no course of events"),
    ]
    return Report([authenticity, integrity, *alone], log)


def check(data: bytes, record: bytes, trust: Trust | None) -> tuple[Check, Check, Log | None]:
    """The verdicts on who signed, and on whether this record is in what was signed."""
    try:
        proof = Proof.read(data)
        checkpoint = Checkpoint.read(proof.note.text)
    except Unbelievable as error:
        found = [Finding("proof", str(error))]
        unread = [Check(question, Verdict.FAIL, "the proof cannot be read", list(found))
                  for question in (Question.AUTHENTICITY, Question.INTEGRITY)]
        return unread[0], unread[1], None
    place, findings = f"record {proof.index}", []
    try:
        check_inclusion(envelope.leaf_hash(record), proof.index, checkpoint.size, checkpoint.root, proof.hashes)
    except NotIncluded as error:
        findings.append(Finding(place, str(error)))
    try:
        kind = envelope.read(record)["type"]
        what = kind if kind in BODIES else f"a record of the unknown type {kind}"
    except (Malformed, Refused) as error:
        findings.append(Finding(place, f"it is not an envelope: {error}"))
        what = "not an envelope"
    what = f"{place} of {checkpoint.size} in {checkpoint.origin}: {what}"
    log = Log(checkpoint.origin, checkpoint.size, base64.b64encode(checkpoint.root).decode())
    return _authenticity(proof.note, trust), Check.of(Question.INTEGRITY, findings, Verdict.PASS, what), log


def _authenticity(note: Note, trust: Trust | None) -> Check:
    if trust is None:
        what = "no trust file was given: who signed is not known"
        return Check(Question.AUTHENTICITY, Verdict.NOT_CHECKED, what)
    try:
        signers = trust.require(note)
    except Unbelievable as error:
        found = [Finding("checkpoint", str(error))]
        return Check(Question.AUTHENTICITY, Verdict.FAIL, "the checkpoint is not to be believed", found)
    names = ", ".join(key.name for key in signers)
    return Check(Question.AUTHENTICITY, Verdict.PASS, f"signed by the trusted log key {names}")
