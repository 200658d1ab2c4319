"""LangChain and LangGraph: a middleware before every tool call of an agent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool
from langgraph.config import get_config
from langgraph.types import Command, interrupt
from pydantic import BaseModel

from .. import AsyncClient, Client
from ._core import WAIT_S, Describe, Done, Fit, Gated, Refusal, ToolCall
from ._fitting import by_model

Result = ToolMessage | Command[Any]


class CountersignMiddleware(AgentMiddleware[Any, Any, Any]):
    """Decides every tool call first, and runs it with exactly what was authorized. Give it as the last one: then nothing
    changes a call after it was decided.

    With `durable`, a call that waits for people interrupts the graph (LangGraph's `interrupt`, which needs a checkpointer)
    with `{"type": "countersign.pending", "action": …, "tool": …, "args": …}`; resume it with `Command(resume=…)`, whatever the
    value, once they have decided. The gate is asked again then, and its answer is what counts."""

    def __init__(self, gate: Client | AsyncClient, *, server: str = "tools", wait_s: float = WAIT_S,
                 categories: Mapping[str, str] | None = None, describe: Describe | None = None,
                 durable: bool = False) -> None:
        super().__init__()
        self.gated = Gated(gate, server, "langchain", wait_s, categories or {}, describe)
        self.durable = durable

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Result]) -> Result:
        """Called by the agent."""
        while True:
            done = self.gated.run(_call(request), lambda given: handler(_with(request, given)), _judge)
            if not self._interrupted(request, done):
                return _told(request, done)

    async def awrap_tool_call(self, request: ToolCallRequest,
                              handler: Callable[[ToolCallRequest], Awaitable[Result]]) -> Result:
        """Called by the agent."""
        while True:
            done = await self.gated.arun(_call(request), lambda given: handler(_with(request, given)), _judge)
            if not self._interrupted(request, done):
                return _told(request, done)

    def _interrupted(self, request: ToolCallRequest, done: Done | Refusal) -> bool:
        """Interrupts the graph where the call waits; once it is resumed the gate is to be asked again."""
        if not (self.durable and isinstance(done, Refusal) and done.kind == "pending"):
            return False
        call = request.tool_call
        interrupt({"type": "countersign.pending", "action": done.action, "tool": call["name"], "args": call["args"]})
        return True


def _call(request: ToolCallRequest) -> ToolCall:
    call = request.tool_call
    try:
        thread = get_config().get("configurable", {}).get("thread_id")
    except RuntimeError:
        thread = None
    messages = request.state.get("messages", []) if isinstance(request.state, dict) else []
    model = next((message.response_metadata.get("model_name") for message in reversed(messages)
                  if getattr(message, "tool_calls", None)), None)
    return ToolCall(call["name"], call["args"], call["id"], None if thread is None else str(thread), model, fit=_fit(request.tool))


def _fit(tool: BaseTool | None) -> Fit | None:
    """What LangChain makes of a tool's arguments. Those that it injects are not the model's: no part of what is judged."""
    schema = None if tool is None else tool.args_schema
    if tool is None or not (isinstance(schema, type) and issubclass(schema, BaseModel)):
        return None
    shown = tool.tool_call_schema
    assert isinstance(shown, type) and issubclass(shown, BaseModel)
    # LangChain takes fields of these names for a function's *args and **kwargs.
    return by_model(schema if shown.model_fields.keys() == schema.model_fields.keys() else shown, ("args", "kwargs"))


def _with(request: ToolCallRequest, given: dict[str, Any]) -> ToolCallRequest:
    return request.override(tool_call={**request.tool_call, "args": given})


def _judge(result: Result) -> tuple[str, Any]:
    if not isinstance(result, ToolMessage):
        return "succeeded", None
    # An error is text by now: what it says of the effect nobody knows.
    return "unknown" if result.status == "error" else "succeeded", result.content


def _told(request: ToolCallRequest, done: Done | Refusal) -> Result:
    if isinstance(done, Refusal):
        call = request.tool_call
        return ToolMessage(content=done.text, name=call["name"], tool_call_id=call["id"] or "", status="error")
    result: Result = done.result
    if done.edited and isinstance(result, ToolMessage) and isinstance(result.content, str):
        return result.model_copy(update={"content": f"{done.note}\n{result.content}"})
    return result
