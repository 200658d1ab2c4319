"""Google ADK: tools that run only with the gate's go-ahead."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from google.adk.tools.base_tool import BaseTool
from google.adk.tools.function_tool import FunctionTool
from google.adk.tools.tool_context import ToolContext
from google.genai import types
from pydantic_core import to_jsonable_python

from .. import AsyncClient, Client
from ._core import WAIT_S, Describe, Fit, Gated, Refusal, ToolCall


class GuardedTool(BaseTool):
    """A tool behind the gate: to an agent it looks like the tool itself. Every callback of agent and plugins has run by the
    time that it asks, so nothing changes a call after it was decided."""

    def __init__(self, inner: BaseTool, gated: Gated) -> None:
        super().__init__(name=inner.name, description=inner.description, is_long_running=inner.is_long_running,
                         custom_metadata=inner.custom_metadata)
        self.inner, self.gated = inner, gated

    def _get_declaration(self) -> types.FunctionDeclaration | None:
        return self.inner._get_declaration()

    async def check_require_confirmation(self, args: dict[str, Any], tool_context: ToolContext) -> bool:
        """As the tool says."""
        return await self.inner.check_require_confirmation(args, tool_context)

    async def run_async(self, *, args: dict[str, Any], tool_context: ToolContext) -> Any:
        """Called by the agent."""
        call = ToolCall(self.name, args, tool_context.function_call_id, tool_context.session.id, fit=_fit(self.inner))
        done = await self.gated.arun(call, lambda given: self.inner.run_async(args=given, tool_context=tool_context), _judge)
        if isinstance(done, Refusal):
            return {"error": done.text}
        return {"note": done.note, "result": done.result} if done.edited else done.result


def _fit(tool: BaseTool) -> Fit | None:
    """What ADK makes of the arguments of a function: those that it has, as their types say, and its defaults."""
    if not isinstance(tool, FunctionTool):
        return None
    try:
        parameters = inspect.signature(tool.func).parameters.values()
    except (TypeError, ValueError):
        return None

    def fit(arguments: dict[str, Any]) -> dict[str, Any]:
        processed, errors = tool._preprocess_args_with_validation(arguments)
        if errors:
            raise ValueError("; ".join(errors))
        taken: dict[str, Any] = {}
        for one in parameters:
            # What ADK hands in by itself is not the model's.
            if one.name in tool._ignore_params or one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
                continue
            if one.name not in processed and one.default is one.empty:
                raise ValueError(f"{one.name} is missing")
            taken[one.name] = processed.get(one.name, one.default)
        fitted: dict[str, Any] = to_jsonable_python(taken)
        return fitted

    return fit


def _judge(result: Any) -> tuple[str, Any]:
    """How ADK's tools say that something went wrong: not whether it was done by then."""
    return "unknown" if isinstance(result, dict) and "error" in result else "succeeded", result


def guard_tools(tools: Iterable[BaseTool | Callable[..., Any]], gate: Client | AsyncClient, *, server: str = "tools",
                wait_s: float = WAIT_S, categories: Mapping[str, str] | None = None,
                describe: Describe | None = None) -> list[BaseTool]:
    """The tools, each behind the gate. Functions become function tools, as an agent makes them."""
    gated = Gated(gate, server, "google-adk", wait_s, categories or {}, describe)
    made = (tool if isinstance(tool, BaseTool) else FunctionTool(tool) for tool in tools)
    return [GuardedTool(tool, gated) for tool in made]
