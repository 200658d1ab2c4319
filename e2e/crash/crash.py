"""Kills a gate under load, again and again, and holds it to every answer that it ever gave.

A ledger outside the gate has all answers. At the end every answered record must lie at its position with the content
that was seen, no checkpoint may ever have been of another log, nothing may have been started twice, and what was started
and never finished must be unknown after its deadline. `--forge` adds an answer that was never given: then this must fail.
"""

import json
import os
import random
import sys
import tempfile
import threading
import time

import log
from gate import Gate, Lost

KILLS, CLIENTS = int(os.environ.get("KILLS", "18")), int(os.environ.get("CLIENTS", "6"))
FINAL = {"POST start": "execution.started", "POST finish": "execution.finished"}


class Ledger:
    """What callers were told, outside the gate's reach."""

    def __init__(self, path):
        self.file, self.lock, self.answers = open(path, "w"), threading.Lock(), []

    def add(self, verb, asked, told, seen=None):
        answer = {"verb": verb, "asked": asked, "told": told, "seen": seen}
        with self.lock:
            self.answers.append(answer)
            self.file.write(json.dumps(answer) + "\n")
            self.file.flush()


class Client(threading.Thread):
    """Proposes, starts, finishes; asks again with the same ids where no answer came."""

    def __init__(self, number, gate, ledger, over):
        super().__init__(daemon=True)
        self.number, self.gate, self.ledger, self.over = number, gate, ledger, over
        self.random, self.lost, self.error = random.Random(number), 0, None

    def insist(self, verb, path, body):
        while True:
            try:
                status, told = self.gate.ask("POST", path, body)
            except Lost:
                self.lost += 1
                time.sleep(0.05)
                continue
            if status in (429, 503):
                time.sleep(0.05)
                continue
            if status >= 300:
                raise AssertionError(f"{verb} {body} was answered with {status}: {told}")
            seen = self.look(told) if self.random.random() < 0.2 else None
            self.ledger.add(verb, body, told, seen)
            return told

    def look(self, told):
        """The record behind an answer, as it is right after."""
        try:
            status, records = self.gate.ask("GET", f"/v1/actions/{told['action']}/records")
        except Lost:
            return None
        found = [record["envelope"] for record in records if record["position"] == told["position"]] if status == 200 else []
        return found[0] if found else None

    def run(self):
        try:
            turn = 0
            while not self.over.is_set():
                turn += 1
                self.act(f"c{self.number}-{turn}")
        except BaseException as error:  # noqa: BLE001: told by the main thread
            self.error = error

    def act(self, name):
        payload = {"arguments": {"path": f"/{name}"}, "n": self.random.randrange(10**6)}
        body = {
            "request_id": name,
            "agent": {"id": f"agent-{self.number}"},
            "tool": {"server": "probe", "name": "look"},
            "category": "delete" if self.random.random() < 0.1 else "read",
            "payload": payload,
        }
        if self.random.random() < 0.4:
            body["start_if_allowed"] = {"attempt": f"a-{name}", "deadline_s": self.random.choice([1, 2])}
        view = self.insist("POST propose", "/v1/actions", body)
        path = f"/v1/actions/{view['action']}"
        if view["state"] == "authorized":
            start = {"attempt": f"a-{name}", "payload": payload, "deadline_s": self.random.choice([1, 2])}
            view = self.insist("POST start", f"{path}/start", start)
        if view["state"] == "executing" and self.random.random() < 0.7:
            outcome = self.random.choice(["succeeded", "failed"])
            self.insist_finish(path, {"attempt": f"a-{name}", "outcome": outcome, "response": {"ok": name}})

    def insist_finish(self, path, body):
        view = self.insist("POST finish", f"{path}/finish", body)
        assert view["state"] == body["outcome"], view


class Watcher(threading.Thread):
    """Collects every checkpoint that readers are shown."""

    def __init__(self, gate, over):
        super().__init__(daemon=True)
        self.gate, self.over, self.seen = gate, over, set()

    def run(self):
        while not self.over.is_set():
            try:
                status, note = self.gate.ask("GET", "/log/checkpoint")
                if status == 200:
                    self.seen.add(log.checkpoint(note))
            except Lost:
                pass
            time.sleep(0.03)


