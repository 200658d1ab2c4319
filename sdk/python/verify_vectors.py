#!/usr/bin/env python3
"""Checks the evidence format's test vectors from the text of docs/evidence-format.md alone.

    python3 sdk/python/verify_vectors.py docs/vectors

Standard library and `cryptography`. Exit code 0 where everything holds, 1 where not, 2 for a wrong call.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

from countersign.verify import canonical, disclosure, envelope, merkle, passkey, published, vault
from countersign.verify.encoding import b64decode, b64encode
from countersign.verify.forms import Malformed
from countersign.verify.note import Checkpoint, Key, Note
from countersign.verify.proof import Proof
from countersign.verify.records import redeems_rightly, seals_rightly
from countersign.verify.trust import Trust


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0

    def check(self, name, holds):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {name}")

    def accepts(self, name, work):
        try:
            self.check(name, work() is not False)
        except Exception as error:
            self.check(f"{name}: {type(error).__name__}: {error}", False)

    def refuses(self, name, work, *errors):
        try:
            work()
            self.check(f"{name}: accepted", False)
        except errors:
            self.check(name, True)


def check_canonical(folder, tally):
    file = json.loads((folder / "canonical.json").read_text())
    for case in file["accept"]:
        value = canonical.parse(case["in"].encode())
        tally.check(f"canonical {case['in']!r}", canonical.canonical(value) == case["out"])
        again = canonical.canonical(canonical.parse(case["out"].encode()))
        tally.check(f"canonical twice {case['in']!r}", again == case["out"])
    for case in file["reject"]:
        data = b64decode(case["in"])
        try:
            canonical.parse(data)
            found = "accepted"
        except canonical.Refused as error:
            found = error.kind
        tally.check(f"refuse {data[:40]!r}: {found}, not {case['error']}", found == case["error"])


def check_envelopes(folder, tally):
    file = json.loads((folder / "envelopes.json").read_text())
    for case in file["accept"]:
        data = case["envelope"].encode()
        tally.accepts(f"envelope {data[:60]}", lambda data=data: seals_rightly(envelope.read(data)))
        tally.check("leaf hash", b64encode(envelope.leaf_hash(data)) == case["leaf"])
    for case in file["reject"]:
        data = case["envelope"].encode()
        errors = (Malformed, canonical.Refused)
        tally.refuses(f"refuse envelope: {case['why']}", lambda data=data: envelope.read(data), *errors)


def check_conformance(folder, tally):
    file = json.loads((folder / "conformance.json").read_text())
    for case in file["seals_wrongly"]:
        data = case["envelope"].encode()
        tally.check("leaf hash", b64encode(envelope.leaf_hash(data)) == case["leaf"])
        record = envelope.read(data)
        tally.check(f"find that {case['why']}", not seals_rightly(record))
    rules = (
        ("unknown", given_up_in_time, True),
        ("unknown_too_soon", given_up_in_time, False),
        ("redeemed", redeemed_by_another, True),
        ("redeemed_wrongly", redeemed_by_another, False),
    )
    for name, rule, holds in rules:
        for case in file[name]:
            lines = [text.encode() for text in case["records"]]
            records = [envelope.read(line) for line in lines]
            chained = [b64encode(envelope.leaf_hash(line)) for line in lines]
            tally.check("chain", [record.get("prev") for record in records] == [None, *chained[:-1]])
            tally.check("last leaf", chained[-1] == case["last_leaf"])
            tally.check(f"a case of {name}", rule(records) == holds)
            if name.startswith("redeemed"):
                tally.check("sealed fields", all(map(seals_rightly, records)))


def check_signatures(folder, tally):
    file = json.loads((folder / "signatures.json").read_text())
    for case in file["accept"]:
        record = envelope.read(case["envelope"].encode())
        tally.check("statement", passkey.statement(record).decode() == case["statement"])
        tally.check("origin", passkey.check(record, case["assertion"]) == case["origin"])
    for case in file["reject"]:
        record = envelope.read(case["envelope"].encode())
        errors = (passkey.Unsigned, canonical.Refused, Malformed)
        tally.refuses(f"refuse: {case['why']}", lambda: passkey.check(record, case["assertion"]), *errors)


def only(records, kind):
    return next(record for record in records if record["type"] == kind)


def redeemed_by_another(records):
    return redeems_rightly(only(records, "action.proposed"), only(records, "execution.started"))


def given_up_in_time(records):
    """The gate itself says that an outcome is unknown only from the deadline on."""
    started, finished = records[-2:]
    by_gate = finished["body"]["outcome"] == "unknown" and finished["actor"]["type"] == "system"
    return not by_gate or finished["time"] >= started["body"]["deadline"]


def check_disclosures(folder, tally):
    file = json.loads((folder / "disclosures.json").read_text())
    for case in file["seal"]:
        value = canonical.parse(case["value"].encode())
        digest, disclosures = disclosure.seal(b64decode(case["key"]), case["label"], case["name"], value)
        same = digest == case["digest"] and sorted(disclosures) == sorted(case["disclosures"])
        tally.check(f"seal {case['value']}", same and disclosures[0] == case["disclosures"][0])
    for case in file["open"]:
        opened = disclosure.Disclosures(case["disclosures"]).open(case["name"], case["digest"])
        expected = case["value"] and (canonical.parse(case["value"].encode()), case["withheld"])
        tally.check(f"open {case['value']}", opened == expected)
    for case in file["reject"]:
        text = case["disclosure"]
        tally.refuses(f"refuse disclosure: {case['why']}", lambda: disclosure.read_disclosure(text), disclosure.Malformed)


def check_vault(folder, tally):
    file = json.loads((folder / "vault.json").read_text())
    for case in file["open"]:
        entry = b64decode(case["entry"])
        tally.check("vault digest", b64encode(hashlib.sha256(entry).digest()) == case["digest"])
        keys = {key_id: b64decode(key) for key_id, key in case["keys"].items()}
        sections = vault.sections(entry)
        tally.check("number of sections", len(sections) == len(case["fields"]))
        for index, (section, text) in enumerate(zip(sections, case["fields"])):
            arguments = (index, section, case["origin"], case["record"], keys)
            key, fields = vault.open_section(*arguments, b64decode(case["action_key"]))
            if fields is None and key is not None:
                tally.skipped += 1
                continue
            tally.check(f"vault section {text[:40]}", fields == canonical.parse(text.encode()))
            wrong = (index, section, case["origin"] + "x", case["record"], keys, b64decode(case["action_key"]))
            tally.refuses("another origin", lambda: vault.open_section(*wrong), vault.Malformed)
    for case in file["reject"]:
        entry = b64decode(case["entry"])
        tally.refuses(f"refuse vault entry: {case['why']}", lambda: vault.sections(entry), vault.Malformed)


def check_packed(folder, tally):
    file = json.loads((folder / "packed.json").read_text())
    for case in file["accept"]:
        packed = b64decode(case["packed"])
        tally.accepts(f"packed bundle: {case['what']}", lambda: published.unpack(packed) == b64decode(case["bundle"]))
    for case in file["reject"]:
        packed = b64decode(case["packed"])
        tally.refuses(f"refuse packed bundle: {case['why']}", lambda: published.unpack(packed), published.Broken)


def opened(data, trusted):
    """Origin, size and root of a checkpoint that a trusted key signed."""
    note = Note.read(data)
    trusted.require(note)
    checkpoint = Checkpoint.read(note.text)
    return checkpoint.origin, checkpoint.size, checkpoint.root


def check_log(folder, tally):
    """Signature, root, every file byte for byte, the chain of every action, what was executed, every field that opens."""
    trusted = Trust.read(folder / "trust")
    files = folder / "log"
    note = (files / "checkpoint").read_bytes()
    origin, size, root = opened(note, trusted)
    tally.check("checkpoint signature", True)
    for at in range(0, len(note), 7):
        changed = note[:at] + bytes([note[at] ^ 1]) + note[at + 1 :]
        tally.refuses(f"checkpoint with byte {at} changed", lambda: opened(changed, trusted), Exception)
    entries = published.read_bundles(files, "tile/entries", size, 2)
    entries_of_vault = published.read_bundles(files, "vault", size, 4)
    tally.check("root", merkle.root_of([envelope.leaf_hash(entry) for entry in entries]) == root)
    content = published.expected_files(entries, entries_of_vault)
    for path in sorted(path for path in files.rglob("*") if path.is_file()):
        name = path.relative_to(files).as_posix()
        if name == "log.vkey":
            tally.check(name, Key.read(path.read_text().removesuffix("\n")).name == origin)
        elif name != "checkpoint":
            tally.accepts(name, lambda: published.is_as_expected(content, name, path.read_bytes()))
    report = json.loads((folder / "report.json").read_text())
    tally.check("the report's log", report["log"]["size"] == size and base64.b64decode(report["log"]["root"]) == root)
    records = [envelope.read(entry) for entry in entries]
    check_chain(entries, records, report, tally)
    keys = {key_id: b64decode(key) for key_id, key in json.loads((folder / "keys.json").read_text()).items()}
    check_openings(origin, records, entries_of_vault, keys, tally)
    check_proofs(folder, trusted, entries, tally)


def check_chain(entries, records, report, tally):
    last, proposed, authorized, started, time, outcomes = {}, {}, {}, {}, "", {}
    for entry, record in zip(entries, records):
        tally.check("time", record["time"] >= time)
        tally.check("sealed fields", seals_rightly(record))
        time = record["time"]
        if "action" not in record:
            continue
        action, step = record["action"], record["step"].integer()
        before = last.get(action, (-1, None))
        tally.check("step and prev", before == (step - 1, record.get("prev")))
        last[action] = (step, b64encode(envelope.leaf_hash(entry)))
        body = record["body"]
        match record["type"]:
            case "action.proposed":
                proposed[action] = record
            case "action.authorized":
                authorized[action] = (body["payload"], body["expires_at"], body["payload_version"].integer())
            case "execution.started":
                payload, until, version = authorized.pop(action)
                tally.check("executed what was authorized", record["sealed"]["payload"] == payload)
                tally.check("within the authorization", record["time"] < until)
                tally.check("match", body["match"] == ("edited" if version else "exact"))
                tally.check("redeemed by another", redeems_rightly(proposed[action], record))
                outcomes[action] = [body["match"], "executing"]
                started[action] = record
            case "execution.finished" | "execution.resolved":
                if record["type"] == "execution.finished":
                    tally.check("given up in time", given_up_in_time([started[action], record]))
                outcomes[action][1] = body["outcome"]
    matches = report["matches"]
    known = [match for match, outcome in outcomes.values() if outcome in ("succeeded", "failed")]
    tally.check("EXACT", known.count("exact") == matches["exact"])
    tally.check("EDITED", known.count("edited") == matches["edited"])
    tally.check("UNKNOWN", [outcome for _, outcome in outcomes.values()].count("unknown") == matches["unknown"])
    refused = [record for record in records if record["type"] == "execution.refused"]
    tally.check("REFUSED", len(refused) == matches["refused"])


VERSIONED = ("action.proposed", "review.decided", "execution.started", "execution.refused")


def label(record, field):
    if field == "payload" and record["type"] in VERSIONED:
        return "payload/" + record["body"].get("payload_version", "0")
    return f"{record['id']}/{field}"


def check_openings(origin, records, entries, keys, tally):
    erased = {key for record in records if record["type"] == "subject.erased" for key in record["body"]["keys"]}
    action_keys, opened = {}, 0
    for record, entry in zip(records, entries):
        digest = b64encode(hashlib.sha256(entry).digest()) if entry else None
        tally.check("vault digest", digest == record.get("vault"))
        for index, section in enumerate(vault.sections(entry) if entry else []):
            action_key = action_keys.get(record.get("action"))
            key_id = section[0]
            tally.check("a key that is not there was erased", key_id in keys or key_id in erased or key_id is None)
            key, fields = vault.open_section(index, section, origin, record["id"], keys, action_key)
            if record["type"] == "action.proposed" and key:
                action_keys[record["action"]] = key
            if key and fields is None:
                tally.skipped += 1
            for name, value in (fields or {}).items():
                sealed, _ = disclosure.seal(key, label(record, name), name, value)
                tally.check(f"field {name}", record["sealed"].get(name) == sealed)
                opened += 1
    tally.check("some fields open", opened > 100)


def check_proofs(folder, trusted, entries, tally):
    for path in sorted((folder / "proofs").glob("*.tlog-proof")):
        proof = Proof.read(path.read_bytes())
        index, hashes = proof.index, proof.hashes
        entry = path.with_suffix(".json").read_bytes()
        trusted.require(proof.note)
        size, root = (checkpoint := Checkpoint.read(proof.note.text)).size, checkpoint.root
        tally.check(f"{path.name}: the entry", entries[index] == entry)
        leaf = envelope.leaf_hash(entry)
        tally.accepts(path.name, lambda: merkle.check_inclusion(leaf, index, size, root, hashes))
        other = envelope.leaf_hash(entry + b" ")
        tally.refuses(f"{path.name}: another entry", lambda: merkle.check_inclusion(other, index, size, root, hashes), merkle.NotIncluded)


CHECKS = (
    check_canonical, check_envelopes, check_conformance, check_signatures, check_disclosures, check_vault, check_packed, check_log,
)


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder, tally = Path(sys.argv[1]), Tally()
    for check in CHECKS:
        tally.accepts(check.__name__, lambda check=check: check(folder, tally))
    if tally.skipped:
        print(f"{tally.skipped} compressed vault sections skipped: this Python has no zstd module")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
