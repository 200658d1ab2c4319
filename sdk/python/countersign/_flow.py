"""The order of things, without a wire: generators that yield requests and get answers. The clients drive them, blocking or
not, so that both do the same."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import httpx

from ._errors import AlreadyExecuted, ApprovalPending, Denied, GateUnavailable, NotExecutable, Refused

# Steps from a proposal to a start, at most.
MOST_STEPS = 16
# Longest that the gate is asked to hold one answer, in seconds.
HOLD_AT_ONCE = 60
# Characters of a result that is no JSON, as it is recorded.
MOST_TEXT = 20_000
# Causes of causes that are looked at.
MOST_CAUSES = 16
LONE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Request:
    """One request to the gate. `hold` is how long its answer may be held back, in seconds."""

    method: str
    path: str
    body: Any = None
    hold: int = 0


@dataclass(frozen=True)
class Answer:
    """What the gate answered."""

    status: int
    body: Any


@dataclass
class Call:
    """What is to be done, by whom, and how long to wait for people."""

    agent: str
    tool: str
    payload: dict[str, Any]
    category: str | None = None
    resource: tuple[str, str] | None = None
    user: str | None = None
    session: str | None = None
    environment: str | None = None
    intent: str | None = None
    context: dict[str, Any] | None = None
    call_id: str | None = None
    traceparent: str | None = None
    request_id: str | None = None
    hold: float = 300.0
    deadline: int | None = None
    model: str | None = None
    via: str = "python"
    # An action that is there and that this payload is to execute, in place of a new one: refused unless it was authorized.
    resume: str | None = None


@dataclass
class Action:
    """A go-ahead: the start is durable, and the effect may leave now. `payload` is exactly what may be executed: it differs
    from what was proposed where a reviewer has changed it."""

    id: str
    attempt: str
    payload: dict[str, Any]
    outcome: str | None = field(default=None)
    response: Any = field(default=None)
    downstream_request_id: str | None = field(default=None)

    def succeeded(self, response: Any = None, downstream_request_id: str | None = None) -> None:
        """The other side did it."""
        self._settle("succeeded", response, downstream_request_id)

    def failed(self, response: Any = None, downstream_request_id: str | None = None) -> None:
        """The other side refused, or it was not sent."""
        self._settle("failed", response, downstream_request_id)

    def unknown(self, response: Any = None) -> None:
        """Nobody knows what came of it."""
        self._settle("unknown", response, None)

    def _settle(self, outcome: str, response: Any, downstream_request_id: str | None) -> None:
        self.outcome, self.response, self.downstream_request_id = outcome, response, downstream_request_id


@dataclass(frozen=True)
class Proposed:
    """Where a proposal stands: `state` is `waiting`, `authorized` or `denied`; `message` is for the model."""

    id: str
    state: str
    message: str


def exact(value: Any) -> Any:
    """The value as JSON holds it. What is judged and what is executed are this copy, whatever becomes of the original.

    Raises TypeError or ValueError for what JSON does not hold.
    """
    return json.loads(json.dumps(value, allow_nan=False))


def canonical(value: Any) -> str:
    """One text for what is one value in JSON: 1 and 1.0 are, `true` is another. Raises as `exact`."""
    return json.dumps(json.loads(json.dumps(value, allow_nan=False), parse_float=_number), sort_keys=True)


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


def same(one: Any, other: Any) -> bool:
    """Whether two values are one in JSON. Python alone takes 1 for True."""
    return canonical(one) == canonical(other)


def legible(text: str) -> str:
    """The text as UTF-8 holds it: Python has lone surrogates, as in names of files, and the wire does not."""
    return LONE.sub("\ufffd", text)


def told(value: Any, how: Callable[[Any], str]) -> str:
    """The text of a value whose own code may fail at telling it."""
    try:
        return legible(how(value))
    except Exception as error:
        return f"{type(value).__name__}, whose text raises {type(error).__name__}"


def recordable(value: Any) -> Any:
    """A result for the record: itself where JSON holds it, else its text. It was executed by now: nothing may raise."""
    try:
        return json.loads(legible(json.dumps(value, allow_nan=False, ensure_ascii=False)))
    except Exception:
        return {"text": told(value, repr)[:MOST_TEXT]}


def trace_ids(traceparent: str | None) -> dict[str, str]:
    """Trace and span of a W3C traceparent."""
    parts = (traceparent or "").strip().split("-")
    if len(parts) < 4 or len(parts[1]) != 32 or len(parts[2]) != 16:
        return {}
    return {"trace_id": parts[1], "span_id": parts[2]}


def proposal(call: Call, request_id: str, attempt: str, executor: str) -> dict[str, Any]:
    """The body of a proposal."""
    server, separator, name = call.tool.partition("/")
    if not separator:
        raise ValueError(f"a tool is named server/tool, not {call.tool!r}")
    correlation = trace_ids(call.traceparent)
    for member, value in (("session_id", call.session), ("call_id", call.call_id)):
        if value is not None:
            correlation[member] = value
    body: dict[str, Any] = {
        "request_id": request_id,
        "agent": {"id": call.agent},
        "tool": {"server": server, "name": name},
        "payload": call.payload,
        "correlation": correlation,
        "source": {"via": call.via},
        "start_if_allowed": {"attempt": attempt, "executor": executor},
        "redeem": True,
    }
    if call.deadline is not None:
        body["start_if_allowed"]["deadline_s"] = call.deadline
    for member in ("category", "environment", "intent", "context", "model"):
        if getattr(call, member) is not None:
            body[member] = getattr(call, member)
    if call.user is not None:
        body["user"] = {"id": call.user, "groups": []}
    if call.resource is not None:
        body["resource"] = {"type": call.resource[0], "id": call.resource[1]}
    return body


def view_of(answer: Answer) -> dict[str, Any]:
    """The action that an answer shows; anything else is no."""
    body = answer.body
    if 200 <= answer.status < 300 and isinstance(body, dict) and isinstance(body.get("state"), str):
        return body
    if isinstance(body, dict) and isinstance(body.get("type"), str):
        raise Refused(body)
    raise GateUnavailable(f"the gate's answer (status {answer.status}) is not understood: nothing was executed")


def start_of(call: Call, attempt: str, executor: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The body of a start."""
    start = {"attempt": attempt, "executor": executor, "payload": payload}
    return start if call.deadline is None else {**start, "deadline_s": call.deadline}


