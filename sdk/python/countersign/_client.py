"""The clients: one blocks, one does not. Both drive the flows of `_flow`."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

import httpx

from . import _flow
from ._bind import Binding
from ._errors import CountersignError, GateUnavailable, Unrecorded
from ._flow import Action, Answer, Call, Flow, Request

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

    @staticmethod
    def answer(response: httpx.Response) -> Answer:
        try:
            return Answer(response.status_code, response.json())
        except ValueError:
            return Answer(response.status_code, None)


def _taken(action: Action, error: BaseException | None, outcome_of: Callable[[BaseException], str]) -> str | None:
    """Settles an action by what became of its block; the error's text for the record."""
    if error is not None and action.outcome is None:
        action.outcome = outcome_of(error)
    return None if error is None else f"{type(error).__name__}: {error}"


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
            try:
                response = self.http.request(
                    request.method, self.url + request.path, headers=self.headers, timeout=TIMEOUT + request.hold,
                    json=request.body if request.method == "POST" else None)
                if response.status_code not in PASSING or pause is None:
                    return self.answer(response)
            except httpx.TransportError as error:
                if pause is None:
                    raise GateUnavailable(f"the gate cannot be reached: {error}") from error
            time.sleep(pause or 0)
        raise GateUnavailable("the gate cannot be reached")

    def _drive(self, flow: Flow, pauses: tuple[float, ...] = BRIEF) -> Any:
        try:
            request = next(flow)
            while True:
                request = flow.send(self._send(request, pauses))
        except StopIteration as done:
            return done.value

    def start(self, tool: str, payload: dict[str, Any], **more: Any) -> Action:
        """Asks for the go-ahead and waits for people as long as `hold` says. Report what came of it with `finish`."""
        return self._drive(_flow.decide(self.call(tool, payload, more), self.executor))

    def finish(self, action: Action, *, duration_us: int = 0, error: str | None = None) -> None:
        """Records what came of an action: call `succeeded`, `failed` or `unknown` on it first."""
        self._drive(_flow.finish(action, duration_us, error), PATIENT)

    @contextmanager
    def action(self, tool: str, payload: dict[str, Any], *, outcome_of: Callable[[BaseException], str] = _flow.outcome_of,
               **more: Any) -> Iterator[Action]:
        """The go-ahead for a block. Execute exactly `action.payload`, and say what came of it: a block that ends without a
        word is recorded as unknown, one that raises by what the exception says of the effect."""
        action = self.start(tool, payload, **more)
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
            self.finish(action, duration_us=(time.monotonic_ns() - begun) // 1_000, error=error)
        except CountersignError as lost:
            if cause is None:
                raise Unrecorded("it was executed, and the outcome is not on record", action.id, action.response) from lost

    def guard(self, tool: str, *, leave_out: tuple[str, ...] = (),
              outcome_of: Callable[[BaseException], str] = _flow.outcome_of,
              **more: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Puts a function under the gate. Its arguments are the payload; it runs only with what was authorized: a copy of
        them as JSON holds it, or what a reviewer has made of it."""

        def decorate(function: Callable[P, R]) -> Callable[P, R]:
            if inspect.iscoroutinefunction(function):
                raise TypeError("a coroutine takes AsyncClient.guard")
            binding = Binding(function, leave_out)

            @functools.wraps(function)
            def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
                payload, bound = binding.payload(args, kwargs)
                with self.action(tool, payload, outcome_of=outcome_of, **more) as action:
                    args_now, kwargs_now = _arguments(binding, action, bound)
                    result = function(*args_now, **kwargs_now)
                    action.succeeded(result)
                return result

            return guarded

        return decorate


class AsyncClient(_Common):
    """As `Client`, without blocking."""

    def __init__(self, url: str, *, key: str, agent: str, http: httpx.AsyncClient | None = None, **defaults: Any) -> None:
        super().__init__(url, key, agent, **defaults)
        self.http = http or httpx.AsyncClient()

    async def close(self) -> None:
        """Ends its connections."""
        await self.http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _send(self, request: Request, pauses: tuple[float, ...]) -> Answer:
        for pause in (*pauses, None):
            try:
                response = await self.http.request(
                    request.method, self.url + request.path, headers=self.headers, timeout=TIMEOUT + request.hold,
                    json=request.body if request.method == "POST" else None)
                if response.status_code not in PASSING or pause is None:
                    return self.answer(response)
            except httpx.TransportError as error:
                if pause is None:
                    raise GateUnavailable(f"the gate cannot be reached: {error}") from error
            await asyncio.sleep(pause or 0)
        raise GateUnavailable("the gate cannot be reached")

    async def _drive(self, flow: Flow, pauses: tuple[float, ...] = BRIEF) -> Any:
        try:
            request = next(flow)
            while True:
                request = flow.send(await self._send(request, pauses))
        except StopIteration as done:
            return done.value

    async def start(self, tool: str, payload: dict[str, Any], **more: Any) -> Action:
        """As `Client.start`."""
        return await self._drive(_flow.decide(self.call(tool, payload, more), self.executor))

    async def finish(self, action: Action, *, duration_us: int = 0, error: str | None = None) -> None:
        """As `Client.finish`."""
        await self._drive(_flow.finish(action, duration_us, error), PATIENT)

    @asynccontextmanager
    async def action(self, tool: str, payload: dict[str, Any], *,
                     outcome_of: Callable[[BaseException], str] = _flow.outcome_of, **more: Any) -> AsyncIterator[Action]:
        """As `Client.action`."""
        action = await self.start(tool, payload, **more)
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
            await self.finish(action, duration_us=(time.monotonic_ns() - begun) // 1_000, error=error)
        except CountersignError as lost:
            if cause is None:
                raise Unrecorded("it was executed, and the outcome is not on record", action.id, action.response) from lost

    def guard(self, tool: str, *, leave_out: tuple[str, ...] = (),
              outcome_of: Callable[[BaseException], str] = _flow.outcome_of,
              **more: Any) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
        """As `Client.guard`, for coroutines."""

        def decorate(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
            binding = Binding(function, leave_out)

            @functools.wraps(function)
            async def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
                payload, bound = binding.payload(args, kwargs)
                async with self.action(tool, payload, outcome_of=outcome_of, **more) as action:
                    args_now, kwargs_now = _arguments(binding, action, bound)
                    result = await function(*args_now, **kwargs_now)
                    action.succeeded(result)
                return result

            return guarded

        return decorate


def _arguments(binding: Binding, action: Action, bound: inspect.BoundArguments) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The authorized arguments. Where they do not fit nothing is executed, and that is what came of it."""
    try:
        return binding.arguments(action.payload, bound)
    except CountersignError as error:
        error.action = action.id
        action.failed()
        raise
