"""What all adapters share: propose, wait, start, run the tool with exactly the authorized arguments, finish.

Whatever goes wrong before the start means no: the tool does not run, and the model is told so in a few words."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .. import _flow
from .._client import AsyncClient, Client
from .._errors import AlreadyExecuted, ApprovalPending, CountersignError, Denied, NotExecutable, Refused, Unrecorded
from .._flow import Action

logger = logging.getLogger("countersign")

# Seconds that a call waits for people before it is answered "pending": most clients bear that.
WAIT_S = 45.0
# Calls that wait for people and whose arguments are remembered.
MOST_PENDING = 1_024
MOST_ID = 128
# Characters of an error, as the model is told it.
MOST_SAID = 1_000


# The arguments as the tool will take them. Raises where they do not fit.
Fit = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class ToolCall:
    """A call as the framework tells it. `fit` is what the tool makes of arguments: that is what is judged, and it must leave
    its own work as it is, or the tool would run with something else again."""

    tool: str
    arguments: Mapping[str, Any]
    call_id: str | None = None
    session: str | None = None
    model: str | None = None
    server: str | None = None
    fit: Fit | None = None

    def fitted(self) -> ToolCall:
        """The call with the arguments that the tool will run with. Raises Misfit."""
        if self.fit is None:
            return self
        try:
            arguments = _flow.exact(self.fit(dict(self.arguments)))
        except Exception as error:
            raise Misfit(f"the arguments do not fit the tool: {_flow.told(error, str)[:MOST_SAID]}") from error
        fitted = replace(self, arguments=arguments)
        fitted.hold(arguments)
        return fitted

    def hold(self, given: dict[str, Any]) -> None:
        """Raises Misfit where the tool would run with something else than `given`."""
        try:
            if self.fit is None or _flow.same(self.fit(_flow.exact(given)), given):
                return
        except Exception as error:
            raise Misfit(f"the arguments do not fit the tool: {_flow.told(error, str)[:MOST_SAID]}") from error
        raise Misfit("the tool would run with other arguments than are judged")


class Misfit(NotExecutable):
    """The tool does not take these arguments, or makes others of them. Nothing was executed."""


@dataclass(frozen=True)
class Refusal:
    """The tool did not run. `text` is for the model; `kind` is denied, pending, refused or unavailable."""

    kind: str
    text: str
    action: str | None = None


@dataclass(frozen=True)
class Done:
    """The tool ran. `arguments` are those that it ran with: a reviewer has changed them where `edited` says so."""

    result: Any
    arguments: dict[str, Any]
    edited: bool

    @property
    def note(self) -> str:
        """For the model, which otherwise takes its own arguments for those that were executed."""
        return f"A reviewer changed the arguments; executed with: {json.dumps(self.arguments, ensure_ascii=False)}"


# Outcome and response of a result, for the record.
Judge = Callable[[Any], tuple[str, Any]]
Describe = Callable[[str, dict[str, Any]], Mapping[str, Any]]


def succeeded(result: Any) -> tuple[str, Any]:
    """A tool that returns did it."""
    return "succeeded", result


@dataclass
class Gated:
    """A gate before a framework's tools.

    `server` is what the tools' names stand under at the gate (`server/tool`). `wait_s` is how long a call waits for people.
    `categories` says what kind of side effect a tool has; `describe(tool, arguments)` may say more of a call: `category`,
    `resource`, `user`, `environment`, `intent`, `context`, `deadline`."""

    gate: Client | AsyncClient
    server: str
    via: str
    wait_s: float = WAIT_S
    categories: Mapping[str, str] = field(default_factory=dict)
    describe: Describe | None = None
    _pending: OrderedDict[tuple[str, str, str], tuple[str, str]] = field(default_factory=OrderedDict, repr=False)

    def begin(self, call: ToolCall) -> Action | Refusal:
        """The go-ahead, or why not. Blocks."""
        if not isinstance(self.gate, Client):
            raise TypeError("a call that blocks takes a Client, not an AsyncClient")
        try:
            more = self._more(call)
            return self.gate.start(self._name(call), dict(call.arguments), **more)
        except Exception as error:  # whatever it is, it means no
            return self._refusal(call, error)

    async def abegin(self, call: ToolCall) -> Action | Refusal:
        """As `begin`, without blocking."""
        if isinstance(self.gate, Client):
            return await asyncio.to_thread(self.begin, call)
        try:
            more = self._more(call)
            return await self.gate.start(self._name(call), dict(call.arguments), **more)
        except Exception as error:  # whatever it is, it means no
            return self._refusal(call, error)

    def run(self, call: ToolCall, tool: Callable[[dict[str, Any]], Any], judge: Judge = succeeded) -> Done | Refusal:
        """Runs a tool with what was authorized, or says why not. What the tool raises goes on."""
        try:
            call = call.fitted()
        except Misfit as error:
            return self._refusal(call, error)
        action = self.begin(call)
        if isinstance(action, Refusal):
            return action
        assert isinstance(self.gate, Client)
        given, edited = _own(action.payload), self._edited(call, action)
        result = None
        try:
            with self.gate.recorded(action):
                call.hold(given)
                result = tool(given)
                _settle(action, judge(result))
        except Unrecorded as lost:
            _unrecorded(lost)
        except Misfit as error:
            error.action = action.id
            return self._refusal(call, error)
        return Done(result, action.payload, edited)

    async def arun(self, call: ToolCall, tool: Callable[[dict[str, Any]], Awaitable[Any]],
                   judge: Judge = succeeded) -> Done | Refusal:
        """As `run`, without blocking."""
        try:
            call = call.fitted()
        except Misfit as error:
            return self._refusal(call, error)
        action = await self.abegin(call)
        if isinstance(action, Refusal):
            return action
        given, edited = _own(action.payload), self._edited(call, action)
        result = None
        try:
            if isinstance(self.gate, Client):
                with self.gate.recorded(action):
                    call.hold(given)
                    result = await tool(given)
                    _settle(action, judge(result))
            else:
                async with self.gate.recorded(action):
                    call.hold(given)
                    result = await tool(given)
                    _settle(action, judge(result))
        except Unrecorded as lost:
            _unrecorded(lost)
        except Misfit as error:
            error.action = action.id
            return self._refusal(call, error)
        return Done(result, action.payload, edited)

    async def awaits(self, call: ToolCall) -> bool | Refusal:
        """Whether the call waits for people, or why it may not go ahead. Starts nothing."""
        try:
            call = call.fitted()
            more = self._more(call)
            if more.pop("resume", None) is not None:
                return False
            arguments = dict(call.arguments)
            if isinstance(self.gate, Client):
                found = await asyncio.to_thread(self.gate.propose, self._name(call), arguments, **more)
            else:
                found = await self.gate.propose(self._name(call), arguments, **more)
            if found.state == "waiting":
                self._remember(call, found.id)
            elif found.state != "authorized":
                raise Denied(found.message, found.id)
            return found.state == "waiting"
        except Exception as error:  # whatever it is, it means no
            return self._refusal(call, error)

    async def afinish(self, action: Action, error: str | None = None) -> None:
        """Records what came of an action that the framework itself executed."""
        try:
            if isinstance(self.gate, Client):
                await asyncio.to_thread(self.gate.finish, action, error=error)
            else:
                await self.gate.finish(action, error=error)
        except Exception as lost:  # whatever it is, it is not on record
            logger.warning("action %s was executed, and its outcome is not on record: %s", action.id, lost)

    def _name(self, call: ToolCall) -> str:
        return f"{_id(call.server or self.server)}/{_id(call.tool)}"

    def _more(self, call: ToolCall) -> dict[str, Any]:
        """What is said of a call beside tool and payload."""
        own = dict(self.describe(call.tool, dict(call.arguments)) if self.describe else {})
        more = {"category": self.categories.get(call.tool), "call_id": _id(call.call_id), "session": _id(call.session),
                "model": _id(call.model), "traceparent": _traceparent(), "via": self.via, "hold": self.wait_s, **own}
        held = self._pending.get(_key(call))
        if held is not None and held[1] != _flow.canonical(dict(call.arguments)):
            # The same call of the framework with other arguments than people were asked about: the gate refuses that.
            more["resume"] = held[0]
        return more

    def _remember(self, call: ToolCall, action: str) -> None:
        """What people were asked about, by the framework's name for the call."""
        if call.call_id is None:
            return
        self._pending[_key(call)] = (action, _flow.canonical(dict(call.arguments)))
        while len(self._pending) > MOST_PENDING:
            self._pending.popitem(last=False)

    def _edited(self, call: ToolCall, action: Action) -> bool:
        self._pending.pop(_key(call), None)
        return not _flow.same(action.payload, dict(call.arguments))

    def _refusal(self, call: ToolCall, error: Exception) -> Refusal:
        action = error.action if isinstance(error, CountersignError) else None
        match error:
            case Denied():
                return Refusal("denied", f"Denied: {error}" if not str(error).startswith("Denied") else str(error), action)
            case ApprovalPending():
                if action is not None:
                    self._remember(call, action)
                text = ("Pending: people have not decided yet, nothing was executed. "
                        "Call the same tool again with the same arguments after they have approved it.")
                return Refusal("pending", text, action)
            case Refused(name="mismatch" | "unauthorized"):
                # Refused once and on record. Should the framework use an id again, that is a new action, decided by itself.
                self._pending.pop(_key(call), None)
                text = "Refused: these are not the arguments that people were asked about. Nothing was executed."
                return Refusal("refused", text, action)
            case AlreadyExecuted():
                return Refusal("refused", "Refused: this very call was executed before. It was not executed again.", action)
            case Misfit():
                return Refusal("refused", f"Refused: {error}. Nothing was executed.", action)
            case Refused() | NotExecutable():
                logger.warning("refused: %s", error)
                return Refusal("refused", "Refused: the gate does not take this call. Nothing was executed.", action)
            case _:
                logger.warning("no answer of the gate, nothing was executed: %s: %s", type(error).__name__, error)
                text = "Not executed: it could not be decided whether this is allowed. Tell the user; do not work around it."
                return Refusal("unavailable", text, action)


def _own(payload: dict[str, Any]) -> dict[str, Any]:
    """A copy for the tool: what is recorded and compared stays as authorized."""
    copy: dict[str, Any] = _flow.exact(payload)
    return copy


def _settle(action: Action, judged: tuple[str, Any]) -> None:
    outcome, response = judged
    {"succeeded": action.succeeded, "failed": action.failed, "unknown": action.unknown}[outcome](response)


def _unrecorded(lost: Unrecorded) -> None:
    # The effect is there: telling the model that it failed would make it try again.
    logger.warning("action %s was executed, and its outcome is not on record: %s", lost.action, lost.__cause__)


def _key(call: ToolCall) -> tuple[str, str, str]:
    return call.session or "", call.tool, call.call_id or ""


def _id(value: str | None) -> Any:
    """An identifier as the gate takes it: 1 to 128 visible ASCII characters."""
    return None if value is None else re.sub(r"[^\x21-\x7e]", "_", value)[:MOST_ID] or None


def _traceparent() -> str | None:
    """The W3C trace context, where OpenTelemetry is there and a span is open."""
    try:
        trace = importlib.import_module("opentelemetry.trace")
    except ImportError:
        return None
    context = trace.get_current_span().get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}" if context.is_valid else None
