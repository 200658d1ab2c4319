"""Countersign for Python agents: decide first, execute exactly what was approved, record what came of it.

    from countersign import Client

    gate = Client("http://127.0.0.1:8640", key=os.environ["COUNTERSIGN_KEY"], agent="billing")

    @gate.guard("payments/refund", category="payment")
    def refund(order: str, amount: int) -> dict: ...

    refund("o-1", 20)          # runs only if policy, or a person, lets exactly this go ahead

Whatever goes wrong on the way (no answer, a refusal, an answer that is not understood) means no: the function does not run.
"""

from ._client import AsyncClient, Client
from ._errors import (
    AlreadyExecuted,
    ApprovalPending,
    CountersignError,
    Denied,
    GateUnavailable,
    NotExecutable,
    Refused,
    Unrecorded,
)
from ._flow import Action, Proposed

__all__ = [
    "Action",
    "AlreadyExecuted",
    "ApprovalPending",
    "AsyncClient",
    "Client",
    "CountersignError",
    "Denied",
    "GateUnavailable",
    "NotExecutable",
    "Proposed",
    "Refused",
    "Unrecorded",
]
