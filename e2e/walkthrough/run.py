"""What a newcomer does first, page by page."""

import json
import os
import re
import tempfile

import docs
from tally import BIN, PARTS, Folder, Serving, check, finish, free_port, run

# A page says `npx`, which fetches; the tests have the same package already.
FETCHED = '"npx", "-y", "@modelcontextprotocol/server-filesystem"'
INSTALLED = json.dumps(os.path.join(PARTS, "npm/node_modules/.bin/mcp-server-filesystem"))

PRELUDE = """
set -eu -o pipefail
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
serving() { for _ in $(seq 300); do [ -S "${COUNTERSIGN_DATA:-$HOME/.local/share/countersign}/countersign.sock" ] && return; sleep 0.1; done; return 1; }
waiting() {
  for _ in $(seq 300); do
    id=$(countersign review list --json | jq -r '.[0].action // empty')
    [ -z "$id" ] || { echo "$id"; return; }
    sleep 0.1
  done
  return 1
}
"""


def script(page, section, before):
    """The page's commands as one script, with what it takes as given before them."""
    told = before + "\n".join(docs.blocks(page, section, "sh")).replace(FETCHED, INSTALLED)
    # The first terminal goes on while the second answers.
    told = re.sub(r"^(.*countersign serve(?: --create)?)(?: +#.*)?$", r'\1 > "$HOME/served" &\nserving', told, flags=re.M)
    told = re.sub(r"^(.*\S) +# waits$", r'(\1) > "$HOME/held" & HELD=$!', told, flags=re.M)
    told = re.sub(r"^countersign review approve ID$",
                  'countersign review approve "$(waiting)" --yes; [ -z "${HELD:-}" ] || wait "$HELD"', told, flags=re.M)
    return PRELUDE + re.sub(r"^(countersign install .*?)(?: +#.*)?$", r"\1 --yes", told, flags=re.M)


class Walk:
    """A page that was walked through."""

    def __init__(self, page, section="In five minutes", before=""):
        self.page, self.home = page, tempfile.TemporaryDirectory(prefix="countersign-walk-")
        programs = self.at("bin")
        os.mkdir(programs)
        os.symlink(BIN, os.path.join(programs, "countersign"))
        gate, api = free_port(), free_port()
        told = script(page, section, before).replace("127.0.0.1:8640", f"127.0.0.1:{gate}").replace("8650", str(api))
        self.env = {"HOME": self.home.name, "PATH": f"{programs}:{os.environ['PATH']}", "COUNTERSIGN_LISTEN": f"127.0.0.1:{gate}",
                    "XDG_DATA_HOME": "", "XDG_STATE_HOME": "", "CLAUDE_CONFIG_DIR": ""}
        self.done = run("bash", "-c", told, env=self.env, timeout=120)
        check(f"{page}: every command does what it should", self.done.returncode == 0, self.done.stdout + self.done.stderr)
        self.folder = Folder(self.at("countersign-try"))

    def at(self, name):
        return os.path.join(self.home.name, name)

    def text(self, name):
        with open(self.at(name), encoding="utf-8") as file:
            return file.read()

    def says(self, name, *texts, where=None):
        seen = self.done.stdout if where is None else self.text(where)
        check(f"{self.page}: {name}", all(text in seen for text in texts), seen)

    def states(self, name, expected):
        listed = self.folder.json("action", "list")["actions"]
        seen = [(one["tool"], one["state"]) for one in reversed(listed)]
        check(f"{self.page}: {name}", seen == expected, seen)


def mcp():
    walk = Walk("mcp.md")
    walk.says("serve says where the servers are", "/mcp/files", where="served")
    walk.says("a call goes through, and one is denied", "Successfully wrote", "Denied: Files with secrets are off limits.")
    walk.says("the held call gets its answer once it is approved", "Successfully wrote", where="held")
    walk.states("what happened is listed", [("files/write_file", "succeeded"), ("files/read_text_file", "denied"),
                                            ("files/write_file", "succeeded")])
    os.environ["COUNTERSIGN_MCP_SERVERS_FILE"] = "mcp.toml"
    with Serving(walk.folder) as served:
        check("mcp.md: one's own server is there after the next start", "/mcp/tickets" in "".join(served.announced), served.announced)
    del os.environ["COUNTERSIGN_MCP_SERVERS_FILE"]


def http_gateway():
    walk = Walk("http-gateway.md")
    walk.says("serve says where the API is", "/proxy/shop/", where="served")
    walk.says("the API answers, and a wrong amount is denied", '{"done": true}', "HTTP/1.1 200", "HTTP/1.1 403", "x-countersign-action")
    walk.says("the held call gets its answer once it is approved", "HTTP/1.1 200", '{"done": true}', where="held")
    walk.states("what happened is listed", [("shop/look", "succeeded"), ("shop/refund", "succeeded"), ("shop/refund", "denied"),
                                            ("shop/refund", "succeeded")])


def authzen():
    walk = Walk("authzen.md")
    walk.says("denied, asked, approved, allowed", '"reason":"approval_required"', '"status":"pending"', '"decision":true')
    walk.says("the story is told", "What did the agent intend", "Did the executed payload match")


def hooks():
    walk = Walk("hooks.md")
    with open(walk.at(".claude/settings.json"), encoding="utf-8") as file:
        check("hooks.md: the hooks are written", "hook claude --data" in file.read())


def opentelemetry():
    given = """
export COUNTERSIGN_DATA=~/countersign-try
countersign serve --create
export COUNTERSIGN_KEY=$(countersign key create --kind agent --label assistant)
"""
    walk = Walk("opentelemetry.md", before=given)
    story = walk.folder.run("action", "story", "otel-1")
    check("opentelemetry.md: the span stands beside the action", "Runtime context" in story.stdout and "chat" in story.stdout, story.stdout + story.stderr)


mcp()
http_gateway()
authzen()
hooks()
opentelemetry()
finish()
