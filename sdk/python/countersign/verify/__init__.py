"""Offline verification of evidence: an independent reading of docs/evidence-format.md, with `cryptography` and nothing of ours.

    from countersign.verify import Question, Trust, Verdict, verify_story

    report = verify_story(open("story.json", "rb").read(), Trust.read("my-trust"), proofs)
    assert not report.failed
    assert report.verdict(Question.AUTHENTICITY) is Verdict.PASS  # without a proof of every record anybody could have written them

No network, no gate, no clock. On a command line: `python -m countersign.verify story.json --trust my-trust`. Whole published
folders are verified by `countersign verify`.
"""

try:
    import cryptography as _  # noqa: F401
except ImportError as missing:
    raise ImportError("countersign.verify needs cryptography: pip install 'countersign[verify]'") from missing

from .note import Unbelievable
from .proof import verify_proof
from .report import Check, Finding, Log, Matches, Question, Report, Verdict
from .story import verify_story
from .trust import Trust, TrustError

__all__ = [
    "Check",
    "Finding",
    "Log",
    "Matches",
    "Question",
    "Report",
    "Trust",
    "TrustError",
    "Unbelievable",
    "Verdict",
    "verify_proof",
    "verify_story",
]
