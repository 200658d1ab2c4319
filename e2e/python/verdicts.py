"""Two verifiers of one format, `countersign verify` and `countersign.verify`, on the same evidence: good, and tampered with in many
places. They must give the same verdict on every question, every time."""

import copy
import json
import os
import random
import tempfile
import urllib.request
from pathlib import Path

from countersign import Client, Refused
from countersign.verify import Trust, Verdict, canonical, envelope, published, verify_proof, verify_story
from countersign.verify.encoding import b64encode
from tally import BIN, Folder, Serving, check, finish, free_port, run

HERE = Path(__file__).resolve().parent
VECTORS = HERE.parent.parent / "docs" / "vectors"
RULES = """
@id("refunds") permit (principal, action == Action::"payment", resource == Tool::"payments/refund");
@id("refunds-large") @review("owners") @message("Over 500 an owner looks.")
forbid (principal, action == Action::"payment", resource == Tool::"payments/refund") when { context.payload.amount > 500 };
"""
# How many changed actions of the vectors' log are compared, and which ones: the seed.
CHANGED, SEED = 200, 20


def ours(report):
    """A report as it is compared."""
    return shape(report.exit_code, report.as_json())


def shape(code, report):
    log = report.get("log")
    return code, {one["question"]: one["verdict"] for one in report["verdicts"]}, report.get("matches"), log


class Comparison:
    """Both verifiers on one input; counts, and keeps where they differ."""

    def __init__(self, work, trust):
        self.work, self.trust_file, self.trust = work, trust, Trust.read(trust)
        self.compared, self.failed, self.differ = 0, 0, []

    def theirs(self, data, *more):
        path = os.path.join(self.work, "input")
        Path(path).write_bytes(data)
        done = run(BIN, "verify", path, "--trust", self.trust_file, "--json", *more)
        if not done.stdout:
            return done.returncode, done.stderr
        return shape(done.returncode, json.loads(done.stdout))

    def same(self, name, here, there):
        self.compared += 1
        self.failed += here[0] == 1
        if here != there:
            self.differ.append((name, here, there))
        return here

    def story(self, name, story):
        data = story if isinstance(story, bytes) else json.dumps(story, ensure_ascii=False).encode()
        return self.same(name, ours(verify_story(data, self.trust)), self.theirs(data))

    def proof(self, name, proof, record):
        path = os.path.join(self.work, "record")
        Path(path).write_bytes(record)
        return self.same(name, ours(verify_proof(proof, record, self.trust)), self.theirs(proof, "--record", path))

    def end(self, what):
        check(f"{what}: both give the same verdicts ({self.compared} inputs, {self.failed} of them FAIL)",
              self.compared and not self.differ, self.differ[:3])


def flipped(data, at):
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def resealed(lines, index, record):
    """The lines of an action with one record replaced, and the chain after it made to fit: whoever holds the log's key could do
    that, so only the rules can tell."""
    lines = [*lines]
    lines[index] = canonical.canonical(record).encode()
    for later in range(index + 1, len(lines)):
        one = envelope.parse(lines[later], envelope.MOST_BYTES, envelope.MOST_DEPTH)
        one["prev"] = b64encode(envelope.leaf_hash(lines[later - 1]))
        lines[later] = canonical.canonical(one).encode()
    return lines


def changed_value(value, chance):
    """Another value of the same kind."""
    Number = canonical.Number
    if isinstance(value, bool):
        return not value
    if isinstance(value, Number):
        return Number(str(max(0, value.integer() + chance.choice((-1, 1, 2)))))
    if isinstance(value, str):
        names = ("approve", "deny", "allow", "review", "policy", "standing", "exact", "edited", "unknown", "succeeded", "failed",
                 "approval", "rejection", "passkey", "system", "reviewer", "agent", "gateway", "owners", "x",
                 "2020-01-01T00:00:00.000000Z", "2200-01-01T00:00:00.000000Z")
        return chance.choice(names)
    if isinstance(value, list):
        return chance.choice(([], value[:-1], value + value[:1], list(reversed(value))))
    return value


