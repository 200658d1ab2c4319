"""An MCP server (legacy era) that answers each call with the very line it received.

    echo_server.py [LEDGER]

Standard library only. The answer's text is the line itself, so a client can compare what arrived with what it sent, byte by
byte. A second tool answers with values that a careless gateway would change. Others are slow, or end the server. Every
call that arrives is written to the file LEDGER first: the effect that must not happen without permission.
"""

import json
import os
import sys
import time

EXACT = '{"big":12345678901234567890123,"exponent":1e+400,"id64":9223372036854775807,"pair":"\U0001f600","vendor/x":[1.5]}'
HINTS = {"readOnlyHint": True, "destructiveHint": False, "openWorldHint": False, "vendorHint": 7}
ABOUT = {
    "echo": "Answers with the line it received.",
    "exact": "Answers with exact numbers.",
    "held": "As echo; the policy wants it reviewed.",
    "slow": "As echo, after so many `seconds`.",
    "crash": "Ends the server.",
}
TOOLS = [
    {"name": name, "description": about, "inputSchema": {"type": "object"}, "annotations": HINTS, "vendorTool": [1]}
    for name, about in ABOUT.items()
]


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def call(line, params):
    if len(sys.argv) > 1:
        with open(sys.argv[1], "a", encoding="utf-8") as ledger:
            ledger.write(line + "\n")
    if params["name"] == "exact":
        return '{"content":[],"structuredContent":%s,"vendorTop":{"n":1e+400}}' % EXACT
    if params["name"] == "slow":
        time.sleep(params["arguments"]["seconds"])
    if params["name"] == "crash":
        os._exit(7)
    return json.dumps({"content": [{"type": "text", "text": line}]})


def answer(line, message):
    method = message.get("method")
    if method == "initialize":
        server = {"name": "echo", "version": "1"}
        version = message["params"]["protocolVersion"]
        return json.dumps({"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server})
    if method == "tools/list":
        return json.dumps({"tools": TOOLS})
    if method == "tools/call":
        return call(line, message["params"])
    if method == "ping":
        return "{}"
    return None


def main():
    for raw in sys.stdin.buffer:
        line = raw.decode("utf-8").rstrip("\n")
        message = json.loads(line)
        if "id" not in message or "method" not in message:
            continue
        result = answer(line, message)
        body = '"result":' + result if result else '"error":{"code":-32601,"message":"no such method"}'
        say('{"jsonrpc":"2.0","id":%s,%s}' % (json.dumps(message["id"]), body))


if __name__ == "__main__":
    main()
