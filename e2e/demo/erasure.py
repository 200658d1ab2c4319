"""What is erased is nowhere in the data folder, in no form that text takes there; proofs go on verifying."""

import base64
import json
import os
import subprocess

from tally import BIN, Serving, check

USER = "zenobia.quillfeather@example.org"
CONTENT = "the-salary-of-xanthippe-is-4711-drachmas"


def call_as(folder, work, user, content):
    """An agent writes a file on a person's behalf, through the gateway."""
    place = os.path.join(work, "erasure")
    os.makedirs(place, exist_ok=True)
    command = [BIN, "mcp", "--data", folder.path, "--server", "files", "--user", user, "--", BIN, "demo-server", place]
    lines = [
        {"id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {},
                                                     "clientInfo": {"name": "eraser", "version": "1"}}},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "write_file",
                                                     "arguments": {"path": "note.txt", "content": content}}},
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    answer = None
    for line in lines:
        process.stdin.write(json.dumps({"jsonrpc": "2.0", **line}) + "\n")
        process.stdin.flush()
        if "id" in line:
            answer = json.loads(process.stdout.readline())
    process.stdin.close()
    process.wait(timeout=60)
    process.stdout.close()
    return answer


def forms(text):
    """A text as a file may hold it: as it is, and within base64 of either alphabet at each of its three offsets."""
    plain = text.encode()
    found = {plain, text.encode("utf-16-le")}
    for offset in range(3):
        padded = b"\0" * offset + plain
        padded = padded[:len(padded) - len(padded) % 3]
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(padded)[4 if offset else 0:])
    return found


def places(folder, text):
    """The files of the data folder in which the text is."""
    found, wanted = [], forms(text)
    for where, _, names in os.walk(folder.path):
        for name in names:
            path = os.path.join(where, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    held = file.read()
                if any(form in held for form in wanted):
                    found.append(os.path.relpath(path, folder.path))
    return found


def judge(folder, work):
    with Serving(folder):
        answer = call_as(folder, work, USER, CONTENT)
        other = call_as(folder, work, "bystander@example.org", "untouched")
    check("calls on behalf of two people are executed", "result" in answer and "result" in other, (answer, other))
    known = folder.json("action", "list", "--user", USER)["actions"]
    check("the person's action is found by name", len(known) == 1, known)
    # The search itself must be able to find something.
    check("before erasure the index knows the name", any("index.db" in name for name in places(folder, USER)))
    story = folder.json("action", "story", known[0]["action"])
    check("and the story has the content", CONTENT in json.dumps(story), story)
    done = folder.run("erase", "subject", USER, "--yes")
    check("erase subject", done.returncode == 0, done.stdout + done.stderr)
    for text in (USER, CONTENT):
        check(f"{text} is in no file any more", places(folder, text) == [], places(folder, text))
    check("nor found by name", folder.json("action", "list", "--user", USER)["actions"] == [])
    check("nor by its words", folder.json("action", "list", "--text", "xanthippe")["actions"] == [])
    told = json.dumps(folder.json("action", "story", known[0]["action"]))
    check("nor told in the story", USER not in told and CONTENT not in told, told)
    kept = folder.json("action", "list", "--user", "bystander@example.org")["actions"]
    check("other people's actions stay", len(kept) == 1, kept)
    done = folder.verify()
    check("the log still verifies", done.returncode == 0, done.stdout + done.stderr)
    for text in (USER, CONTENT):
        check(f"after one more start, still no {text}", places(folder, text) == [], places(folder, text))
