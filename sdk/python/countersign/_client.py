"""The clients: one blocks, one does not. Both drive the flows of `_flow`."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import httpx

from . import _flow
from ._bind import Binding
from ._errors import CountersignError, GateUnavailable, Unrecorded
from ._flow import Action, Answer, Call, Proposed, Request

P = ParamSpec("P")
R = TypeVar("R")

# Pauses before asking again, in seconds. Every request carries its own ids, so asking again gets the same answer.
BRIEF = (0.05, 0.2, 0.5)
# An outcome that is lost stays unknown for good, so it is tried longer.
PATIENT = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
PASSING = (429, 502, 503, 504)
# Seconds that the gate may take beside what it is asked to hold an answer.
TIMEOUT = 30.0


class _Common:
    """What both clients know: where the gate is, and who acts."""

    def __init__(self, url: str, key: str, agent: str, **defaults: Any) -> None:
        self.url, self.key = url.rstrip("/"), key
        self.executor = f"python-{uuid.uuid4()}"
        self.defaults = Call(agent=agent, tool="", payload={}, **defaults)

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    def call(self, tool: str, payload: dict[str, Any], more: dict[str, Any]) -> Call:
        found = {"traceparent": os.environ.get("TRACEPARENT"), **more}
        given = {name: value for name, value in found.items() if value is not None}
        return replace(self.defaults, tool=tool, payload=payload, **given)

    def form(self, request: Request) -> dict[str, Any]:
        """A request as httpx takes it."""
        body = {"json": request.body} if request.method == "POST" else {}
        return {"method": request.method, "url": self.url + request.path, "headers": self.headers,
                "timeout": TIMEOUT + request.hold, **body}

    @staticmethod
    def settled(came: httpx.Response | httpx.RequestError, last: bool) -> Answer | None:
        """The answer; None where asking again may help. Raises GateUnavailable where nothing is left to try."""
        if isinstance(came, httpx.RequestError):
            if last:
                raise GateUnavailable(f"the gate cannot be reached: {came}") from came
            return None
        if came.status_code in PASSING and not last:
            return None
        try:
            return Answer(came.status_code, came.json())
        except ValueError:
            return Answer(came.status_code, None)


def _taken(action: Action, error: BaseException | None, outcome_of: Callable[[BaseException], str]) -> str | None:
    """Settles an action by what became of its block; the error's text for the record."""
    if error is None:
        return None
    if action.outcome is None:
        try:
            action.outcome = outcome_of(error)
        except Exception:  # the caller's judge failed: nobody knows
            action.outcome = "unknown"
    return f"{type(error).__name__}: {_flow.told(error, str)}"


def _since(begun: int) -> int:
    return (time.monotonic_ns() - begun) // 1_000


def _lost(action: Action, lost: Exception, cause: BaseException | None) -> None:
    """The outcome is not on record. What the block itself raised goes on; else the caller must know."""
    if cause is None:
        raise Unrecorded("it was executed, and the outcome is not on record", action.id, action.response) from lost


