"""What every adapter must do, played with a real gate: one list of scenarios, whatever the framework.

A framework is a function `prepare(gate, **options)` that sets its adapter up, and returns a function `play(calls)`: it runs an
agent whose model is scripted to make these calls (name, arguments, call id) one after the other, and returns what the model was
told after each of them, as text.
"""

import json
import logging
import os
import tempfile
import threading
import time

import docs
from countersign import AsyncClient
from tally import Folder, Serving, check, finish, free_port

# Frameworks say much about tools that raise, which is what some scenarios are about.
logging.disable(logging.ERROR)

RULES = """
@id("refunds") permit (principal, action == Action::"payment", resource == Tool::"tools/refund");
@id("refunds-large") @review("owners") @message("Over 500 an owner looks.")
forbid (principal, action == Action::"payment", resource == Tool::"tools/refund") when { context.payload.amount > 500 };
"""
CATEGORIES = {"refund": "payment", "transfer": "payment"}
# What reached the other side: all that was executed.
done = []


def refund(order: str, amount: int = 1000) -> str:
    """Pays back."""
    done.append((order, amount))
    if order == "broken":
        raise ValueError("no such order")
    if order == "late":
        raise TimeoutError("no answer")
    return f"paid {amount}"


def transfer(amount: int) -> str:
    """Moves money: no rule permits it."""
    done.append(("transfer", amount))
    return "moved"


