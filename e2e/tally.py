"""Checks that are counted, and the command line that they are about."""

import json
import os
import signal
import socket
import subprocess
import sys

BIN = os.path.realpath(os.environ["COUNTERSIGN_BIN"])
PARTS = os.path.realpath(os.environ["COUNTERSIGN_E2E"])
# Variables of this family are settings of the command, which refuses those that it does not know.
for name in [name for name in os.environ if name.startswith("COUNTERSIGN_")]:
    del os.environ[name]
GO_CHECK = os.path.join(PARTS, "go-check")

_results = []


def check(name, good, seen=""):
    """One check; what was seen is shown only where it fails."""
    _results.append(bool(good))
    print("ok" if good else "not ok", "-", name, flush=True)
    if not good:
        print("  # seen:", str(seen)[:2000].replace("\n", "\n  # "), flush=True)
    return bool(good)


def total(line):
    """Counts a check that another program made and printed."""
    _results.append(line.startswith("ok "))


def finish():
    failed = _results.count(False)
    print(f"{len(_results) - failed} passed, {failed} failed", flush=True)
    sys.exit(0 if _results and not failed else 1)


def run(*arguments, env=None, timeout=120, stdin=""):
    """Runs a program; its exit code and all that it says are in the answer."""
    return subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, **(env or {})}, input=stdin)


def free_port():
    """A port of loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def write(path, text):
    """A file of this text, in folders that are made where they are missing."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Folder:
    """A data folder, and the command line on it."""

    def __init__(self, path):
        self.path = str(path)

    def at(self, *names):
        return os.path.join(self.path, *names)

    def run(self, *arguments, **options):
        return run(BIN, *arguments, "--data", self.path, **options)

    def json(self, *arguments, **options):
        """What a command answers for machines."""
        done = self.run(*arguments, "--json", **options)
        if done.returncode != 0:
            raise AssertionError(f"countersign {arguments}: exit code {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def verify(self, path=None, *more):
        return run(BIN, "verify", path or self.at("published"), "--trust", self.at("trust"), *more)

    def go_check(self):
        """The same log, judged by Go's own implementation."""
        with open(self.at("trust"), encoding="utf-8") as file:
            vkey = [line.split()[1] for line in file if line.startswith("log ")][0]
        return run(GO_CHECK, self.at("published"), vkey)

    def holder(self):
        """The process that holds the folder; None where there is none."""
        try:
            with open(self.at("lock"), encoding="utf-8") as file:
                process = int(file.read().split()[-1])
            os.kill(process, 0)
        except (OSError, ValueError, IndexError):
            return None
        return process


class Serving:
    """`countersign serve` on a folder, until the block ends."""

    def __init__(self, folder, *options):
        self.folder, self.options, self.process = folder, options or ("--local",), None

    def __enter__(self):
        command = [BIN, "serve", "--data", self.folder.path, *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.announced = []
        for line in self.process.stdout:
            self.announced.append(line)
            if line.startswith("  policy"):
                return self
        raise AssertionError(f"serve ended: {''.join(self.announced)}")

    def __exit__(self, *_):
        self.end(signal.SIGTERM)

    def end(self, how):
        """Ends the server; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        return code
