"""Makes a data folder with the policy of `policy/`, a reviewer and a gateway's key; runs every script against it, served and
alone; then asks the log what happened."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

from tally import BIN, PARTS, Folder, Serving, check, finish, total

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = ["fidelity.py", "outcomes.py", "files.py", "dual_era.py", "everything.mjs"]
LISTEN = "127.0.0.1:18640"


class Deployment:
    """A data folder, a reviewer's key and a gateway's key in files."""

    def __init__(self, work):
        self.folder = Folder(os.path.join(work, "data"))
        made = self.folder.run("init")
        check("init makes a data folder", made.returncode == 0, made.stdout + made.stderr)
        done = self.folder.run("policy", "activate", os.path.join(HERE, "policy"))
        check("the policy is activated", done.returncode == 0, done.stdout + done.stderr)
        person = self.folder.json("person", "add", "--name", "Rita Reviewer", "--group", "owners")["person"]
        self.reviewer = self.key(work, "reviewer", "--person", person)
        self.gateway = self.key(work, "gateway")

    def key(self, work, kind, *options):
        made = self.folder.json("key", "create", "--kind", kind, "--label", f"the {kind}'s", *options)
        path = os.path.join(work, f"{kind}.key")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(made["secret"])
        return path


def play(mode, deployment, gate, gateway):
    """Runs every script. `gate` are the options that name the gate, `gateway` those that a gateway shows besides."""
    environment = {**os.environ, "COUNTERSIGN_BIN": BIN, "COUNTERSIGN_E2E": PARTS, "E2E_MODE": mode,
                   "E2E_DATA": deployment.folder.path, "E2E_GATE": json.dumps(gate), "E2E_GATEWAY": json.dumps(gateway),
                   "E2E_REVIEWER_KEY": deployment.reviewer, "E2E_GATEWAY_KEY": deployment.gateway}
    for script in SCRIPTS:
        began = time.monotonic()
        command = ["node" if script.endswith(".mjs") else sys.executable, os.path.join(HERE, script)]
        # What servers say on standard error matters only where something is wrong.
        with tempfile.TemporaryFile("w+", errors="replace") as said:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=environment)
            for line in process.stdout:
                pass_on(line)
            ended = process.wait()
            said.seek(0)
            words = f"exit code {ended}\n{said.read()}"
        took = time.monotonic() - began
        check(f"{mode}: {script} ends well ({took:.0f} s)", ended == 0, words)


def pass_on(line):
    """A script's checks count as ours."""
    if line.startswith(("ok ", "not ok ")):
        total(line)
    if line.startswith(("ok ", "not ok ", "  # ")):
        print(line, end="", flush=True)


def everything(folder):
    """All actions, page by page."""
    actions, more = [], []
    while True:
        page = folder.json("action", "list", "--limit", "100", *more)["actions"]
        if not page:
            return actions
        actions += page
        more = ["--before", page[-1]["position"]]


def ask_the_log(folder):
    """Every executed action was started on the wire, with exactly what was authorized."""
    with Serving(folder):
        actions = everything(folder)
        stories = [folder.json("action", "story", action["action"]) for action in actions]
    executed, wrong = 0, []
    for story in stories:
        started = story["answers"][3]["facts"].get("started")
        if not started:
            good = story["badge"] == "NOT EXECUTED" and story["state"] in ("denied", "closed", "waiting", "authorized")
        else:
            executed += 1
            expected = "UNKNOWN" if story["state"] == "unknown" else started["match"].upper()
            good = started["enforcement"] == "wire" and story["badge"] == expected in ("EXACT", "EDITED", "UNKNOWN")
        if not good:
            wrong.append((story["action"], story["state"], story["badge"], started))
    check(f"{executed} of {len(stories)} actions were executed, each on the wire and as authorized",
          executed > 100 and not wrong, wrong)
    badges = {story["badge"] for story in stories}
    check("and the log has every kind of end", badges >= {"EXACT", "EDITED", "UNKNOWN", "NOT EXECUTED"}, badges)
    done = folder.verify()
    check("the published log verifies", done.returncode == 0, done.stdout + done.stderr)
    done = folder.go_check()
    check("Go's implementation opens it", done.returncode == 0, done.stdout + done.stderr)


def end_daemon(folder):
    """Ends the gate that `countersign mcp` started for itself."""
    process = folder.holder()
    if check("countersign mcp started a gate that outlives it", process is not None):
        os.kill(process, signal.SIGTERM)
    for _ in range(100):
        if folder.holder() is None:
            return
        time.sleep(0.1)


def main():
    with tempfile.TemporaryDirectory() as work:
        deployment = Deployment(work)
        with Serving(deployment.folder, "--listen", LISTEN):
            gate = ["--url", f"http://{LISTEN}"]
            play("served", deployment, gate, ["--key-file", deployment.gateway])
        play("alone", deployment, ["--data", deployment.folder.path], [])
        end_daemon(deployment.folder)
        ask_the_log(deployment.folder)
    finish()


main()
