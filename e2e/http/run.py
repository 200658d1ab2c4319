"""Agents' API calls through `serve`, as a team would set it up."""

import os
import subprocess
import sys
import tempfile
import threading
import time

import httpx
from tally import Folder, Serving, check, finish, free_port, write

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = """
@id("reads") permit (principal, action == Action::"read", resource);
@id("refunds") permit (principal, action == Action::"payment", resource == Tool::"shop/refund");
@id("refunds-large") @review("owners") @message("Over 500 an owner looks.")
forbid (principal, action == Action::"payment", resource == Tool::"shop/refund") when { context.payload.body.amount > 500 };
@id("stream") permit (principal, action == Action::"write", resource == Tool::"shop/stream");
"""
UPSTREAMS = """
[upstream.shop]
base = "http://127.0.0.1:{port}/v1"
credential_file = "shop.token"
timeout_s = 2
hold_s = {hold}

[[upstream.shop.route]]
method = "POST"
path = "/charges/{{charge}}/refunds"
tool = "refund"
category = "payment"
resource_type = "charge"
resource = "{{charge}}"

[[upstream.shop.route]]
method = "POST"
path = "/stream"
tool = "stream"
category = "write"
"""


def play(work, api_port):
    folder = Folder(os.path.join(work, "data"))
    done = folder.run("init")
    check("init", done.returncode == 0, done.stdout + done.stderr)
    policy = os.path.join(work, "policy")
    write(os.path.join(policy, "rules.cedar"), RULES)
    write(os.path.join(policy, "entities.json"), '{"review_groups":{"owners":"who may spend"}}')
    done = folder.run("policy", "activate", policy)
    check("the policy is activated", done.returncode == 0, done.stderr)
    write(folder.at("shop.token"), "tok_of_the_shop\n")
    write(folder.at("upstreams.toml"), UPSTREAMS.format(port=api_port, hold=20))
    key = folder.json("key", "create", "--kind", "agent", "--label", "billing", "--agent", "billing")["secret"]
    port = free_port()
    os.environ["COUNTERSIGN_UPSTREAMS_FILE"] = "upstreams.toml"
    os.environ["COUNTERSIGN_SOLO"] = "true"
    told = lambda: httpx.get(f"http://127.0.0.1:{api_port}/told").json()
    with Serving(folder, "--listen", f"127.0.0.1:{port}"):
        agent = httpx.Client(base_url=f"http://127.0.0.1:{port}/proxy/shop", timeout=60,
                             headers={"authorization": f"Bearer {key}", "cookie": "session=mine"})
        refund = lambda charge, amount, **more: agent.post(f"/charges/{charge}/refunds", json={"amount": amount}, **more)

        small = refund("ch_1", 20, headers={"idempotency-key": "k-1"})
        check("an allowed call comes back as the API answered", small.status_code == 201 and small.json() == {"id": "re_1", "amount": 20}, small.text)
        got = told()["seen"][0]
        check("with the gateway's credential and nothing of the agent's", got["token"] == "Bearer tok_of_the_shop" and got["cookie"] is None and got["key"] == "k-1", got)
        story = folder.json("action", "story", small.headers["x-countersign-action"])
        check("the story says EXACT", story["badge"] == "EXACT", story["badge"])
        check("the API's own id finds it", folder.json("action", "show", "req_re_1")["action"] == small.headers["x-countersign-action"])
        again = refund("ch_1", 20, headers={"idempotency-key": "k-1"})
        check("the same key again is not sent again", again.status_code == 409 and len(told()["refunds"]) == 1, again.text)

        denied = agent.delete("/charges/ch_1")
        check("what no rule permits is denied", denied.status_code == 403 and denied.json()["type"] == "/problems/denied", denied.text)
        check("and never reaches the API", all(one["path"] != "/v1/charges/ch_1" for one in told()["seen"]))
        direct = httpx.post(f"http://127.0.0.1:{api_port}/v1/charges/ch_1/refunds", json={"amount": 1}, headers={"authorization": f"Bearer {key}"})
        check("the agent's own key is worth nothing at the API", direct.status_code == 401, direct.text)

        answers = []
        held = threading.Thread(target=lambda: answers.append(refund("ch_2", 700)))
        held.start()
        waiting = []
        for _ in range(100):
            waiting = folder.json("review", "list")
            if waiting:
                break
            time.sleep(0.05)
        check("a large one waits", len(waiting) == 1 and not answers, waiting)
        approved = folder.run("review", "approve", waiting[0]["action"], "--yes", "--reason", "agreed with the customer")
        check("the owner approves", approved.returncode == 0, approved.stdout + approved.stderr)
        held.join(timeout=30)
        check("and the held call comes back", answers and answers[0].status_code == 201 and answers[0].json()["amount"] == 700, answers and answers[0].text)

        read = agent.get("/balance")
        check("reads go through", read.status_code == 200 and read.json() == {"refunded": 720}, read.text)
        with agent.stream("POST", "/stream", content=b"") as stream:
            lines = [line for line in stream.iter_lines() if line]
            action = stream.headers["x-countersign-action"]
        check("events are passed on as they come", lines == ["data: 0", "data: 1", "data: 2"], lines)
        for _ in range(50):
            if folder.json("action", "show", action)["state"] == "succeeded":
                break
            time.sleep(0.05)
        check("and recorded at their end", folder.json("action", "show", action)["state"] == "succeeded")

        slow = refund("ch_slow", 30)
        check("an answer that does not come is unknown", slow.status_code == 504 and slow.json()["type"] == "/problems/outcome_unknown", slow.text)
        action = slow.json()["action"]
        check("and says so", folder.json("action", "show", action)["state"] == "unknown")
        settled = folder.run("action", "resolve", action, "--outcome", "succeeded", "--basis", "downstream_ledger", "--reason", "the shop has re_3")
        check("an operator settles it", settled.returncode == 0 and folder.json("action", "show", action)["state"] == "succeeded", settled.stderr)
        once = folder.run("action", "resolve", action, "--outcome", "failed", "--basis", "x", "--reason", "no")
        check("once", once.returncode != 0 and "only an outcome that nobody knows" in once.stderr, once.stderr)
    verdict = folder.verify()
    check("the evidence of all that verifies", verdict.returncode == 0, verdict.stdout + verdict.stderr)
    secrets = subprocess.run(["grep", "-rl", "tok_of_the_shop", folder.at("published"), folder.at("journal.db")], capture_output=True, text=True)
    check("the API's token is in no evidence", secrets.stdout == "", secrets.stdout)


def main():
    api_port = free_port()
    api = subprocess.Popen([sys.executable, os.path.join(HERE, "api.py"), str(api_port)])
    try:
        for _ in range(100):
            try:
                httpx.get(f"http://127.0.0.1:{api_port}/told")
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        with tempfile.TemporaryDirectory(prefix="countersign-http-") as work:
            play(work, api_port)
    finally:
        api.terminate()
        api.wait(timeout=10)
    finish()


main()