def decide(call: Call, executor: str, clock: Callable[[], float] = time.monotonic) -> Generator[Request, Answer, Action]:
    """propose, wait for people, start: returns the go-ahead."""
    proposed = exact(call.payload)
    request_id, attempt = call.request_id or str(uuid.uuid4()), str(uuid.uuid4())
    until = clock() + call.hold
    payload = proposed
    if call.resume is None:
        view = view_of((yield Request("POST", "/v1/actions", proposal(call, request_id, attempt, executor))))
    else:
        view = view_of((yield Request("POST", f"/v1/actions/{call.resume}/start", start_of(call, attempt, executor, proposed))))
    for _ in range(MOST_STEPS):
        action, state = str(view.get("action")), view["state"]
        if state == "executing" and (view.get("execution") or {}).get("attempt") == attempt:
            return Action(action, attempt, payload)
        if state == "authorized":
            edited = (view.get("authorization") or {}).get("payload")
            payload = proposed if edited is None else edited
            start = {**start_of(call, attempt, executor, payload), "request_id": request_id}
            view = view_of((yield Request("POST", f"/v1/actions/{action}/start", start)))
        elif state == "waiting":
            left = int(until - clock())
            if left <= 0:
                told = str(view.get("message") or "People have not decided yet.")
                raise ApprovalPending(f"{told} Nothing was executed: call it again with the same arguments once it is approved.", action)
            hold = min(left, HOLD_AT_ONCE)
            view = view_of((yield Request("GET", f"/v1/actions/{action}?wait_s={hold}", hold=hold)))
        elif state in ("denied", "closed"):
            raise Denied(str(view.get("message")) or "denied", action)
        else:
            raise AlreadyExecuted("this very request was executed before", action)
    raise GateUnavailable("the policy changed too often while it was decided: nothing was executed", action)


def propose(call: Call, executor: str) -> Generator[Request, Answer, Proposed]:
    """Only the proposal. An identical one that waits, or was approved, is taken over."""
    body = proposal(call, call.request_id or str(uuid.uuid4()), "", executor)
    del body["start_if_allowed"]
    view = view_of((yield Request("POST", "/v1/actions", body)))
    return Proposed(str(view.get("action")), view["state"], str(view.get("message")))


def finish(action: Action, duration_us: int, error: str | None = None) -> Generator[Request, Answer, None]:
    """Records what came of it."""
    body: dict[str, Any] = {
        "attempt": action.attempt,
        "outcome": action.outcome or "unknown",
        "duration_us": max(0, duration_us),
    }
    if action.response is not None:
        body["response"] = recordable(action.response)
    if error is not None:
        body["error"] = legible(error)[:2_000]
    if action.downstream_request_id is not None:
        body["downstream_request_id"] = action.downstream_request_id
    view_of((yield Request("POST", f"/v1/actions/{action.id}/finish", body)))


def outcome_of(error: BaseException) -> str:
    """What an exception says of the effect: nothing, unless it, or what it was raised from, surely means that it did not
    happen. Of a group all must say so."""
    return "failed" if _not_done(error, MOST_CAUSES) else "unknown"


def _not_done(error: BaseException, left: int) -> bool:
    # Before a connection stands nothing has left.
    if isinstance(error, (NotExecutable, ConnectionRefusedError, httpx.ConnectError, httpx.ConnectTimeout)):
        return True
    if left == 0:
        return False
    # By its members: Python 3.10 has no class for it.
    members = getattr(error, "exceptions", None)
    if isinstance(members, tuple) and members:
        return all(isinstance(one, BaseException) and _not_done(one, left - 1) for one in members)
    return error.__cause__ is not None and _not_done(error.__cause__, left - 1)
