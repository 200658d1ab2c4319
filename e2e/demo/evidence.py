"""Stories and proofs: each is verified by a command that sees nothing but the file and the trust file."""

import json
import os

from tally import check


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def verdicts(folder, *arguments):
    """The exit code, and the verdict on each question."""
    done = folder.verify(*arguments, "--json")
    answers = json.loads(done.stdout)["verdicts"] if done.stdout else []
    return done.returncode, {answer["question"]: answer["verdict"] for answer in answers}


def passes(folder, wanted, *arguments):
    """Whether these questions pass, and nothing fails. What one record or one story cannot show stays unchecked, and the exit
    code says so."""
    code, seen = verdicts(folder, *arguments)
    return code == 3 and "FAIL" not in seen.values() and all(seen.get(question) == "PASS" for question in wanted)


def judge(folder, work):
    [row] = folder.json("action", "list", "--decision", "review")["actions"]
    story = folder.json("action", "story", row["action"])
    proofs = prove(folder, work, story)
    whole(folder, work, story, proofs)
    changed(folder, work, story, proofs)
    done = folder.go_check()
    check("Go's implementation opens the published log", done.returncode == 0, done.stdout + done.stderr)
    done = folder.run("log", "fsck", folder.at("published"))
    check("log fsck finds nothing", done.returncode == 0, done.stdout + done.stderr)


def prove(folder, work, story):
    """A proof of each record of the story."""
    proofs, failed = [], []
    for record in story["records"]:
        proof = os.path.join(work, f"{record['position']}.tlog-proof")
        made = folder.run("log", "prove", record["position"], "-o", proof)
        envelope = write(os.path.join(work, "record.json"), record["envelope"])
        good = passes(folder, ["authenticity", "integrity"], proof, "--record", envelope)
        if made.returncode != 0 or not good:
            failed.append((record["position"], made.stderr, verdicts(folder, proof, "--record", envelope)))
        proofs += ["--proof", proof]
    check(f"a proof of each of {len(story['records'])} records verifies", proofs and not failed, failed)
    last = story["records"][-1]
    wrong = write(os.path.join(work, "record.json"), last["envelope"].replace("succeeded", "successes"))
    done = folder.verify(proofs[-1], "--record", wrong)
    check("and not that of another record", done.returncode == 1, done.stdout)
    return proofs


def whole(folder, work, story, proofs):
    path = write(os.path.join(work, "story.json"), json.dumps(story))
    code, seen = verdicts(folder, path)
    check("a story alone shows nobody's signature", code == 3 and seen["authenticity"] == "NOT CHECKED", (code, seen))
    wanted = ["authenticity", "integrity", "conformance", "openings"]
    check("a story with its proofs passes", passes(folder, wanted, path, *proofs), verdicts(folder, path, *proofs))


def changed(folder, work, story, proofs):
    for name, old, new in [("the approver's verdict", '\\"verdict\\":\\"approve\\"', '\\"verdict\\":\\"deny\\"'),
                           ("the outcome", '\\"outcome\\":\\"succeeded\\"', '\\"outcome\\":\\"failed\\"')]:
        text = json.dumps(story)
        path = write(os.path.join(work, "story.json"), text.replace(old, new))
        done = folder.verify(path, *proofs)
        check(f"a story with {name} changed fails", old in text and done.returncode == 1, done.stdout + done.stderr)
    records = story["records"]
    left_out = {**story, "records": records[:2] + records[3:]}
    path = write(os.path.join(work, "story.json"), json.dumps(left_out))
    done = folder.verify(path, *proofs)
    check("a story with a record left out fails", done.returncode == 1, done.stdout + done.stderr)
