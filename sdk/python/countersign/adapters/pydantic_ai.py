"""Pydantic AI: a toolset whose tools run only with the gate's go-ahead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.exceptions import ApprovalRequired, ToolFailed
from pydantic_ai.toolsets import AbstractToolset, WrapperToolset
from pydantic_ai.toolsets.abstract import ToolsetTool
from pydantic_ai.toolsets.function import FunctionToolsetTool

from .. import AsyncClient, Client
from ._core import WAIT_S, Describe, Fit, Gated, Refusal, ToolCall


class GuardedToolset(WrapperToolset[Any]):
    """A toolset behind the gate: function tools, MCP servers, whatever it wraps.

    With `defer`, a call that waits for people ends the run with `DeferredToolRequests` (name it among the agent's output
    types; its `metadata` has the action's id by call). Run again with `DeferredToolResults(approvals={call id: True})` once
    they have decided: that only resumes, the gate is asked again, and its answer is what counts."""

    def __init__(self, wrapped: AbstractToolset[Any], gate: Client | AsyncClient, *, server: str = "tools",
                 wait_s: float = WAIT_S, categories: Mapping[str, str] | None = None, describe: Describe | None = None,
                 defer: bool = False) -> None:
        super().__init__(wrapped)
        self.gated = Gated(gate, server, "pydantic-ai", wait_s, categories or {}, describe)
        self.defer = defer

    async def call_tool(self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]) -> Any:
        """Called by the agent."""
        call = ToolCall(name, tool_args, ctx.tool_call_id, ctx.conversation_id or ctx.run_id,
                        getattr(ctx.model, "model_name", None), fit=_fit(tool, tool_args))
        done = await self.gated.arun(call, lambda given: self.wrapped.call_tool(name, given, ctx, tool))
        if not isinstance(done, Refusal):
            return {"note": done.note, "result": done.result} if done.edited else done.result
        if self.defer and done.kind == "pending":
            raise ApprovalRequired(metadata={"countersign_action": done.action})
        raise ToolFailed(done.text)


def _fit(tool: ToolsetTool[Any], validated: dict[str, Any]) -> Fit | None:
    """Pydantic AI has validated the arguments by now, defaults included. What a reviewer makes of them is not validated again:
    without one of them the function would run with a default that nobody saw."""
    if not isinstance(tool, FunctionToolsetTool):
        return None

    def fit(arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments.keys() != validated.keys():
            raise ValueError(f"it takes {', '.join(validated)}")
        return arguments

    return fit
