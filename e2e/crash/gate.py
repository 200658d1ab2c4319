"""A gate as a child process, asked over the data folder's Unix socket. Standard library only."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time


class Lost(Exception):
    """No answer: the gate may or may not have acted."""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Gate:
    """`countersign serve` on one data folder. `prefix` goes before the command, such as strace."""

    def __init__(self, binary, data, prefix=()):
        self.binary, self.data, self.prefix = binary, data, list(prefix)
        self.socket = os.path.join(data, "countersign.sock")
        self.process = None
        # The gate refuses variables of its own prefix that it does not know.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSIGN_")}

    def run(self, *arguments):
        """Runs another subcommand to its end."""
        command = [self.binary, *arguments, "--data", self.data]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=self.environment)

    def start(self):
        log = open(os.path.join(self.data, "..", "serve.log"), "ab")
        command = [*self.prefix, self.binary, "serve", "--local", "--data", self.data]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise SystemExit(f"the gate ended with {self.process.returncode} at start, see serve.log")
            try:
                self.ask("GET", "/readyz")
                return
            except Lost:
                time.sleep(0.02)
        raise SystemExit("the gate does not answer within a minute")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """In good order. A tracer in front of the gate takes no signals: the gate itself gets it."""
        process = self.process.pid
        if self.prefix:
            with open(f"/proc/{process}/task/{process}/children") as children:
                process = int(children.read().split()[0])
        os.kill(process, signal.SIGTERM)
        self.process.wait(timeout=60)

    def ask(self, method, path, body=None, timeout=15):
        """Status and answer; JSON where it is JSON."""
        connection = UnixConnection(self.socket, timeout)
        try:
            text = None if body is None else json.dumps(body)
            headers = {} if body is None else {"content-type": "application/json"}
            connection.request(method, path, text, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as cause:
            raise Lost(str(cause)) from cause
        finally:
            connection.close()
        kind = answer.headers.get("content-type", "")
        return answer.status, json.loads(content) if "json" in kind else content
