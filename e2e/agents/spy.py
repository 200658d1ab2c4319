"""An MCP server over stdio that keeps every call which reaches it: a line of JSON in the file that it is given."""

import json
import sys

TOOL = {"name": "send_email", "description": "Sends an e-mail.", "annotations": {"destructiveHint": False},
        "inputSchema": {"type": "object", "properties": {"to": {"type": "string"}, "body": {"type": "string"}},
                        "required": ["to"]}}

for line in sys.stdin:
    request = json.loads(line)
    if "id" not in request:
        continue
    method, params = request["method"], request.get("params", {})
    answer = {"jsonrpc": "2.0", "id": request["id"]}
    if method == "initialize":
        answer["result"] = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
                            "serverInfo": {"name": "spy", "version": "1"}}
    elif method == "tools/list":
        answer["result"] = {"tools": [TOOL]}
    elif method == "ping":
        answer["result"] = {}
    elif method == "tools/call":
        with open(sys.argv[1], "a", encoding="utf-8") as file:
            file.write(json.dumps(params) + "\n")
        answer["result"] = {"content": [{"type": "text", "text": "sent"}]}
    else:
        answer["error"] = {"code": -32601, "message": f"no method {method}"}
    print(json.dumps(answer), flush=True)
