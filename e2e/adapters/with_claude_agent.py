"""Claude Agent SDK with the Claude Code that it brings, and a scripted model behind a server on loopback."""

import asyncio
import json
import os
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from claude_agent_sdk import ClaudeAgentOptions, create_sdk_mcp_server, query, tool

import scenarios
from countersign.adapters.claude_agent import hooks
from scenarios import CATEGORIES, check, done

SCRIPT = {"calls": [], "told": []}


def results_in(body):
    """What the model is told about its calls, in order: results, and what stands beside them."""
    found = []
    for message in body["messages"]:
        for block in message["content"] if isinstance(message["content"], list) else [{"text": message["content"]}]:
            if block.get("type") == "tool_result":
                content = block["content"]
                found.append(content if isinstance(content, str) else " ".join(part.get("text", "") for part in content))
            elif found:
                found[-1] += block.get("text", "")
    return found


class Model(BaseHTTPRequestHandler):
    """The Messages API, as far as Claude Code needs it."""

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if "count_tokens" in self.path or not body.get("tools"):
            return self.answer(body, [{"type": "text", "text": "ok"}])
        told = results_in(body)
        SCRIPT["told"] = told
        if len(told) < len(SCRIPT["calls"]):
            name, arguments, call_id = SCRIPT["calls"][len(told)]
            return self.answer(body, [{"type": "tool_use", "id": call_id, "name": f"mcp__tools__{name}", "input": arguments}])
        return self.answer(body, [{"type": "text", "text": "done"}])

    def answer(self, body, content):
        reason = "tool_use" if content[0]["type"] == "tool_use" else "end_turn"
        usage = {"input_tokens": 1, "output_tokens": 1}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": body.get("model"), "content": content,
                   "stop_reason": reason, "stop_sequence": None, "usage": usage}
        if not body.get("stream"):
            return self.send("application/json", json.dumps({**message, "input_tokens": 1}).encode())
        events = [("message_start", {"message": {**message, "content": [], "stop_reason": None}})]
        for index, block in enumerate(content):
            empty = {**block, "input": {}} if "input" in block else {**block, "text": ""}
            delta = ({"type": "input_json_delta", "partial_json": json.dumps(block["input"])} if "input" in block
                     else {"type": "text_delta", "text": block["text"]})
            events += [("content_block_start", {"index": index, "content_block": empty}),
                       ("content_block_delta", {"index": index, "delta": delta}), ("content_block_stop", {"index": index})]
        events += [("message_delta", {"delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}),
                   ("message_stop", {})]
        text = "".join(f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n" for kind, data in events)
        self.send("text/event-stream", text.encode())

    def send(self, kind, data):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@tool("refund", "Pays back.", {"order": str, "amount": int})
async def refund(arguments):
    return {"content": [{"type": "text", "text": scenarios.refund(**arguments)}]}


@tool("transfer", "Moves money.", {"amount": int})
async def transfer(arguments):
    return {"content": [{"type": "text", "text": scenarios.transfer(**arguments)}]}


SERVER = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=SERVER.serve_forever, daemon=True).start()
HOME = tempfile.TemporaryDirectory(prefix="countersign-claude-")
ENV = {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{SERVER.server_port}", "ANTHROPIC_API_KEY": "none", "HOME": HOME.name,
       "CLAUDE_CONFIG_DIR": os.path.join(HOME.name, "claude"), "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
       "DISABLE_TELEMETRY": "1", "DISABLE_AUTOUPDATER": "1"}


def prepare(gate, **options):
    guard = hooks(gate, categories=CATEGORIES, **options)

    async def run(calls):
        SCRIPT.update(calls=calls, told=[])
        server = create_sdk_mcp_server("tools", tools=[refund, transfer])
        settings = ClaudeAgentOptions(hooks=guard, mcp_servers={"tools": server}, env=ENV, cwd=HOME.name, setting_sources=[])
        async for _ in query(prompt="go", options=settings):
            pass
        return SCRIPT["told"]

    return lambda calls: asyncio.run(run(calls))


def changed(house):
    """A session that is resumed fires the hook again for the same call: here with other arguments than were approved."""
    before = len(done)
    guard = hooks(house.gate(), categories=CATEGORIES, wait_s=0)["PreToolUse"][0]

    async def fire(amount):
        said = {"tool_name": "mcp__tools__refund", "tool_input": {"order": "o-7", "amount": amount}, "tool_use_id": "toolu_7",
                "session_id": "session-1", "hook_event_name": "PreToolUse"}
        return (await guard.hooks[0](said, "toolu_7", {"signal": None}))["hookSpecificOutput"]

    first = asyncio.run(fire(700))
    action = house.waiting()
    house.approve(action)
    second = asyncio.run(fire(7000))
    check("a call that waits is denied for now", first["permissionDecision"] == "deny" and len(done) == before, first)
    check("arguments that were changed after the approval are refused",
          second["permissionDecision"] == "deny" and "Refused" in second["permissionDecisionReason"], second)
    check("which is on record", "execution.refused" in house.story(action))
    check("a hook that fails or takes too long blocks", guard.on_failure == "block" and guard.timeout > 0)


def afterwards(house):
    """What the hooks after a call make of it."""

    async def fire(order, executed, **came):
        guard = hooks(house.gate(), categories=CATEGORIES)
        said = {"tool_name": "mcp__tools__refund", "tool_input": {"order": order, "amount": 1}, "tool_use_id": order, "session_id": "session-1"}
        await guard["PreToolUse"][0].hooks[0]({**said, "hook_event_name": "PreToolUse"}, order, {"signal": None})
        after = {**said, "tool_input": {"order": order, "amount": executed}, **came}
        await guard["PostToolUse"][0].hooks[0](after, order, {"signal": None})
        return house.last()["state"]

    paid = {"tool_response": "paid"}
    check("what was executed as authorized is recorded as succeeded", asyncio.run(fire("o-20", 1, **paid)) == "succeeded")
    check("1.0 is the same number", asyncio.run(fire("o-21", 1.0, **paid)) == "succeeded")
    check("true is another value", asyncio.run(fire("o-22", True, **paid)) == "unknown")
    check("what was interrupted nobody knows", asyncio.run(fire("o-23", 1, error="interrupted", is_interrupt=True)) == "unknown")


def documented(house):
    SCRIPT.update(calls=[("refund", {"order": "o-1", "amount": 20}, "call_30")], told=[])
    os.environ.update(ENV)
    scenarios.documented(house, "Claude Agent SDK")


scenarios.run(prepare, changed, afterwards, documented, changes=False, fits=False)
