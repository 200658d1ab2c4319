"""The code of docs/python.md and of the package's README, as it stands there."""

import os
import re
import sys
import tempfile
import threading
import time
from pathlib import Path

import docs
from tally import BIN, Folder, Serving, check, finish, free_port, run


def main():
    with tempfile.TemporaryDirectory(prefix="countersign-docs-") as work:
        folder = Folder(os.path.join(work, "countersign-try"))
        countersign = f'countersign() {{ "{os.path.abspath(BIN)}" "$@"; }}\n'
        [commands] = docs.blocks("python.md", "In five minutes", "sh")
        done = run("bash", "-euc", countersign + commands, env={"HOME": work})
        check("the gate is made, and the rules are activated", done.returncode == 0, done.stdout + done.stderr)
        key = Path(work, "agent.key").read_text().strip()
        os.environ["COUNTERSIGN_SOLO"] = "true"
        port = free_port()
        with Serving(folder, "--listen", f"127.0.0.1:{port}"):
            *guarding, verifying = docs.blocks("python.md")

            def deny():
                """The one that people are asked about."""
                for _ in range(200):
                    waiting = folder.json("review", "list")
                    if waiting:
                        return folder.run("review", "deny", waiting[0]["action"], "--yes", "--reason", "not this one")
                    time.sleep(0.05)

            reviewer = threading.Thread(target=deny)
            reviewer.start()
            docs.play(docs.blocks("../sdk/python/README.md"), f"http://127.0.0.1:{port}", key)
            docs.play(guarding, f"http://127.0.0.1:{port}", key)
            reviewer.join()
            states = [row["state"] for row in folder.json("action", "list")["actions"]]
            check("guard and block: what it says happens", sorted(states) == ["denied", *["succeeded"] * 4], states)
            action = folder.json("action", "list", "--limit", "1")["actions"][0]["action"]
            os.chdir(work)
            Path("story.json").write_text(folder.run("action", "story", action, "--json").stdout)
            Path("my-trust").write_text(Path(folder.at("trust")).read_text())
            python = f'python() {{ "{sys.executable}" "$@"; }}\n'
            said = {}
            for line in Path(docs.DOCS, "python.md").read_text().splitlines():
                # The story and the trust file stand here already.
                if line.startswith(("$ for n in", "$ jq", "$ python -m")):
                    ran = run("bash", "-uc", countersign + python + line[2:], env={"COUNTERSIGN_DATA": folder.path})
                    said[line[2:]] = (ran.returncode, ran.stdout + ran.stderr)
            verified = [told for line, told in said.items() if line.startswith("python")]
            # A story or a record alone is never the whole log.
            good = len(verified) == 2 and all(code == 3 and re.search("PASS +authenticity", text) and "FAIL" not in text for code, text in verified)
            check("the page's commands verify the story, and a record", good, said)
            docs.play([verifying], "", key)
            check("verifying: so does that", True)
            # What anybody can write fails nothing: without proofs the code must not be content.
            unproved = re.sub(r"^proofs = .*$", "proofs = []", verifying, flags=re.MULTILINE)
            try:
                docs.play([unproved], "", key)
                content = True
            except AssertionError:
                content = False
            check("and a story without proofs is not enough", unproved != verifying and not content)
    finish()


main()
