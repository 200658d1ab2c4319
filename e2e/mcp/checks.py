"""Checks that print TAP, and how the scripts reach the gate."""

import json
import os
import subprocess
import sys

COUNTERSIGN = sys.argv[1]
DATA = sys.argv[2]
PARTS = os.environ["E2E_PARTS"]
HERE = os.path.dirname(os.path.abspath(__file__))
NODE_MODULES = os.path.join(PARTS, "node_modules", "@modelcontextprotocol")
FILESYSTEM = ["node", os.path.join(NODE_MODULES, "server-filesystem", "dist", "index.js")]
EVERYTHING = ["node", os.path.join(NODE_MODULES, "server-everything", "dist", "index.js"), "stdio"]
ECHO = [sys.executable, os.path.join(HERE, "echo_server.py")]
DECISION = "dev.countersign/decision"

_results = []


def check(name, good, seen=""):
    _results.append(bool(good))
    print(("ok" if good else "not ok"), len(_results), "-", name, flush=True)
    if not good:
        print("  # seen:", str(seen)[:2000], flush=True)


def finish():
    print(f"1..{len(_results)}")
    sys.exit(0 if _results and all(_results) else 1)


def gated(server, command, *options):
    """The command line of `command` behind the gateway, under the name `server`."""
    return [COUNTERSIGN, "mcp", "--data", DATA, "--server", server, *options, "--", *command]


def approve(action):
    """A reviewer approves `action`."""
    command = [COUNTERSIGN, "review", "approve", action, "--data", DATA, *os.environ.get("E2E_REVIEWER", "").split()]
    subprocess.run(command, check=True, timeout=30, stdout=subprocess.DEVNULL)


class Wire:
    """A client that writes its own bytes: what no SDK would send."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.say('{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2025-06-18",'
                 '"capabilities":{},"clientInfo":{"name":"wire","version":"1"}}}')
        self.hear()
        self.say('{"jsonrpc":"2.0","method":"notifications/initialized"}')

    def say(self, line):
        self.process.stdin.write(line if isinstance(line, bytes) else line.encode("utf-8"))
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def hear_line(self):
        return self.process.stdout.readline().decode("utf-8").rstrip("\n")

    def hear(self):
        return json.loads(self.hear_line())

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        return self.process.returncode