class Client(_Common):
    """A gate, as a blocking client. `agent` is who acts; `user`, `session`, `environment`, `hold` (seconds to wait for
    people) and `deadline` (seconds until an outcome counts as unknown) hold for all calls that do not say otherwise."""

    def __init__(self, url: str, *, key: str, agent: str, http: httpx.Client | None = None, **defaults: Any) -> None:
        super().__init__(url, key, agent, **defaults)
        self.http = http or httpx.Client()

    def close(self) -> None:
        """Ends its connections."""
        self.http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, request: Request, pauses: tuple[float, ...]) -> Answer:
        for pause in (*pauses, None):
            came: httpx.Response | httpx.RequestError
            try:
                came = self.http.request(**self.form(request))
            except httpx.RequestError as error:
                came = error
            answer = self.settled(came, last=pause is None)
            if answer is not None:
                return answer
            time.sleep(pause or 0)
        raise GateUnavailable("the gate cannot be reached")

    def _drive(self, flow: Generator[Request, Answer, R], pauses: tuple[float, ...] = BRIEF) -> R:
        try:
            request = next(flow)
            while True:
                request = flow.send(self._send(request, pauses))
        except StopIteration as done:
            result: R = done.value
            return result

    def start(self, tool: str, payload: dict[str, Any], **more: Any) -> Action:
        """Asks for the go-ahead and waits for people as long as `hold` says. Report what came of it with `finish`."""
        return self._drive(_flow.decide(self.call(tool, payload, more), self.executor))

    def propose(self, tool: str, payload: dict[str, Any], **more: Any) -> Proposed:
        """Asks what would be said, without starting anything: the same call started later gets on from there."""
        return self._drive(_flow.propose(self.call(tool, payload, more), self.executor))

    def finish(self, action: Action, *, duration_us: int = 0, error: str | None = None) -> None:
        """Records what came of an action: call `succeeded`, `failed` or `unknown` on it first."""
        self._drive(_flow.finish(action, duration_us, error), PATIENT)

    @contextmanager
    def action(self, tool: str, payload: dict[str, Any], *, outcome_of: Callable[[BaseException], str] = _flow.outcome_of,
               **more: Any) -> Iterator[Action]:
        """The go-ahead for a block. Execute exactly `action.payload`, and say what came of it: a block that ends without a
        word is recorded as unknown, one that raises by what the exception says of the effect."""
        with self.recorded(self.start(tool, payload, **more), outcome_of=outcome_of) as action:
            yield action

    @contextmanager
    def recorded(self, action: Action, *,
                 outcome_of: Callable[[BaseException], str] = _flow.outcome_of) -> Iterator[Action]:
        """As `action`, for a go-ahead that is there."""
        begun = time.monotonic_ns()
        try:
            yield action
        except BaseException as error:
            text = _taken(action, error, outcome_of)
            self._record(action, begun, text, error)
            raise
        self._record(action, begun, None, None)

    def _record(self, action: Action, begun: int, error: str | None, cause: BaseException | None) -> None:
        try:
            self.finish(action, duration_us=_since(begun), error=error)
        except Exception as lost:  # whatever it is, it is not on record
            _lost(action, lost, cause)

    def guard(self, tool: str, *, leave_out: tuple[str, ...] = (),
              outcome_of: Callable[[BaseException], str] = _flow.outcome_of,
              **more: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Puts a function under the gate. Its arguments are the payload; it runs only with what was authorized: a copy of
        them as JSON holds it, or what a reviewer has made of it."""

        def decorate(function: Callable[P, R]) -> Callable[P, R]:
            if _is(inspect.iscoroutinefunction, function):
                raise TypeError("a coroutine takes AsyncClient.guard")
            _not_later(function)
            binding = Binding(function, leave_out)

            @functools.wraps(function)
            def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
                payload, bound = binding.payload(args, kwargs)
                with self.action(tool, payload, outcome_of=outcome_of, **more) as action:
                    args_now, kwargs_now = _arguments(binding, action, bound)
                    result = function(*args_now, **kwargs_now)
                    _done(action, result)
                return result

            return guarded

        return decorate


class AsyncClient(_Common):
    """As `Client`, without blocking."""

    def __init__(self, url: str, *, key: str, agent: str, http: httpx.AsyncClient | None = None, **defaults: Any) -> None:
        super().__init__(url, key, agent, **defaults)
        self.given = http
        # Connections belong to the event loop that opened them; frameworks run one after the other.
        self.by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()

    @property
    def http(self) -> httpx.AsyncClient:
        """The connections of the loop that runs."""
        if self.given is not None:
            return self.given
        loop = asyncio.get_running_loop()
        if loop not in self.by_loop:
            self.by_loop[loop] = httpx.AsyncClient()
        return self.by_loop[loop]

    async def close(self) -> None:
        """Ends its connections."""
        await self.http.aclose()
        self.by_loop.pop(asyncio.get_running_loop(), None)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _send(self, request: Request, pauses: tuple[float, ...]) -> Answer:
        for pause in (*pauses, None):
            came: httpx.Response | httpx.RequestError
            try:
                came = await self.http.request(**self.form(request))
            except httpx.RequestError as error:
                came = error
            answer = self.settled(came, last=pause is None)
            if answer is not None:
                return answer
            await asyncio.sleep(pause or 0)
        raise GateUnavailable("the gate cannot be reached")

    async def _drive(self, flow: Generator[Request, Answer, R], pauses: tuple[float, ...] = BRIEF) -> R:
        try:
            request = next(flow)
            while True:
                request = flow.send(await self._send(request, pauses))
        except StopIteration as done:
            result: R = done.value
            return result

    async def start(self, tool: str, payload: dict[str, Any], **more: Any) -> Action:
        """As `Client.start`."""
        return await self._drive(_flow.decide(self.call(tool, payload, more), self.executor))

    async def propose(self, tool: str, payload: dict[str, Any], **more: Any) -> Proposed:
        """As `Client.propose`."""
        return await self._drive(_flow.propose(self.call(tool, payload, more), self.executor))

    async def finish(self, action: Action, *, duration_us: int = 0, error: str | None = None) -> None:
        """As `Client.finish`."""
        await self._drive(_flow.finish(action, duration_us, error), PATIENT)

    @asynccontextmanager
    async def action(self, tool: str, payload: dict[str, Any], *,
                     outcome_of: Callable[[BaseException], str] = _flow.outcome_of, **more: Any) -> AsyncIterator[Action]:
        """As `Client.action`."""
        async with self.recorded(await self.start(tool, payload, **more), outcome_of=outcome_of) as action:
            yield action

    @asynccontextmanager
    async def recorded(self, action: Action, *,
                       outcome_of: Callable[[BaseException], str] = _flow.outcome_of) -> AsyncIterator[Action]:
        """As `Client.recorded`."""
        begun = time.monotonic_ns()
        try:
            yield action
        except BaseException as error:
            text = _taken(action, error, outcome_of)
            # A cancelled task still says what it knows.
            await asyncio.shield(self._record(action, begun, text, error))
            raise
        await self._record(action, begun, None, None)

    async def _record(self, action: Action, begun: int, error: str | None, cause: BaseException | None) -> None:
        try:
            await self.finish(action, duration_us=_since(begun), error=error)
        except Exception as lost:  # whatever it is, it is not on record
            _lost(action, lost, cause)

    def guard(self, tool: str, *, leave_out: tuple[str, ...] = (),
              outcome_of: Callable[[BaseException], str] = _flow.outcome_of,
              **more: Any) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
        """As `Client.guard`, for coroutines."""

        def decorate(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
            _not_later(function)
            if not _is(inspect.iscoroutinefunction, function):
                raise TypeError("a function that is no coroutine (async def) takes Client.guard")
            binding = Binding(function, leave_out)

            @functools.wraps(function)
            async def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
                payload, bound = binding.payload(args, kwargs)
                async with self.action(tool, payload, outcome_of=outcome_of, **more) as action:
                    args_now, kwargs_now = _arguments(binding, action, bound)
                    result = await function(*args_now, **kwargs_now)
                    _done(action, result)
                return result

            return guarded

        return decorate


def _is(kind: Callable[[Any], bool], function: Callable[..., Any]) -> bool:
    return kind(function) or kind(getattr(function, "__call__", None))


def _not_later(function: Callable[..., Any]) -> None:
    if _is(inspect.isgeneratorfunction, function) or _is(inspect.isasyncgenfunction, function):
        raise TypeError("a generator works after it has returned, outside the go-ahead: it cannot be guarded")


def _done(action: Action, result: Any) -> None:
    """The function did it, unless its result is work that is yet to come: that would run outside the go-ahead."""
    if not (inspect.isawaitable(result) or inspect.isgenerator(result) or inspect.isasyncgen(result)):
        action.succeeded(result)
        return
    action.unknown()
    stop = getattr(result, "close", None) or getattr(result, "cancel", None)
    if stop is not None:
        stop()
    raise TypeError(f"a guarded function returned a {type(result).__name__}: what it would still do is outside the go-ahead")


def _arguments(binding: Binding, action: Action, bound: inspect.BoundArguments) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The authorized arguments. Where they do not fit nothing is executed, and that is what came of it."""
    try:
        return binding.arguments(action.payload, bound)
    except CountersignError as error:
        error.action = action.id
        action.failed()
        raise
