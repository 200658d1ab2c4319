"""Each client does what a scripted model says, with its configuration as `countersign install` wrote it: built-in tools through the
hook, an MCP server's tools through hook and gateway."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time

from clients import CLIENTS
from model import Model
from tally import BIN, Folder, Serving, check, finish, run

HERE = os.path.dirname(os.path.abspath(__file__))


class Gate:
    """A data folder with the policy of `policy/` and a reviewer."""

    def __init__(self, work):
        self.folder = Folder(os.path.join(work, "data"))
        for arguments in (["init"], ["policy", "activate", os.path.join(HERE, "policy")]):
            done = self.folder.run(*arguments)
            if done.returncode != 0:
                raise AssertionError(done.stdout + done.stderr)
        person = self.folder.json("person", "add", "--name", "Rita Reviewer", "--group", "owners")["person"]
        made = self.folder.json("key", "create", "--kind", "reviewer", "--label", "the reviewer's", "--person", person)
        self.key = os.path.join(work, "reviewer.key")
        with open(os.open(self.key, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(made["secret"])

    def actions(self, **wanted):
        found = self.folder.json("action", "list", "--limit", "100")["actions"]
        return [one for one in found if all(one[name] == value for name, value in wanted.items())]

    def waiting(self, agent):
        return [one["action"] for one in self.actions(agent=agent, state="waiting")]

    def approve(self, action, *options):
        done = self.folder.run("review", "approve", action, "--yes", "--key-file", self.key, *options)
        if done.returncode != 0:
            raise AssertionError(f"approving {action}: {done.stdout}{done.stderr}")

    def story(self, action):
        return self.folder.json("action", "story", action)

    def while_held(self, agent, then):
        """Does something as soon as a call of this agent waits."""
        def watch():
            for _ in range(200):
                for action in self.waiting(agent):
                    then(action)
                    return
                time.sleep(0.2)
        thread = threading.Thread(target=watch)
        thread.start()
        return thread


class Play:
    """One client's checks."""

    def __init__(self, gate, kind, work, model):
        self.gate, self.client = gate, kind(os.path.join(work, kind.name), model)
        self.agent = kind.agent

    def check(self, what, good, seen=""):
        return check(f"{self.client.name}: {what}", good, seen)

    def made(self, name):
        return os.path.exists(os.path.join(self.client.work, name))

    def last(self, count=1):
        return self.gate.actions(agent=self.agent)[:count]

    def command(self, *arguments):
        return run(BIN, *arguments, "--data", self.gate.folder.path, env={"HOME": self.client.home})

    def all(self):
        self.install()
        self.built_in()
        self.behind_the_gateway()
        self.what_fails()
        self.undo()

    def install(self):
        done = self.command("install", self.client.name, "--yes")
        self.check("install writes hooks and puts the server behind the gateway",
                   done.returncode == 0 and "+" in done.stdout and "--behind-gate spy" in done.stdout, done.stdout + done.stderr)
        again = self.command("install", self.client.name, "--yes")
        self.check("a second install changes nothing", "there already" in again.stdout, again.stdout + again.stderr)
        doctor = self.command("doctor", self.client.name)
        self.check("doctor finds all covered", doctor.returncode == 0 and "NO " not in doctor.stdout, doctor.stdout + doctor.stderr)

    def built_in(self):
        said = self.client.shell("echo allowed > allowed.txt")
        action = self.last()[0]
        self.check("an allowed command runs, and its outcome is on record",
                   self.made("allowed.txt") and action["state"] == "succeeded", (said[-1500:], action))
        started = self.gate.story(action["action"])["answers"][3]["facts"].get("started") or {}
        self.check("and counts as the client's word", started.get("enforcement") == "attested", started)
        said = self.client.shell("echo forbidden > denied.txt")
        action = self.last()[0]
        self.check("a denied command does not run, and the model is told why",
                   not self.made("denied.txt") and action["state"] == "denied" and "off limits" in said, (said[-1500:], action))
        approver = self.gate.while_held(self.agent, self.gate.approve)
        said = self.client.shell("echo held-a > held.txt")
        approver.join()
        self.check("a held command runs once it is approved", self.made("held.txt"), said[-1500:])
        self.edited()
        self.client.edit("--deadline 570", "--deadline 2")
        said = self.client.shell("echo held-b > late.txt")
        self.check("held past the deadline it is denied as pending", not self.made("late.txt") and "pending" in said, said[-1500:])
        waiting = self.gate.waiting(self.agent)
        for action in waiting:
            self.gate.approve(action)
        said = self.client.shell("echo held-b > late.txt")
        action = self.last()[0]
        self.check("and the same command, once approved, is that very action",
                   self.made("late.txt") and [action["action"]] == waiting and action["state"] == "succeeded", (said[-1500:], action))
        if self.client.name == "claude":
            self.deferred()
        self.client.edit("--deadline 2", "--deadline 570")

    def edited(self):
        def edit(action):
            shown = self.gate.folder.json("review", "show", action, "--key-file", self.gate.key)
            payload = json.loads(json.dumps(shown["payload"]).replace("held-e", "edited"))
            path = os.path.join(self.client.home, "edit.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(payload, file)
            self.gate.approve(action, "--edit", path)
        approver = self.gate.while_held(self.agent, edit)
        said = self.client.shell("echo held-e > edited.txt")
        approver.join()
        path = os.path.join(self.client.work, "edited.txt")
        text = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
        action = self.last()[0]
        self.check("what a reviewer edited is what runs", text == "edited\n" and action["state"] == "succeeded",
                   (text, action, said[-1500:]))

    def deferred(self):
        self.client.edit("--deadline 2", "--deadline 2 --defer 0")
        said = self.client.shell("echo held-d > deferred.txt")
        answer = json.loads(said)
        self.check("with --defer the run ends and can be resumed", answer.get("terminal_reason") == "tool_deferred", said[-1500:])
        for action in self.gate.waiting(self.agent):
            self.gate.approve(action)
        said = self.client.run("go on", "--resume", answer["session_id"])
        self.check("resumed after the approval it runs", self.made("deferred.txt"), said[-1500:])
        self.client.edit("--deadline 2 --defer 0", "--deadline 2")

    def behind_the_gateway(self):
        before = len(self.gate.actions(tool="spy/send_email", agent=self.agent))
        said = self.client.send("alice@example.com")
        actions = self.gate.actions(tool="spy/send_email", agent=self.agent)
        one = len(actions) == before + 1
        self.check("an allowed mail is sent, as one action", self.client.mails() == ["alice@example.com"] and one,
                   (said[-1500:], actions))
        started = self.gate.story(actions[0]["action"])["answers"][3]["facts"].get("started") or {}
        self.check("executed on the wire by the gateway", started.get("enforcement") == "wire", started)
        said = self.client.send("forbidden@example.com")
        actions = self.gate.actions(tool="spy/send_email", agent=self.agent)
        self.check("a denied mail never reaches the server", len(self.client.mails()) == 1 and actions[0]["state"] == "denied",
                   (said[-1500:], actions[0]))
        approver = self.gate.while_held(self.agent, self.gate.approve)
        before = len(actions)
        said = self.client.send("held@example.com")
        approver.join()
        actions = self.gate.actions(tool="spy/send_email", agent=self.agent)
        self.check("a held mail is sent once it is approved, as one action",
                   self.client.mails()[1:] == ["held@example.com"] and len(actions) == before + 1, (said[-1500:], actions[:2]))

    def what_fails(self):
        gate = f"--data {self.gate.folder.path} --deadline"
        self.client.edit(gate, "--url http://127.0.0.1:9 --deadline")
        said = self.client.shell("echo allowed > down.txt")
        self.check("without a gate nothing runs", not self.made("down.txt"), said[-1500:])
        doctor = self.command("doctor", self.client.name)
        self.check("and doctor says so", doctor.returncode == 1 and "not this program for this gate" in doctor.stdout, doctor.stdout)
        self.client.edit("--url http://127.0.0.1:9 --deadline", gate)
        # A hook that is killed: what docs/hooks.md says of each client.
        self.client.edit(f"{BIN} hook", f"kill -9 $$; {BIN} hook")
        said = self.client.shell("echo allowed > killed.txt")
        stops = self.client.failing_hook_stops
        self.check("a killed hook stops the tool" if stops else "a killed hook lets the tool run, as documented",
                   self.made("killed.txt") != stops, said[-1500:])
        self.client.edit(f"kill -9 $$; {BIN} hook", f"{BIN} hook")

    def undo(self):
        done = self.command("install", self.client.name, "--yes")
        done = self.command("install", self.client.name, "--undo", "--yes")
        now = {path: open(self.client.at(path), encoding="utf-8").read() for path in self.client.before}
        # What a client wrote into its own files meanwhile stays.
        same = [path for path, text in self.client.before.items() if now[path] == text]
        ours = [path for path, text in now.items() if "countersign" in text.replace(self.client.home, "")]
        self.check("undo brings the configuration back", done.returncode == 0 and same and not ours, (done.stderr, now))


def version(kind):
    """Why the client does not run here; None where it does."""
    try:
        done = subprocess.run([kind.program, "--version"], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "HOME": tempfile.gettempdir()})
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else (done.stdout + done.stderr)[-300:]


def main():
    wanted, ran = sys.argv[1:], []
    with tempfile.TemporaryDirectory() as work, Model() as model:
        gate = Gate(work)
        with Serving(gate.folder):
            for kind in CLIENTS:
                if wanted and kind.name not in wanted:
                    continue
                why = version(kind)
                ran.append(not why)
                if why:
                    print(f"SKIPPED: {kind.name} does not run here: {why.strip()}", flush=True)
                    continue
                began = time.monotonic()
                Play(gate, kind, work, model.url).all()
                print(f"  # {kind.name}: {time.monotonic() - began:.0f} s", flush=True)
        if ran and not any(ran):
            # Nothing was checked: that is said, and no failure of ours.
            return
        done = gate.folder.verify()
        check("the published log verifies", done.returncode == 0, done.stdout + done.stderr)
    finish()


main()
