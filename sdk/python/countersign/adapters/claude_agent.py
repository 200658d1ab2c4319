"""Claude Agent SDK: hooks before and after every tool call, built-in tools and MCP servers alike."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from claude_agent_sdk import HookMatcher

from .. import AsyncClient, Client, _flow
from .._flow import Action
from ._core import WAIT_S, Describe, Done, Gated, Refusal, ToolCall

# Seconds beyond `wait_s` that the gate may take before Claude Code counts the hook as failed, which blocks the call.
MARGIN_S = 60.0
# Calls under way at most.
MOST_OPEN = 1_024


def hooks(gate: Client | AsyncClient, *, server: str = "claude", wait_s: float = WAIT_S,
          categories: Mapping[str, str] | None = None, describe: Describe | None = None) -> dict[Any, list[HookMatcher]]:
    """For `ClaudeAgentOptions(hooks=…)`. A built-in tool is `claude/Bash` at the gate (`server` names it otherwise), a tool of
    an MCP server `<server>/<tool>`. A hook that fails, or takes too long, blocks the call."""
    guard = _Hooks(Gated(gate, server, "claude-agent", wait_s, categories or {}, describe))
    return {
        "PreToolUse": [HookMatcher(hooks=[guard.before], timeout=wait_s + MARGIN_S, on_failure="block")],
        "PostToolUse": [HookMatcher(hooks=[guard.after])],
        "PostToolUseFailure": [HookMatcher(hooks=[guard.after])],
    }


class _Hooks:
    def __init__(self, gated: Gated) -> None:
        self.gated = gated
        self.open: OrderedDict[str, Action] = OrderedDict()

    async def before(self, said: Any, tool_use_id: str | None, context: Any) -> Any:
        """PreToolUse: the go-ahead, with what was authorized as the input."""
        server, tool = _named(said["tool_name"])
        call_id = said.get("tool_use_id") or tool_use_id
        call = ToolCall(tool, said["tool_input"], call_id, said.get("session_id"), server=server)
        action = await self.gated.abegin(call)
        if isinstance(action, Refusal):
            return _decision("deny", permissionDecisionReason=action.text)
        if call_id is not None:
            self.open[call_id] = action
        while len(self.open) > MOST_OPEN:
            self.open.popitem(last=False)
        done = Done(None, action.payload, not _flow.same(action.payload, said["tool_input"]))
        note = {"additionalContext": done.note} if done.edited else {}
        return _decision("allow", updatedInput=action.payload, **note)

    async def after(self, said: Any, tool_use_id: str | None, context: Any) -> Any:
        """PostToolUse and PostToolUseFailure: what came of it."""
        action = self.open.pop(said.get("tool_use_id") or tool_use_id or "", None)
        if action is None:
            return {}
        error = said.get("error")
        if not _flow.same(said["tool_input"], action.payload):
            # Another hook changed the input after the go-ahead: what was executed is not what was authorized.
            action.unknown({"executed_with": said["tool_input"]})
            error = "the executed arguments are not the authorized ones"
        elif error is not None:
            # Interrupted, timed out, a tool that raised: Claude Code does not tell whether it was done by then.
            action.unknown()
        else:
            action.succeeded(said.get("tool_response"))
        await self.gated.afinish(action, error)
        return {}


def _named(name: str) -> tuple[str | None, str]:
    """Server and tool: MCP tools are called mcp__<server>__<tool>."""
    parts = name.split("__", 2)
    return (parts[1], parts[2]) if len(parts) == 3 and parts[0] == "mcp" else (None, name)


def _decision(decision: str, **more: Any) -> dict[str, Any]:
    return {"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": decision, **more}}
