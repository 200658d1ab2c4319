"""The records of one action, as the gate hands them out: were they changed, and did all go by the rules?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import disclosure, envelope, passkey, proof
from .canonical import Number, Refused, Value, parse
from .disclosure import Disclosures
from .encoding import b64encode
from .forms import Malformed
from .lifecycle import Action, NotByTheRules
from .note import Unbelievable
from .proof import Proof
from .records import BODIES, seals_rightly
from .report import Check, Finding, Log, Matches, Question, Report, Verdict, merged
from .trust import Trust

MOST_BYTES = 256 << 20
MOST_DEPTH = 128


class Unreadable(Exception):
    """It is not a story."""


@dataclass
class Told:
    """One record of a story."""

    position: int
    envelope: bytes
    disclosures: list[str]
    leaf: str | None
    proof: bytes | None

    @classmethod
    def read(cls, value: Value) -> Told:
        """Raises Unreadable."""
        if not isinstance(value, dict):
            raise Unreadable("a record is not an object")
        position, shown = value.get("position"), value.get("disclosures")
        number = position.integer() if isinstance(position, Number) else None
        if number is None or not 0 <= number < 2**64:
            raise Unreadable("a record's position is no number")
        if not isinstance(shown, list):
            raise Unreadable("a record's disclosures are not a list")
        leaf, proven = (_text(value[name]) if name in value else None for name in ("leaf", "proof"))
        return cls(number, _text(value.get("envelope")).encode(), [_text(one) for one in shown], leaf,
                   None if proven is None else proven.encode())


def _text(value: Value) -> str:
    if not isinstance(value, str) or isinstance(value, Number):
        raise Unreadable("a record's member is not a string")
    return value


def verify_story(story: bytes, trust: Trust | None = None, proofs: Sequence[bytes] = ()) -> Report:
    """Verifies the records of one action: JSON with a list `records` (what `countersign action story --json` prints), or such
    a list itself (what `GET /v1/actions/{action}/records` answers). Proofs of the records may stand in it, as `proof`, or be
    handed in apart; without them, or without `trust`, authenticity is NOT CHECKED.

    The sentences around the records are a reading aid, not evidence, and are not looked at.
    """
    try:
        told = _read(story, proofs)
    except (Unreadable, Unbelievable, Refused) as error:
        findings = [Finding("story", str(error))]
        return Report([Check(Question.INTEGRITY, Verdict.FAIL, "the story cannot be read", findings)])
    return _judge(told, trust)


def _read(story: bytes, proofs: Sequence[bytes]) -> list[Told]:
    value = parse(story, MOST_BYTES, MOST_DEPTH)
    records = value.get("records") if isinstance(value, dict) else value
    if not isinstance(records, list):
        raise Unreadable('it has no list "records"')
    apart = {Proof.read(data).index: data for data in proofs}
    told = [Told.read(record) for record in records]
    for one in told:
        if one.proof is None:
            one.proof = apart.pop(one.position, None)
    if apart:
        raise Unreadable(f"a proof is for record {next(iter(apart))}, which is not in the story")
    return told


def _judge(told: list[Told], trust: Trust | None) -> Report:
    inclusion, log = _inclusion(told, trust)
    integrity: list[Finding] = []
    conformance: list[Finding] = []
    unknown: dict[str, Finding] = {}
    openings = _Openings()
    action: Action | None = None
    last = -1
    for one in told:
        place = f"record {one.position}"
        if one.position <= last:
            integrity.append(Finding(place, "its position is not after the previous record's"))
        last = one.position
        leaf = b64encode(envelope.leaf_hash(one.envelope))
        if one.leaf not in (None, leaf):
            integrity.append(Finding(place, "it is not what the leaf hash beside it says"))
        try:
            record = envelope.read(one.envelope)
        except (Malformed, Refused) as error:
            integrity.append(Finding(place, f"it is not an envelope: {error}"))
            continue
        if record["type"] not in BODIES:
            unknown.setdefault(record["type"], Finding(place, record["type"]))
        if not seals_rightly(record):
            conformance.append(Finding(place, "it seals other fields than its type does"))
        try:
            if action is None:
                action = Action(record, leaf)
            else:
                action.apply(record, leaf)
        except NotByTheRules as error:
            conformance.append(Finding(place, str(error)))
        openings.take(place, record, one.disclosures)
    matches = Matches()
    if action is not None:
        action.count(matches)
    some = Verdict.PASS if told else Verdict.NOT_CHECKED
    checks = [
        *inclusion,
        Check.of(Question.INTEGRITY, integrity, some, f"{len(told)} envelopes in canonical form"),
        Check(Question.COMPLETENESS, Verdict.NOT_CHECKED,
              "no gaps up to the last step shown; whether a later one exists takes the whole log"),
        Check.of(Question.CONFORMANCE, conformance, some, f"{len(told)} records by the rules"),
        *openings.checks(),
    ]
    if unknown:
        what = "records of types that this version does not know: they chain, their conformance is not checked"
        checks.append(Check(Question.UNKNOWN_TYPES, Verdict.NOT_CHECKED, what, list(unknown.values())))
    return Report(merged(checks), log, matches)


def _inclusion(told: list[Told], trust: Trust | None) -> tuple[list[Check], Log | None]:
    """Whether the records are in a log that is trusted, as far as proofs say so. All must be of one log."""
    checks: list[Check] = []
    missing: list[Finding] = []
    log: Log | None = None
    for one in told:
        place = f"record {one.position}"
        if one.proof is None:
            missing.append(Finding(place, "no proof came with it"))
            continue
        authenticity, integrity, seen = proof.check(one.proof, one.envelope, trust)
        if seen is not None and (Proof.read(one.proof).index != one.position or log and log.origin != seen.origin):
            found = [Finding(place, "its proof is for another position or another log")]
            integrity = Check(Question.INTEGRITY, Verdict.FAIL, "a proof does not belong to its record", found)
        if seen is not None and (log is None or seen.size > log.size):
            log = seen
        checks += [authenticity, integrity]
    if missing or not told:
        what = "not every record came with a proof: that the log holds them is not shown"
        checks.append(Check(Question.AUTHENTICITY, Verdict.NOT_CHECKED, what, missing))
    return checks, log


class _Openings:
    """Do the disclosures open the sealed fields, and do the signatures among them sign what they should?"""

    def __init__(self) -> None:
        self.wrong: list[Finding] = []
        self.withheld: list[Finding] = []
        self.whole = 0
        self.unsigned: list[Finding] = []
        self.signed, self.closed = 0, 0

    def take(self, place: str, record: Value, texts: list[str]) -> None:
        """Takes the next record with the disclosures that came with it."""
        disclosures = Disclosures(texts)
        signature: Value = None
        for name, digest in record["sealed"].items():
            try:
                opened = disclosures.open(name, digest)
            except disclosure.Malformed as error:
                self.wrong.append(Finding(place, f"{name}: {error}"))
                continue
            if opened is None or opened[1]:
                how = "wholly" if opened is None else "in part"
                self.withheld.append(Finding(place, f"{name} is withheld {how}"))
                continue
            self.whole += 1
            if name == "signature":
                signature = opened[0]
        stray = disclosures.stray(record["sealed"].values())
        if stray is not None:
            self.wrong.append(Finding(place, f"the disclosure {stray} opens none of its sealed fields"))
        if record["type"] == "review.decided" and "signature" in record["body"]:
            self._signature(place, record, signature)

    def _signature(self, place: str, record: Value, signature: Value) -> None:
        if not passkey.states(record):
            self.unsigned.append(Finding(place, "a signed answer lacks what it states"))
        elif signature is None:
            self.closed += 1
        else:
            try:
                passkey.check(record, signature)
                self.signed += 1
            except (passkey.Unsigned, Refused) as error:
                self.unsigned.append(Finding(place, f"the signature: {error}"))

    def checks(self) -> list[Check]:
        """The verdicts on openings and, where anything is signed, on signatures."""
        what = f"{self.whole} sealed fields open to what their envelopes commit to, {len(self.withheld)} are withheld"
        all_open = Verdict.PASS if self.whole and not self.withheld else Verdict.NOT_CHECKED
        checks = [Check.of(Question.OPENINGS, self.wrong, all_open, what)]
        checks[0].findings = [*self.wrong, *self.withheld]
        if self.signed or self.closed or self.unsigned:
            verdict = Verdict.NOT_CHECKED if self.closed else Verdict.PASS
            what = f"{self.signed} answers are signed by passkeys, {self.closed} signatures stay closed"
            checks.append(Check.of(Question.SIGNATURES, self.unsigned, verdict, what))
        return checks