def check(gate, ledger, watcher):
    """Everything that must hold, with the gate stopped; the problems."""
    problems = []
    folder = os.path.join(gate.data, "published")
    with open(os.path.join(folder, "checkpoint"), "rb") as file:
        origin, size, root = log.checkpoint(file.read())
    leaves = log.entries(folder, size)
    sizes = {seen[1] for seen in watcher.seen} | {size}
    prefixes = log.roots(leaves, sizes)
    for name, at, stated in watcher.seen | {(origin, size, root)}:
        if (name, prefixes.get(at)) != (origin, stated):
            problems.append(f"the checkpoint of size {at} is of another log")
    records = [json.loads(leaf) for leaf in leaves]
    actions = {}
    for position, record in enumerate(records):
        if "action" in record:
            actions.setdefault(record["action"], []).append((position, record))
    for answer in ledger.answers:
        problems.extend(check_answer(answer, leaves, records))
    named = {}
    for answer in ledger.answers:
        if answer["verb"] == "POST propose":
            named.setdefault(answer["asked"]["request_id"], set()).add(answer["told"]["action"])
    problems += [f"request {name} is {len(them)} actions" for name, them in named.items() if len(them) > 1]
    for action, own in actions.items():
        problems.extend(check_action(action, own))
    return problems, size


def check_answer(answer, leaves, records):
    told, position = answer["told"], answer["told"]["position"]
    if position >= len(records):
        return [f"answered at position {position}, and the log ends at {len(records)}: {answer}"]
    record = records[position]
    if record.get("action") != told["action"]:
        return [f"position {position} holds another action's record: {answer}"]
    expected = FINAL.get(answer["verb"], {
        "executing": "execution.started", "authorized": "action.authorized", "denied": "action.decided",
    }.get(told["state"]))
    # Asked again, a proposal is told where the action stands by now.
    if expected and record["type"] != expected:
        return [f"position {position} holds {record['type']}, answered was {answer}"]
    if answer["seen"] is not None and answer["seen"].encode() != leaves[position]:
        return [f"position {position} was changed since it was seen: {answer}"]
    return []


def check_action(action, own):
    kinds = [record["type"] for _, record in own]
    problems = []
    if [record["step"] for _, record in own] != list(range(len(own))):
        problems.append(f"{action}: steps have gaps: {kinds}")
    if kinds.count("execution.started") > 1:
        problems.append(f"{action} was started twice")
    if "execution.started" in kinds:
        started = own[kinds.index("execution.started")][1]
        finished = [record for _, record in own if record["type"] == "execution.finished"]
        if not finished:
            problems.append(f"{action} was started and is open long after its deadline")
        elif finished[0]["body"]["outcome"] == "unknown" and finished[0]["time"] < started["body"]["deadline"]:
            problems.append(f"{action} is unknown before its deadline")
    return problems


def main():
    binary = os.path.abspath(os.environ["COUNTERSIGN_BIN"])
    work = tempfile.mkdtemp(prefix="countersign-crash-")
    gate = Gate(binary, os.path.join(work, "data"))
    made = gate.run("init")
    assert made.returncode == 0, made.stderr
    gate.start()
    over, ledger = threading.Event(), Ledger(os.path.join(work, "ledger"))
    watcher = Watcher(gate, over)
    clients = [Client(number, gate, ledger, over) for number in range(CLIENTS)]
    for thread in [watcher, *clients]:
        thread.start()
    chance, begun = random.Random(), time.monotonic()
    for kill in range(KILLS):
        time.sleep(chance.choice([0.05, 0.3, 0.8, 1.5, 2.5]) * (0.5 + chance.random()))
        gate.kill()
        gate.start()
        print(f"kill {kill + 1} of {KILLS}: {len(ledger.answers)} answers so far", flush=True)
    time.sleep(1)
    over.set()
    for client in clients:
        client.join(30)
    # Deadlines of two seconds, a sweep every half second.
    time.sleep(4)
    gate.stop()
    if "--forge" in sys.argv:
        # The log's first record is of no action. (The next position may be the same action's next record.)
        forged = dict(ledger.answers[0]["told"], position=0)
        ledger.add("POST start", {}, forged)
    problems, size = check(gate, ledger, watcher)
    problems += [f"client {client.number}: {client.error!r}" for client in clients if client.error]
    verified = gate.run("verify", os.path.join(gate.data, "published"), "--trust", os.path.join(gate.data, "trust"))
    if "FAIL" in verified.stdout or verified.returncode not in (0, 3):
        problems.append(f"verify: {verified.stdout}{verified.stderr}")
    unknown = sum(1 for answer in ledger.answers if answer["told"]["state"] == "executing")
    print(f"{KILLS} kills in {time.monotonic() - begun:.0f} s, {len(ledger.answers)} answers, {size} records, "
          f"{len(watcher.seen)} checkpoints, {sum(client.lost for client in clients)} lost answers, "
          f"{unknown} answered as started")
    print(verified.stdout)
    for problem in problems[:20]:
        print("PROBLEM:", problem)
    print(f"{len(problems)} problems" if problems else "every answer was kept")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
