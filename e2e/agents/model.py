"""A scripted model on loopback, in the four dialects that the clients speak. It does what the latest prompt says:

    CALL {"name": "Bash", "input": {…}}     call that tool once, then tell what came of it

A tool named SHELL is whichever tool the client has for running a command."""

import json
import re
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CALL = re.compile(r"CALL (\{.*?\}) END", re.S)
SHELLS = {"Bash": "command", "shell_command": "command", "exec_command": "cmd", "run_shell_command": "command",
          "bash": "command", "shell": None}


def texts(content):
    """All text in a message's content, in whichever dialect."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(texts(part) for part in content)
    if isinstance(content, dict):
        return "\n".join(texts(content[name]) for name in ("text", "content", "output", "parts", "response", "error")
                         if name in content)
    return ""


def wanted(prompt, tools):
    """The call that a prompt asks for, under the name that the client offers."""
    call = json.loads(CALL.findall(prompt)[-1])
    if call["name"] == "SHELL":
        name = next((name for name in SHELLS if name in tools), "Bash")
        argument = SHELLS[name]
        command = call["input"]["command"]
        call = {"name": name, "input": {argument: command} if argument else {"command": ["bash", "-lc", command]}}
        if name == "bash" or name == "run_shell_command":
            call["input"]["description"] = "as asked"
    return call


def plan(items, tools):
    """`items` are (kind, text): what is said next, a call or a text."""
    asked = max((at for at, (kind, text) in enumerate(items) if kind == "user" and CALL.search(text)), default=None)
    if asked is None or not tools:
        return None, "ok"
    results = [text for kind, text in items[asked + 1:] if kind == "result"]
    if results:
        return None, f"RESULT: {results[-1]}"
    return wanted(items[asked][1], tools), None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer(json.dumps({"data": [], "models": [], "object": "list"}).encode(), "application/json")

    def do_POST(self):
        length = int(self.headers.get("content-length") or 0)
        raw = self.rfile.read(length)
        try:
            request = json.loads(raw or b"{}")
        except ValueError:
            request = {}
        self.server.seen.append((self.path, request))
        path = self.path.split("?")[0]
        if path.endswith("/count_tokens") or path.endswith(":countTokens"):
            return self.answer(b'{"input_tokens": 1, "totalTokens": 1}', "application/json")
        if path.endswith("/messages"):
            return self.events(messages(request))
        if path.endswith("/responses"):
            return self.events(responses(request))
        if path.endswith("/chat/completions"):
            return self.events(completions(request), bool(request.get("stream")))
        if "GenerateContent" in path or "generateContent" in path:
            answer = gemini(request)
            if "stream" in path:
                return self.events([(None, answer)])
            return self.answer(json.dumps(answer).encode(), "application/json")
        return self.answer(b"{}", "application/json")

    def events(self, events, stream=True):
        if not stream:
            return self.answer(json.dumps(events[-2][1]).encode(), "application/json")
        lines = []
        for name, data in events:
            if name:
                lines.append(f"event: {name}")
            lines.append(f"data: {data if isinstance(data, str) else json.dumps(data)}\n")
        return self.answer(("\n".join(lines) + "\n").encode(), "text/event-stream")

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def fresh(prefix):
    return f"{prefix}{uuid.uuid4().hex[:16]}"


def messages(request):
    """Anthropic Messages."""
    items = []
    for message in request.get("messages", []):
        content = message["content"]
        for part in content if isinstance(content, list) else [{"type": "text", "text": content}]:
            if part.get("type") == "tool_result":
                items.append(("result", texts(part.get("content"))))
            else:
                items.append((message["role"], texts(part)))
    call, text = plan(items, {tool["name"] for tool in request.get("tools", [])})
    block = {"type": "tool_use", "id": fresh("toolu_"), "name": call["name"], "input": {}} if call else {"type": "text", "text": ""}
    delta = ({"type": "input_json_delta", "partial_json": json.dumps(call["input"])} if call
             else {"type": "text_delta", "text": text})
    usage = {"input_tokens": 1, "output_tokens": 1}
    return [
        ("message_start", {"type": "message_start", "message": {
            "id": fresh("msg_"), "type": "message", "role": "assistant", "model": request.get("model", "m"), "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": usage}}),
        ("content_block_start", {"type": "content_block_start", "index": 0, "content_block": block}),
        ("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}),
        ("content_block_stop", {"type": "content_block_stop", "index": 0}),
        ("message_delta", {"type": "message_delta", "delta": {"stop_reason": "tool_use" if call else "end_turn",
                                                              "stop_sequence": None}, "usage": usage}),
        ("message_stop", {"type": "message_stop"}),
    ]


def responses(request):
    """OpenAI Responses."""
    items, tools = [], set()
    for tool in request.get("tools", []):
        tools.add(tool.get("name") or tool.get("type"))
    for item in request.get("input", []):
        kind = item.get("type", "message")
        if kind in ("function_call_output", "custom_tool_call_output"):
            items.append(("result", texts(item.get("output"))))
        elif kind == "message":
            items.append((item.get("role"), texts(item.get("content"))))
    call, text = plan(items, tools)
    if call:
        item = {"type": "function_call", "id": fresh("fc_"), "call_id": fresh("call_"), "name": call["name"],
                "arguments": json.dumps(call["input"])}
        if "namespace" in call:
            item["namespace"] = call["namespace"]
        if call["name"] == "apply_patch":
            item = {"type": "custom_tool_call", "id": fresh("ct_"), "call_id": fresh("call_"), "name": "apply_patch",
                    "input": call["input"]["input"]}
    else:
        item = {"type": "message", "id": fresh("msg_"), "role": "assistant",
                "content": [{"type": "output_text", "text": text, "annotations": []}]}
    answer = {"id": fresh("resp_"), "object": "response", "status": "completed", "model": "m", "output": [item],
              "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2,
                        "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}}
    return [
        ("response.created", {"type": "response.created", "response": {**answer, "status": "in_progress", "output": []}}),
        ("response.output_item.added", {"type": "response.output_item.added", "output_index": 0, "item": item}),
        ("response.output_item.done", {"type": "response.output_item.done", "output_index": 0, "item": item}),
        ("response.completed", {"type": "response.completed", "response": answer}),
    ]


def completions(request):
    """OpenAI Chat Completions."""
    items = []
    for message in request.get("messages", []):
        kind = "result" if message["role"] == "tool" else message["role"]
        items.append((kind, texts(message.get("content"))))
    call, text = plan(items, {tool["function"]["name"] for tool in request.get("tools") or [] if "function" in tool})
    said = {"role": "assistant", "content": text}
    if call:
        said["tool_calls"] = [{"index": 0, "id": fresh("call_"), "type": "function",
                               "function": {"name": call["name"], "arguments": json.dumps(call["input"])}}]
    base = {"id": fresh("chatcmpl-"), "created": 1, "model": request.get("model", "m")}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    why = "tool_calls" if call else "stop"
    chunk = {**base, "object": "chat.completion.chunk"}
    if not request.get("stream"):
        whole = {**base, "object": "chat.completion", "usage": usage,
                 "choices": [{"index": 0, "message": said, "finish_reason": why}]}
        return [(None, whole), (None, "[DONE]")]
    return [
        (None, {**chunk, "choices": [{"index": 0, "delta": said, "finish_reason": None}]}),
        (None, {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": why}], "usage": usage}),
        (None, "[DONE]"),
    ]


def gemini(request):
    """Gemini's generateContent."""
    items, tools = [], set()
    for tool in request.get("tools", []):
        tools |= {declared["name"] for declared in tool.get("functionDeclarations", [])}
    for content in request.get("contents", []):
        for part in content.get("parts", []):
            if "functionResponse" in part:
                items.append(("result", json.dumps(part["functionResponse"].get("response"))))
            else:
                items.append((content.get("role", "user"), part.get("text", "")))
    call, text = plan(items, tools)
    part = {"functionCall": {"name": call["name"], "args": call["input"]}} if call else {"text": text}
    if not tools:
        part = {"text": json.dumps({"reasoning": "scripted", "model_choice": "flash", "complexity_score": 1})}
    return {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}, "modelVersion": "m"}


class Model:
    """The server, until the block ends."""

    def __enter__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.seen = []
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