def places(value, path=()):
    """Every place in a JSON value."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield (*path, name)
            yield from places(item, (*path, name))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield (*path, at)
            yield from places(item, (*path, at))


def mutated(record, chance):
    record = copy.deepcopy(record)
    path = chance.choice([place for place in places(record) if place[0] not in ("id", "v", "prev", "step", "action", "workspace")])
    held = record
    for name in path[:-1]:
        held = held[name]
    if chance.random() < 0.25:
        del held[path[-1]]
    else:
        held[path[-1]] = changed_value(held[path[-1]], chance)
    return record, path


def actions_of_vectors():
    """The lines of each action of the vectors' log, with their positions."""
    folder = VECTORS / "log"
    size = int((folder / "checkpoint").read_text().split("\n")[1])
    found = {}
    for position, line in enumerate(published.read_bundles(folder, "tile/entries", size, 2)):
        record = envelope.read(line)
        if "action" in record:
            found.setdefault(record["action"], []).append((position, line))
    return list(found.values())


def told(positions, lines):
    return {"records": [{"position": position, "envelope": line.decode(), "disclosures": []}
                        for position, line in zip(positions, lines)]}


def vectors(work):
    comparison, chance = Comparison(work, str(VECTORS / "trust")), random.Random(SEED)
    actions = actions_of_vectors()
    for action in actions:
        positions, lines = zip(*action)
        good = comparison.story("good", told(positions, lines))
        if good[0] == 1:
            check("a good action of the vectors passes", False, good)
    comparison.end(f"{len(actions)} actions that take every course")
    comparison = Comparison(work, str(VECTORS / "trust"))
    for _ in range(CHANGED):
        positions, lines = zip(*chance.choice(actions))
        index = chance.randrange(len(lines))
        kind = chance.random()
        if kind < 0.1:
            rest = [at for at in range(len(lines)) if at != index]
            comparison.story(f"without {index}", told([positions[at] for at in rest], [lines[at] for at in rest]))
            continue
        if kind < 0.2:
            spoiled = [*lines]
            spoiled[index] = flipped(lines[index], chance.randrange(len(lines[index])))
            try:
                comparison.story(f"a bit of {index}", told(positions, spoiled))
            except UnicodeDecodeError:
                pass
            continue
        record, path = mutated(envelope.read(lines[index]), chance)
        comparison.story(f"{record.get('type')} {path}", told(positions, resealed(lines, index, record)))
    comparison.end("records changed and chained anew")
    comparison = Comparison(work, str(VECTORS / "trust"))
    for path in sorted((VECTORS / "proofs").glob("*.tlog-proof")):
        record = path.with_suffix(".json").read_bytes()
        good = comparison.proof(path.name, path.read_bytes(), record)
        check(f"{path.name}: authenticity and integrity PASS", good[1]["authenticity"] == good[1]["integrity"] == "PASS", good)
        # What does not begin as a proof is not taken for one.
        for at in range(len("c2sp.org/tlog-proof@"), len(path.read_bytes()), 41):
            comparison.proof(f"{path.name} byte {at}", flipped(path.read_bytes(), at), record)
        comparison.proof("another record", path.read_bytes(), record + b" ")
    comparison.end("proofs, and changed ones")


