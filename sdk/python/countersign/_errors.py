"""Why something did not run, or is not on record."""

from __future__ import annotations

from typing import Any


class CountersignError(Exception):
    """Anything below. `action` is the action's id, where there is one."""

    def __init__(self, message: str, action: str | None = None) -> None:
        super().__init__(message)
        self.action = action


class Denied(CountersignError):
    """Policy or a person said no, or nobody said yes in time. Nothing was executed; asking again is of no use."""


class ApprovalPending(CountersignError):
    """People have not decided yet. Nothing was executed; the same call again gets on once they have."""


class AlreadyExecuted(CountersignError):
    """The same request was executed before; it is not executed again."""


class NotExecutable(CountersignError):
    """What was authorized does not fit the function's parameters, or the function itself says so. Nothing was executed."""


class GateUnavailable(CountersignError):
    """The gate gives no usable answer. Nothing was executed."""


class Refused(CountersignError):
    """The gate refused the request; `problem` is its problem document (RFC 9457)."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem.get("detail") or problem.get("title") or "refused", problem.get("action"))
        self.problem = problem

    @property
    def name(self) -> str:
        """The problem's stable name, such as `mismatch`."""
        return str(self.problem.get("type", "")).removeprefix("/problems/")


class Unrecorded(CountersignError):
    """It was executed, and what came of it is not on record: it counts as unknown from its deadline on. `result` is what
    the function returned, `__cause__` why."""

    def __init__(self, message: str, action: str | None, result: Any) -> None:
        super().__init__(message, action)
        self.result = result
