"""CrewAI: tools that run only with the gate's go-ahead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crewai.tools import BaseTool
from pydantic import PrivateAttr

from .. import Client
from ._core import WAIT_S, Describe, Fit, Gated, Refusal, ToolCall
from ._fitting import by_model


def never(_arguments: Any = None, _result: Any = None) -> bool:
    """Results are not cached: a cached one would be one that nobody decided about."""
    return False


class GuardedTool(BaseTool):
    """A tool behind the gate: to an agent it looks like the tool itself."""

    _inner: BaseTool = PrivateAttr()
    _gated: Gated = PrivateAttr()

    @classmethod
    def of(cls, inner: BaseTool, gated: Gated) -> GuardedTool:
        """The tool, guarded."""
        guarded = cls(name=inner.name, description=inner.description, args_schema=inner.args_schema,
                      result_as_answer=inner.result_as_answer, max_usage_count=inner.max_usage_count,
                      cache_function=never)
        guarded._inner, guarded._gated = inner, gated
        return guarded

    def _run(self, **arguments: Any) -> Any:
        done = self._gated.run(ToolCall(self._inner.name, arguments, fit=_fit(self._inner)), lambda given: self._inner.run(**given))
        if isinstance(done, Refusal):
            return done.text
        return f"{done.note}\n{done.result}" if done.edited else done.result


def _fit(tool: BaseTool) -> Fit | None:
    """What CrewAI makes of a tool's arguments."""
    return by_model(tool.args_schema) if tool.args_schema.model_fields else None


def guard_tools(tools: Iterable[BaseTool], gate: Client, *, server: str = "tools", wait_s: float = WAIT_S,
                categories: Mapping[str, str] | None = None, describe: Describe | None = None) -> list[BaseTool]:
    """The tools, each behind the gate. CrewAI runs them in threads, so the gate is a `Client`."""
    gated = Gated(gate, server, "crewai", wait_s, categories or {}, describe)
    return [GuardedTool.of(tool, gated) for tool in tools]
