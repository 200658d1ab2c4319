"""The clients: how each is configured before the install, and run for one prompt in a home folder of its own."""

import json
import os
import subprocess
import sys

from tally import PARTS

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = os.path.join(PARTS, "npm-agents", "node_modules")
TIMEOUT = 90


class Client:
    """One client with a home folder. `config` are its files, by path below the home folder."""

    name = program = mail = ""
    # Whether its hooks carry the call's id, and a failing hook stops the tool.
    failing_hook_stops = True

    def __init__(self, home, model):
        self.home, self.model = home, model
        self.work = os.path.join(home, "work")
        self.sent = os.path.join(home, "sent.jsonl")
        os.makedirs(self.work)
        self.spy = [sys.executable, os.path.join(HERE, "spy.py"), self.sent]
        self.before = self.files()
        for path, text in self.before.items():
            os.makedirs(os.path.dirname(self.at(path)), exist_ok=True)
            with open(self.at(path), "w", encoding="utf-8") as file:
                file.write(text)

    def at(self, path):
        return os.path.join(self.home, path)

    def environment(self):
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return {**kept, "HOME": self.home, **self.variables()}

    def run(self, prompt, *more):
        """Runs the client; what it said, whole."""
        try:
            done = subprocess.run([self.program, *self.arguments(prompt), *more], cwd=self.work, env=self.environment(),
                                  capture_output=True, text=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return f"no answer within {TIMEOUT} s"
        return done.stdout + done.stderr

    def shell(self, command, *more):
        return self.run("CALL " + json.dumps({"name": "SHELL", "input": {"command": command}}) + " END", *more)

    def send(self, to):
        call = {**self.mail, "input": {"to": to, "body": "hello"}}
        return self.run("CALL " + json.dumps(call) + " END")

    def mails(self):
        try:
            with open(self.sent, encoding="utf-8") as file:
                return [json.loads(line)["arguments"]["to"] for line in file]
        except FileNotFoundError:
            return []

    def edit(self, old, new):
        """Changes the installed configuration."""
        for path in self.configured:
            if not os.path.exists(self.at(path)):
                continue
            with open(self.at(path), encoding="utf-8") as file:
                text = file.read()
            with open(self.at(path), "w", encoding="utf-8") as file:
                file.write(text.replace(old, new))

    def server(self, **more):
        return {"command": self.spy[0], "args": self.spy[1:], **more}


class Claude(Client):
    name, agent = "claude", "claude-code"
    program = os.path.join(PACKAGES, "@anthropic-ai", "claude-agent-sdk-linux-x64", "claude")
    mail = {"name": "mcp__spy__send_email"}
    configured = [".claude/settings.json"]

    def files(self):
        return {".claude/settings.json": '{\n    "model": "opus",\n  "env": {"SOME": "thing"}\n}\n',
                ".claude.json": json.dumps({"mcpServers": {"spy": self.server(type="stdio")}}, indent=2)}

    def variables(self):
        return {"ANTHROPIC_BASE_URL": self.model, "ANTHROPIC_API_KEY": "x", "DISABLE_TELEMETRY": "1",
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}

    def arguments(self, prompt):
        # The client goes on writing into its own file of servers.
        return ["-p", prompt, "--output-format", "json", "--mcp-config", self.at(".claude.json"), "--strict-mcp-config"]


class Codex(Client):
    name, agent = "codex", "codex-mcp-client"
    program = os.path.join(PACKAGES, ".bin", "codex")
    mail = {"name": "send_email", "namespace": "mcp__spy"}
    configured = [".codex/config.toml"]
    failing_hook_stops = False

    def files(self):
        return {".codex/config.toml": f"""# kept as it is
model = "gpt-5"   # so is this
model_provider = "scripted"
approval_policy = "never"
sandbox_mode = "danger-full-access"

[model_providers.scripted]
name = "scripted"
base_url = "{self.model}/v1"
wire_api = "responses"
requires_openai_auth = false
supports_websockets = false

[mcp_servers.spy]
command = {json.dumps(self.spy[0])}
args = {json.dumps(self.spy[1:])}
default_tools_approval_mode = "approve"
"""}

    def variables(self):
        return {}

    def arguments(self, prompt):
        return ["exec", "--skip-git-repo-check", "--json", "--dangerously-bypass-hook-trust", prompt]


class Copilot(Client):
    name, agent = "copilot", "copilot-cli"
    program = os.path.join(PACKAGES, ".bin", "copilot")
    mail = {"name": "spy-send_email"}
    configured = [".copilot/hooks/countersign.json"]

    def files(self):
        return {".copilot/mcp-config.json": json.dumps({"mcpServers": {"spy": self.server(type="local", tools=["*"])}})}

    def variables(self):
        return {"COPILOT_PROVIDER_BASE_URL": f"{self.model}/v1", "COPILOT_PROVIDER_API_KEY": "x", "COPILOT_MODEL": "gpt-4.1",
                "COPILOT_OFFLINE": "true"}

    def arguments(self, prompt):
        return ["-p", prompt, "--allow-all-tools", "--disable-builtin-mcps"]


class Gemini(Client):
    name, agent = "gemini", "gemini-cli-mcp-client"
    program = os.path.join(PACKAGES, ".bin", "gemini")
    mail = {"name": "mcp_spy_send_email"}
    configured = [".gemini/settings.json"]
    failing_hook_stops = False

    def files(self):
        auth = {"auth": {"selectedType": "gemini-api-key"}}
        servers = json.dumps({"spy": self.server()})
        return {".gemini/settings.json": '{\n  // kept as it is\n  "security": %s,\n  "mcpServers": %s\n}\n'
                                         % (json.dumps(auth), servers)}

    def variables(self):
        return {"GEMINI_API_KEY": "x", "GOOGLE_GEMINI_BASE_URL": self.model, "GEMINI_CLI_TRUST_WORKSPACE": "true"}

    def arguments(self, prompt):
        return ["-p", prompt, "--approval-mode=yolo"]


CLIENTS = [Claude, Codex, Copilot, Gemini]
