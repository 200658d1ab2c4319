"""How the scripts reach the gate that run.py made for them, and a client that writes its own bytes."""

import json
import os
import queue
import subprocess
import sys
import threading

from tally import BIN, PARTS, Folder, check, finish, run

HERE = os.path.dirname(os.path.abspath(__file__))
MODE = os.environ["E2E_MODE"]
DATA = Folder(os.environ["E2E_DATA"])
GATE = json.loads(os.environ["E2E_GATE"])
GATEWAY = json.loads(os.environ["E2E_GATEWAY"])
REVIEWER = [*GATE, "--key-file", os.environ["E2E_REVIEWER_KEY"]]
SERVERS = os.path.join(PARTS, "npm", "node_modules", "@modelcontextprotocol")
FILESYSTEM = ["node", os.path.join(SERVERS, "server-filesystem", "dist", "index.js")]
ECHO = [sys.executable, os.path.join(HERE, "echo_server.py")]
DECISION = "dev.countersign/decision"

__all__ = ["BIN", "DATA", "DECISION", "ECHO", "FILESYSTEM", "MODE", "Wire", "approve", "check", "finish", "gated", "review",
           "story"]


def gated(server, command, *options):
    """The command line of `command` behind the gateway, under the name `server`."""
    return [BIN, "mcp", *GATE, *GATEWAY, "--server", server, *options, "--", *command]


def review(*arguments):
    """A reviewer's command."""
    return run(BIN, "review", *arguments, *REVIEWER)


def approve(action, *options):
    """A reviewer approves `action`."""
    done = review("approve", action, "--yes", *options)
    if done.returncode != 0:
        raise AssertionError(f"approving {action}: {done.stdout}{done.stderr}")


def story(action):
    """An action's story, as the data folder's owner sees it."""
    return DATA.json("action", "story", action)


class Wire:
    """A client that writes its own bytes: what no SDK would send."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.say('{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2025-06-18",'
                 '"capabilities":{},"clientInfo":{"name":"wire","version":"1"}}}')
        self.hear()
        self.say('{"jsonrpc":"2.0","method":"notifications/initialized"}')

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.decode("utf-8").rstrip("\n"))
        self.lines.put("")

    def say(self, line):
        self.process.stdin.write(line if isinstance(line, bytes) else line.encode("utf-8"))
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def hear_line(self):
        return self.lines.get(timeout=60)

    def hear(self):
        return json.loads(self.hear_line())

    def close(self):
        """Ends the input; the exit code."""
        self.process.stdin.close()
        return self.process.wait(timeout=30)
