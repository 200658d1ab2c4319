"""What a person edits is what is sent; what is cancelled never is; what nobody knows is recorded as unknown."""

import json
import os
import signal
import tempfile
import time

from checks import DATA, DECISION, ECHO, MODE, Wire, approve, check, finish, gated, review, story

CALL = '{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"%s","arguments":%s%s}}'
TOKEN = ',"_meta":{"progressToken":"p"}'


class Server:
    """The echo server behind the gateway, and what reached it."""

    def __init__(self, *options):
        handle, self.ledger = tempfile.mkstemp()
        os.close(handle)
        self.wire = Wire(gated("echo", [*ECHO, self.ledger], *options))

    def call(self, number, tool, arguments, more=""):
        self.wire.say(CALL % (number, tool, arguments, more))

    def arrived(self):
        with open(self.ledger, encoding="utf-8") as file:
            return file.read()

    def close(self):
        os.remove(self.ledger)
        return self.wire.close()


def pending(message):
    """The action that a call waits for: in its answer, or in the progress that it is told."""
    if message.get("method") == "notifications/progress":
        return message["params"]["message"].rstrip(".").split()[-1]
    decision = message.get("result", {}).get("_meta", {}).get(DECISION, {})
    return decision.get("action") if decision.get("reason") == "pending" else None


def edited():
    server = Server("--hold", "0")
    asked = '{"amount":120000000000000000000001,"to":"mallory"}'
    server.call(1, "held", asked)
    action = pending(server.wire.hear())
    check("a call that needs approval waits", action and not server.arrived(), action)
    shown = json.loads(review("show", action, "--json").stdout)
    text = json.dumps(shown["payload"], ensure_ascii=False)
    check("the reviewer sees exactly what is asked", json.loads(asked) == shown["payload"]["arguments"], text)
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        file.write(text.replace("120000000000000000000001", "120000000000000000000.5").replace("mallory", "zo\u00eb"))
        file.flush()
        approve(action, "--edit", file.name)
    server.call(2, "held", asked)
    sent = server.wire.hear()
    # The exact value, in canonical form.
    wanted = '"params":{"arguments":{"amount":1.200000000000000000005e+20,"to":"zo\u00eb"},"name":"held"}'
    check("the edit is sent, to the byte", wanted in str(sent.get("result", {}).get("content")), sent)
    check("and nothing else", server.arrived().count("\n") == 1 and "mallory" not in server.arrived(), server.arrived())
    server.call(3, "held", asked)
    again = server.wire.hear()
    check("an edited approval counts once", pending(again) not in (None, action), again)
    server.close()
    told = story(action)
    check("its story says so", told["badge"] == "EDITED" and told["state"] == "succeeded", (told["badge"], told["state"]))


def cancelled():
    server = Server("--hold", "30")
    server.call(1, "held", '{"v":"cancelled"}', TOKEN)
    action = pending(server.wire.hear())
    server.wire.say('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}')
    server.wire.say('{"jsonrpc":"2.0","id":2,"method":"ping"}')
    answered = server.wire.hear()
    check("a cancelled call gets no answer", answered.get("id") == 2 and "result" in answered, answered)
    ended = until(lambda: story(action)["state"] == "closed")
    check("its action is closed", ended, story(action)["state"])
    done = review("approve", action, "--yes")
    check("and cannot be approved any more", done.returncode == 1, done.stdout + done.stderr)
    server.call(3, "held", '{"v":"cancelled"}', TOKEN)
    again = pending(server.wire.hear())
    check("the same call again is another action", again not in (None, action), again)
    server.wire.say('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}')
    until(lambda: story(again)["state"] == "closed")
    server.call(4, "echo", "{}")
    server.wire.hear()
    check("and nothing of it ever arrives", "cancelled" not in server.arrived(), server.arrived())
    records = [record["type"] for record in story(action)["records"]]
    check("nor is it recorded as started", "execution.started" not in records, records)
    server.close()


def until(holds):
    for _ in range(50):
        if holds():
            return True
        time.sleep(0.1)
    return False


def crashed():
    server = Server()
    server.call(1, "crash", "{}")
    said = server.wire.hear()
    action = said.get("error", {}).get("data", {}).get("action")
    check("a server that ends in a call: its outcome is unknown", "not known" in said["error"]["message"], said)
    check("it had arrived", '"name":"crash"' in server.arrived())
    told = story(action)
    check("and is recorded as unknown", (told["badge"], told["state"]) == ("UNKNOWN", "unknown"), told["badge"])
    check("the gateway ends as the server did", server.close() == 7, server.wire.process.returncode)


def timed_out():
    server = Server("--deadline", "1")
    server.call(1, "slow", '{"seconds":3}')
    began = time.monotonic()
    said = server.wire.hear()
    took = time.monotonic() - began
    check("a server that does not answer in time", took < 2.5 and "not known" in said["error"]["message"], (took, said))
    action = said["error"]["data"]["action"]
    told = story(action)
    check("is recorded as unknown", (told["badge"], told["state"]) == ("UNKNOWN", "unknown"), told["badge"])

    def late():
        return '"late":true' in story(action)["records"][-1]["envelope"]

    told = (until(late), story(action))[1]
    check("what it says later is recorded as late", late() and told["state"] == "succeeded", told)
    server.close()


def without_gate():
    """Only where the gateway started the gate itself: that one may be killed."""
    server = Server()
    server.call(1, "echo", '{"v":"before"}')
    server.wire.hear()
    os.kill(DATA.holder(), signal.SIGKILL)
    server.call(2, "echo", '{"v":"without"}')
    said = server.wire.hear()
    decision = said.get("result", {}).get("_meta", {}).get(DECISION, {})
    check("without a gate a call is refused", decision.get("reason") == "gate_unreachable", said)
    check("and does not reach the server", "without" not in server.arrived(), server.arrived())
    server.close()
    again = Server()
    again.call(1, "echo", '{"v":"after"}')
    said = again.wire.hear()
    check("the next gateway starts a new gate on the folder", "result" in said and "after" in again.arrived(), said)
    again.close()


def main():
    edited()
    cancelled()
    crashed()
    timed_out()
    if MODE == "alone":
        without_gate()
    finish()


main()