class House:
    """A served gate, and what its owner does."""

    def __init__(self, work, kind):
        self.folder, self.kind, self.work = Folder(os.path.join(work, "data")), kind, work
        self.folder.run("init")
        policy = os.path.join(work, "policy")
        os.makedirs(policy)
        for name, text in (("rules.cedar", RULES), ("entities.json", '{"review_groups":{"owners":"who may spend"}}')):
            with open(os.path.join(policy, name), "w", encoding="utf-8") as file:
                file.write(text)
        activated = self.folder.run("policy", "activate", policy)
        if activated.returncode != 0:
            raise AssertionError(activated.stderr)
        self.key = self.folder.json("key", "create", "--kind", "agent", "--label", "agent")["secret"]
        os.environ["COUNTERSIGN_SOLO"] = "true"
        self.port = free_port()
        self.serving = Serving(self.folder, "--listen", f"127.0.0.1:{self.port}")

    def gate(self, port=None):
        return self.kind(f"http://127.0.0.1:{port or self.port}", key=self.key, agent="billing")

    def waiting(self):
        for _ in range(200):
            found = self.folder.json("review", "list")
            if found:
                return found[0]["action"]
            time.sleep(0.05)
        raise AssertionError("nothing waits")

    def approve(self, action, edit=None):
        more = []
        if edit is not None:
            path = os.path.join(self.work, "edit.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(edit, file)
            more = ["--edit", path]
        said = self.folder.run("review", "approve", action, "--yes", "--reason", "agreed", *more)
        if said.returncode != 0:
            raise AssertionError(said.stderr)

    def last(self):
        return self.folder.json("action", "list", "--limit", "1")["actions"][0]

    def story(self, action):
        return json.dumps(self.folder.json("action", "story", action))


def aside(work):
    """Runs something in a thread; its result is in the list that comes back once the thread has ended."""
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    return thread, found


def allowed_and_denied(house, prepare, ids):
    play = prepare(house.gate())
    said = play([("refund", {"order": "o-1", "amount": 20}, "call_1")])
    check("an allowed call runs, and the model sees its result", done == [("o-1", 20)] and "paid 20" in said[0], (done, said))
    row = house.last()
    story = house.story(row["action"])
    check("it is on record as succeeded", row["state"] == "succeeded" and "paid 20" in story, row)
    check("with the framework's id of the call", not ids or "call_1" in story, story)
    said = play([("transfer", {"amount": 1}, "call_2")])
    check("a denied call does not run, and the model is told so", len(done) == 1 and "Denied" in said[0], said)
    try:
        play([("refund", {"order": "broken", "amount": 1}, "call_3")])
    except ValueError:
        pass  # some frameworks end the run
    check("what a tool that raises has done nobody knows", done[-1] == ("broken", 1) and house.last()["state"] == "unknown", house.last())
    try:
        play([("refund", {"order": "late", "amount": 1}, "call_12")])
    except TimeoutError:
        pass
    check("nor one that times out", done[-1] == ("late", 1) and house.last()["state"] == "unknown", house.last())


def held(house, prepare):
    play = prepare(house.gate(), wait_s=30)
    large = ("refund", {"order": "o-2", "amount": 700}, "call_4")
    before = len(done)
    thread, said = aside(lambda: play([large]))
    action = house.waiting()
    check("a call that waits has not run", len(done) == before)
    house.approve(action)
    thread.join(timeout=60)
    check("it runs once it is approved", done[-1] == ("o-2", 700) and said and "paid 700" in said[0][0], said)
    thread, said = aside(lambda: play([("refund", {"order": "o-3", "amount": 800}, "call_5")]))
    house.approve(house.waiting(), {"order": "o-3", "amount": 80})
    thread.join(timeout=60)
    check("an edited call runs with the edited arguments", done[-1] == ("o-3", 80), done)
    check("and the model sees that", said and "80" in said[0][0] and "reviewer changed" in said[0][0], said)
    before = len(done)
    play = prepare(house.gate(), wait_s=0)
    said = play([("refund", {"order": "o-4", "amount": 900}, "call_6")])
    check("who does not wait is told to call again", len(done) == before and "Pending" in said[0], said)
    house.approve(house.waiting())
    said = play([("refund", {"order": "o-4", "amount": 901}, "call_7")])
    check("other arguments are not under that approval", len(done) == before and "Pending" in said[0], said)
    house.folder.run("review", "deny", house.waiting(), "--yes", "--reason", "no")
    said = play([("refund", {"order": "o-4", "amount": 900}, "call_8")])
    check("the identical call redeems it", done[-1] == ("o-4", 900) and "paid 900" in said[0], said)
    said = play([("refund", {"order": "o-4", "amount": 900}, "call_9")])
    check("once", len(done) == before + 1 and "Pending" in said[0], said)
    house.folder.run("review", "deny", house.waiting(), "--yes", "--reason", "no")


def fitted(house, prepare):
    """What the tool makes of its arguments is judged, not what the model wrote."""
    play = prepare(house.gate(), wait_s=0)
    before = len(done)
    said = play([("refund", {"order": "o-10"}, "call_13")])
    check("a default is judged", len(done) == before and "Pending" in said[0], (done[before:], said))
    action = house.waiting()
    check("and people see it", '"amount": 1000' in house.story(action).replace('\\"', '"'), house.story(action))
    house.approve(action)
    said = play([("refund", {"order": "o-10"}, "call_14")])
    check("then the call runs", done[-1] == ("o-10", 1000) and "paid 1000" in said[0], (done[before:], said))
    play([("refund", {"order": "o-11", "amount": "900"}, "call_15")])
    check("a text that the tool takes for a number is judged as one", ("o-11", 900) not in done, done[before:])
    for row in house.folder.json("review", "list"):
        house.folder.run("review", "deny", row["action"], "--yes", "--reason", "no")
    before, play = len(done), prepare(house.gate(), wait_s=30)
    thread, said = aside(lambda: play([("refund", {"order": "o-12", "amount": 700}, "call_16")]))
    action = house.waiting()
    house.approve(action, {"order": "o-12", "amount": 70, "note": "x"})
    thread.join(timeout=60)
    check("an edit that the tool would not take as it is does not run", len(done) == before and "Refused" in said[0][0], (done[before:], said))
    check("and is on record as failed", house.last()["state"] == "failed", house.last())


def changed(house, prepare):
    """The same call of the framework comes back with other arguments than people have approved."""
    before = len(done)
    play = prepare(house.gate(), wait_s=0)
    play([("refund", {"order": "o-7", "amount": 700}, "call_11")])
    action = house.waiting()
    house.approve(action)
    said = play([("refund", {"order": "o-7", "amount": 7000}, "call_11")])
    check("arguments that were changed after the approval are refused", len(done) == before and "Refused" in said[0], said)
    check("which is on record", "execution.refused" in house.story(action), house.story(action))
    said = play([("refund", {"order": "o-7", "amount": 700}, "call_11")])
    check("the approved ones still run", done[-1] == ("o-7", 700) and "paid 700" in said[0], said)


def documented(house, section, model=None):
    """The framework's section of docs/adapters-python.md, as it stands there."""
    before = house.last()["action"]
    docs.play(docs.blocks("adapters-python.md", section), f"http://127.0.0.1:{house.port}", house.key, model=model)
    row = house.last()
    check("the documentation's code does what it says", row["action"] != before and row["state"] == "succeeded"
          and '"order": "o-1"' in house.story(row["action"]).replace('\\"', '"'), row)


def down(house, prepare):
    before = len(done)
    play = prepare(house.gate(free_port()))
    said = play([("refund", {"order": "o-9", "amount": 1}, "call_10")])
    check("without a gate nothing runs, and the model is told so", len(done) == before and "Not executed" in said[0], said)


def run(prepare, *more, kind=AsyncClient, ids=True, changes=True, fits=True):
    """All scenarios, and further ones of the framework: functions of (house). `ids`: the framework tells the call's id.
    `changes`: two runs of one session can be played. `fits`: the adapter knows what the tool makes of its arguments."""
    with tempfile.TemporaryDirectory(prefix="countersign-adapters-") as work:
        house = House(work, kind)
        with house.serving:
            allowed_and_denied(house, prepare, ids)
            held(house, prepare)
            if ids and changes:
                changed(house, prepare)
            if fits:
                fitted(house, prepare)
            for one in more:
                one(house)
            down(house, prepare)
        verdict = house.folder.verify()
        check("the evidence of all that verifies", verdict.returncode == 0, verdict.stdout + verdict.stderr)
    finish()
