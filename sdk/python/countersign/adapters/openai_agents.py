"""OpenAI Agents SDK: function tools that run only with the gate's go-ahead."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Iterable, Mapping
from copy import copy
from dataclasses import replace
from typing import Any

from agents import FunctionTool, Tool
from agents.function_schema import function_schema
from agents.tool import maybe_invoke_function_tool_failure_error_function
from agents.tool_context import ToolContext

from .. import AsyncClient, Client
from ._core import MOST_PENDING, WAIT_S, Describe, Fit, Gated, Refusal, ToolCall
from ._fitting import by_model


def guard_tools(tools: Iterable[Tool], gate: Client | AsyncClient, *, server: str = "tools", wait_s: float = WAIT_S,
                categories: Mapping[str, str] | None = None, describe: Describe | None = None,
                interrupt: bool = False) -> list[Tool]:
    """The tools, each behind the gate. Hosted tools run elsewhere and cannot be guarded here: they raise TypeError.

    With `interrupt`, a call that waits for people ends the run with an interruption (`result.interruptions`): keep
    `result.to_state()`, and once people have decided `state.approve(item)` and run the agent with it again. That approval only
    resumes; the gate's is asked for again, and is what counts."""
    gated = Gated(gate, server, "openai-agents", 0 if interrupt else wait_s, categories or {}, describe)
    return [_guarded(tool, gated, interrupt) for tool in tools]


def _guarded(tool: Tool, gated: Gated, interrupt: bool) -> Tool:
    if not isinstance(tool, FunctionTool):
        raise TypeError(f"{type(tool).__name__} does not run in this process and cannot be guarded here")
    # The SDK turns a tool's exceptions into text for the model; the record must know them first.
    bare = replace(tool, _failure_error_function=None, _use_default_failure_error_function=False)
    # What a call was refused with when it was asked whether people must approve it: its execution follows at once.
    refused: dict[str, Refusal] = {}
    own, fit = tool.needs_approval, _fit(tool)

    async def needs_approval(context: Any, arguments: dict[str, Any], call_id: str) -> bool:
        asked = own if isinstance(own, bool) else await own(context, arguments, call_id)
        waits = await gated.awaits(_call(context, tool.name, call_id, arguments, fit))
        if isinstance(waits, Refusal):
            if len(refused) >= MOST_PENDING:
                refused.clear()
            refused[call_id] = waits
            return asked
        return waits or asked

    async def invoke(context: ToolContext[Any], arguments: str) -> Any:
        refusal = refused.pop(context.tool_call_id, None)
        if refusal is not None:
            return refusal.text
        try:
            call = _call(context, tool.name, context.tool_call_id, json.loads(arguments or "{}"), fit)
            done = await gated.arun(call, lambda given: _invoke(bare, context, json.dumps(given)))
        except Exception as error:
            told = await maybe_invoke_function_tool_failure_error_function(function_tool=tool, context=context, error=error)
            if told is None:
                raise
            return told
        if isinstance(done, Refusal):
            return done.text
        return f"{done.note}\n{done.result}" if done.edited else done.result

    guarded = replace(tool, on_invoke_tool=invoke)
    return replace(guarded, needs_approval=needs_approval) if interrupt else guarded


def _invoke(tool: FunctionTool, context: ToolContext[Any], arguments: str) -> Awaitable[Any]:
    """Runs the tool; what it may read of its own call is what it runs with."""
    given = copy(context)
    given.tool_arguments = arguments
    if given.tool_call is not None:
        given.tool_call = given.tool_call.model_copy(update={"arguments": arguments})
    return tool.on_invoke_tool(given, arguments)


def _call(context: Any, name: str, call_id: str, arguments: Any, fit: Fit | None) -> ToolCall:
    config = getattr(context, "run_config", None)
    model = getattr(config, "model", None) or getattr(getattr(context, "agent", None), "model", None)
    name_of = model if isinstance(model, str) else getattr(model, "model", None)
    return ToolCall(name, arguments, call_id, getattr(config, "group_id", None), name_of if isinstance(name_of, str) else None,
                    fit=fit)


def _fit(tool: FunctionTool) -> Fit | None:
    """What the SDK makes of the arguments of a function tool. Of another one nobody knows it: it takes a text."""
    # The SDK keeps the function where only itself looks: another version of it may not, and then the tests fail.
    invoked = getattr(tool.on_invoke_tool, "_invoke_tool_impl", None)
    function = getattr(invoked, "__agents_function_tool_wrapped_callable__", None)
    if function is None:
        return None
    plain = function if inspect.isroutine(function) or inspect.isclass(function) else function.__call__
    return by_model(function_schema(plain, use_docstring_info=False, strict_json_schema=False).params_pydantic_model)
