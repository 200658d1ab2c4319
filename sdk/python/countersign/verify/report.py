"""What a verification found (docs/evidence-format.md §9). In JSON it is what `countersign verify --json` writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

# Most findings that are listed per question; the rest is counted.
MOST_FINDINGS = 100


class Verdict(str, Enum):
    """The answer to one question."""

    PASS = "PASS"
    NOT_CHECKED = "NOT CHECKED"
    FAIL = "FAIL"

    @property
    def weight(self) -> int:
        """FAIL outweighs NOT CHECKED, which outweighs PASS."""
        return list(Verdict).index(self)


class Question(str, Enum):
    """What is asked."""

    AUTHENTICITY = "authenticity"
    INTEGRITY = "integrity"
    COMPLETENESS = "completeness"
    CONFORMANCE = "conformance"
    UNKNOWN_TYPES = "unknown_types"
    OPENINGS = "openings"
    SIGNATURES = "signatures"


# Under seal: whoever holds no openings leaves these open, and they vouch for nothing else.
SEALED = (Question.OPENINGS, Question.SIGNATURES)


@dataclass(frozen=True)
class Finding:
    """One thing that was found, and where: `record <position>`, `proof` or `story`."""

    where: str
    what: str


@dataclass
class Check:
    """One question with its verdict: what was checked, or why it was not."""

    question: Question
    verdict: Verdict
    what: str
    findings: list[Finding] = field(default_factory=list)

    @classmethod
    def of(cls, question: Question, findings: list[Finding], otherwise: Verdict, what: str) -> Check:
        """FAIL where there are findings, else the given verdict."""
        return cls(question, Verdict.FAIL if findings else otherwise, what, findings)


@dataclass(frozen=True)
class Log:
    """What a checkpoint says of its log, whether or not it is to be believed; `root` in standard base64."""

    origin: str
    size: int
    root: str


@dataclass
class Matches:
    """How the executed payloads stand to the approved ones: actions, each counted once; `refused` counts records."""

    exact: int = 0
    edited: int = 0
    unknown: int = 0
    executing: int = 0
    not_executed: int = 0
    open: int = 0
    refused: int = 0


@dataclass
class Report:
    """The outcome of a verification."""

    checks: list[Check]
    log: Log | None = None
    matches: Matches | None = None

    def check(self, question: Question) -> Check | None:
        """The answer to one question; None where it was not asked."""
        return next((check for check in self.checks if check.question is question), None)

    def verdict(self, question: Question) -> Verdict | None:
        """The verdict of one question; None where it was not asked."""
        check = self.check(question)
        return None if check is None else check.verdict

    @property
    def failed(self) -> bool:
        """Whether anything failed."""
        return any(check.verdict is Verdict.FAIL for check in self.checks)

    @property
    def exit_code(self) -> int:
        """1 where anything failed, 0 where everything passed (what lies under seal set aside), else 3."""
        if self.failed:
            return 1
        counted = [check.verdict for check in self.checks if check.question not in SEALED]
        return 0 if counted and all(verdict is Verdict.PASS for verdict in counted) else 3

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        verdicts = [
            {"question": check.question.value, "verdict": check.verdict.value, "what": check.what,
             "findings": [vars(finding) for finding in _listed(check.findings)]}
            for check in self.checks
        ]
        out: dict[str, Any] = {"verdicts": verdicts}
        if self.log is not None:
            out["log"] = vars(self.log)
        if self.matches is not None:
            out["matches"] = vars(self.matches)
        return out


def merged(checks: Iterable[Check]) -> list[Check]:
    """One answer per question: the worst verdict, with the findings of all."""
    found: dict[Question, Check] = {}
    for check in checks:
        held = found.setdefault(check.question, Check(check.question, check.verdict, check.what))
        if check.verdict.weight > held.verdict.weight:
            held.verdict, held.what = check.verdict, check.what
        held.findings += check.findings
    return [found[question] for question in Question if question in found]


def _listed(findings: list[Finding]) -> list[Finding]:
    more = len(findings) - MOST_FINDINGS
    return findings if more <= 0 else [*findings[:MOST_FINDINGS], Finding("…", f"{more} more findings")]