def trust_files(work):
    """What one takes for a trust file the other does too."""
    text = (VECTORS / "trust").read_text()
    key = next(line for line in text.splitlines() if line.startswith("log ")).split()[1]
    cases = [text, text[:-1], text + "quorum none\n", text.replace("quorum none\n", ""), "quorum none\n", "", text + "what\n",
             text.replace("log ", "log\t"), text + f"log {key}\n", text + "group g any w\n", text.replace("none", "nobody"),
             text.replace("log ", "witness w "), "#\n\n" + text, text.replace("\n", "\r\n"), text + "log a b c d\n",
             f"log {key[:-4]}AAA=\nquorum none\n", text.replace("+", "-", 1), "\x00" + text]
    story = json.dumps({"records": []}).encode()
    differ = []
    path = os.path.join(work, "trust")
    for case in cases:
        Path(path).write_bytes(case.encode())
        there = run(BIN, "verify", str(VECTORS / "proofs" / "0.tlog-proof"), "--record", str(VECTORS / "proofs" / "0.json"), "--trust", path)
        try:
            proof, record = (VECTORS / "proofs" / "0.tlog-proof").read_bytes(), (VECTORS / "proofs" / "0.json").read_bytes()
            here = verify_proof(proof, record, Trust.read(path)).exit_code
        except ValueError:
            here = 2
        if here != there.returncode:
            differ.append((case, here, there.returncode, there.stderr))
    check(f"{len(cases)} trust files, good and bad: both say the same", not differ, differ)
    check("an empty story is NOT CHECKED", verify_story(story, None).exit_code == 3)


def fetched(url, key, path):
    asked = urllib.request.Request(url + path, headers={"authorization": f"Bearer {key}"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return answer.read()


def real(work):
    """Evidence of a gate that runs here."""
    folder = Folder(os.path.join(work, "data"))
    folder.run("init")
    policy = os.path.join(work, "policy")
    os.makedirs(policy)
    for name, text in (("rules.cedar", RULES), ("entities.json", '{"review_groups":{"owners":"who may spend"}}')):
        Path(policy, name).write_text(text)
    check("the policy is activated", folder.run("policy", "activate", policy).returncode == 0)
    key = folder.json("key", "create", "--kind", "agent", "--label", "billing")["secret"]
    auditor = folder.json("key", "create", "--kind", "auditor", "--label", "auditor")["secret"]
    os.environ["COUNTERSIGN_SOLO"] = "true"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with Serving(folder, "--listen", f"127.0.0.1:{port}"):
        gate = Client(url, key=key, agent="billing", hold=0)
        ids = acted(folder, gate, work)
        records = [json.loads(fetched(url, auditor, f"/v1/actions/{action}/records")) for action in ids]
        stories = [folder.run("action", "story", action, "--json").stdout.encode() for action in ids]
        folder.run("log", "checkpoint")
        proven = []
        for told in records:
            for one in told:
                one = {**one, "proof": fetched(url, auditor, f"/v1/records/{one['position']}/proof").decode()}
                proven.append(one)
    comparison = Comparison(work, folder.at("trust"))
    for told, story in zip(records, stories):
        good = comparison.story("story", story)
        check("a story of the gate has nothing that fails", good[0] == 3 and good[1]["openings"] == "PASS", good)
        report = verify_story(json.dumps(told).encode(), comparison.trust)
        check("nor have its records as the API hands them out", report.exit_code == 3 and not report.failed, report.as_json())
        both = {"records": [one for one in proven if one["position"] in {record["position"] for record in told}]}
        good = comparison.story("with proofs", both)
        check("with proofs authenticity is PASS", good[1]["authenticity"] == "PASS" and good[1]["integrity"] == "PASS", good)
        empty = {"records": [{**both["records"][0], "proof": ""}, *both["records"][1:]]}
        check("an empty proof is a bad one", comparison.story("an empty proof", empty)[1]["authenticity"] == "FAIL")
        tampered(comparison, both)
    comparison.end("stories of a running gate, and tampered ones")
    commands(work, stories[0], folder)


def acted(folder, gate, work):
    """Actions of every kind; their ids."""
    ids = []
    one = gate.start("payments/refund", {"order": "o-1", "amount": 20}, category="payment")
    one.succeeded({"id": "re_1", "to": {"name": "x"}})
    gate.finish(one)
    ids.append(one.id)
    for amount, payload in ((700, {"order": "o-2", "amount": 700}), (800, {"order": "o-3", "amount": 80})):
        proposed = {"order": payload["order"], "amount": amount}
        held = gate.propose("payments/refund", proposed, category="payment")
        edit = []
        if payload != proposed:
            Path(work, "edit.json").write_text(json.dumps(payload))
            edit = ["--edit", os.path.join(work, "edit.json")]
        folder.run("review", "approve", held.id, "--yes", "--reason", "agreed", *edit)
        try:
            gate.start("payments/refund", {**payload, "amount": 9999}, resume=held.id)
        except Refused as refused:
            check("another payload is refused as a mismatch", refused.name == "mismatch", refused.problem)
        go = gate.start("payments/refund", proposed, category="payment")
        check("the authorized one goes ahead", go.id == held.id and go.payload == payload, go)
        go.succeeded() if edit else go.unknown()
        gate.finish(go)
        ids.append(go.id)
    ids.append(gate.propose("payments/transfer", {"amount": 1}, category="payment").id)
    return ids


def tampered(comparison, story):
    """Every kind of change to every record."""
    for index in range(len(story["records"])):
        def changed(name, work):
            copied = copy.deepcopy(story)
            work(copied["records"], copied["records"][index])
            return comparison.story(f"{name} {index}", copied)

        def flip(member, where):
            def work(records, record):
                text = record[member]
                at = int(len(text) * where)
                record[member] = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:]
            return work

        for where in (0.05, 0.35, 0.7, 0.97):
            changed("a letter of the envelope of", flip("envelope", where))
            changed("a letter of the proof of", flip("proof", where))
        changed("the leaf of", flip("leaf", 0.5))
        changed("without", lambda records, record: records.remove(record))
        changed("an empty proof of", lambda records, record: record.update(proof=""))
        changed("without the proof of", lambda records, record: record.pop("proof"))
        changed("without leaf", lambda records, record: record.pop("leaf"))
        changed("another position of", lambda records, record: record.update(position=record["position"] + 1))
        changed("no position of", lambda records, record: record.update(position="x"))
        changed("a record twice", lambda records, record: records.insert(index, copy.deepcopy(record)))
        changed("the envelope as an object", lambda records, record: record.update(envelope=json.loads(record["envelope"])))
        changed("foreign disclosures of", lambda records, record: record.update(disclosures=records[0]["disclosures"] + ["e30"]))
        changed("no disclosures of", lambda records, record: record.update(disclosures=[]))
        for at in range(0, len(story["records"][index]["disclosures"]), 4):
            changed(f"disclosure {at} less of", lambda records, record: record["disclosures"].pop(at))

            def spoil(records, record):
                text = record["disclosures"][at]
                record["disclosures"][at] = text[:-2] + ("A" if text[-2] != "A" else "B") + text[-1]

            changed(f"disclosure {at} spoiled of", spoil)
    for data in (b"", b"{}", b"[", b"\xff", b'{"records":1}', b'{"records":[1]}', b'{"records":[],"records":[]}', b'{"records":[]}'):
        comparison.story(data, data)


def commands(work, story, folder):
    """`python -m countersign.verify`."""
    path = os.path.join(work, "story.json")
    Path(path).write_bytes(story)
    python = [os.sys.executable, "-m", "countersign.verify"]
    done = run(*python, path, "--trust", folder.at("trust"), "--json")
    verdicts = {one["question"]: one["verdict"] for one in json.loads(done.stdout)["verdicts"]}
    check("the command: exit code 3, as a story alone never passes wholly", done.returncode == 3 and Verdict.FAIL not in verdicts.values(), done)
    Path(path).write_bytes(story.replace(b'\\"allow\\"', b'\\"deny\\"', 1))
    done = run(*python, path, "--trust", folder.at("trust"))
    check("exit code 1 where something was changed", done.returncode == 1 and "FAIL" in done.stdout, done)
    check("exit code 2 for a file that is not there", run(*python, path + "x").returncode == 2)


with tempfile.TemporaryDirectory(prefix="countersign-verdicts-") as folder_of_work:
    real(folder_of_work)
    vectors(folder_of_work)
    trust_files(folder_of_work)
finish()
