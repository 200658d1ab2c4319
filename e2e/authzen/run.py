"""Somebody else's gateway, which speaks AuthZEN, before `serve`."""

import asyncio
import base64
import copy
import hashlib
import json
import os
import tempfile

import httpx
import jwt
import rfc8785
import scenario
from apparitor.client import AuthZENClient
from apparitor.config import ScannerConfig
from apparitor.models import BatchEvaluationRequest, EvaluationRequest
from pep import Pep
from tally import Folder, Serving, check, finish, free_port, write

PUBLIC = "https://gate.example.com"
RULES = """
@id("refunds") permit (principal, action == Action::"payment", resource == Tool::"shop/refund");
@id("refunds-large") @review("owners") @message("Over 500 an owner looks.")
forbid (principal, action == Action::"payment", resource == Tool::"shop/refund") when { context.payload.arguments.amount > 500 };
""" + scenario.RULES
ENTITIES = {"review_groups": {"owners": "who may spend"}, "tools": {"shop/refund": {"category": "payment"}, **scenario.TOOLS}}
PROFILE = "urn:openid:authzen:access-request:error:"


def set_up(work):
    folder = Folder(os.path.join(work, "data"))
    done = folder.run("init")
    check("init", done.returncode == 0, done.stdout + done.stderr)
    policy = os.path.join(work, "policy")
    write(os.path.join(policy, "rules.cedar"), RULES)
    write(os.path.join(policy, "entities.json"), json.dumps(ENTITIES))
    done = folder.run("policy", "activate", policy)
    check("the policy is activated", done.returncode == 0, done.stderr)
    return folder


class Owner:
    """A person who decides, through the API."""

    def __init__(self, address, key):
        self.client = httpx.Client(base_url=address, headers={"authorization": f"Bearer {key}"}, timeout=60)

    def waiting(self):
        return self.client.get("/v1/reviews").json()

    def decide(self, action, verdict):
        review = self.client.get(f"/v1/reviews/{action}").json()
        body = {"verdict": verdict, "reason": "seen", "payload_digest": review["review"]["payload_digest"]}
        told = self.client.post(f"/v1/reviews/{action}/decide", json=body)
        told.raise_for_status()
        return review


def binding_hash(question, members):
    """The profile's construction, by another implementation of RFC 8785."""
    question = copy.deepcopy(question)
    question["subject"].get("properties", {}).pop("act", None)
    context = {name: question["context"][name] for name in members if name in question["context"]}
    bound = {"subject": question["subject"], "resource": question["resource"], "action": question["action"], "context": context}
    return base64.urlsafe_b64encode(hashlib.sha256(rfc8785.dumps(bound)).digest()).rstrip(b"=").decode()


def read(token, keys, audience):
    """A token as another library reads it."""
    key = next(key for key in jwt.PyJWKSet.from_dict(keys).keys if key.key_id == jwt.get_unverified_header(token)["kid"])
    return jwt.decode(token, key.key, algorithms=["EdDSA"], audience=audience, issuer=PUBLIC)


def refused(told, name, status):
    return told.status_code == status and told.headers["content-type"] == "application/problem+json" and told.json()["type"] == PROFILE + name


def the_hold(pep, owner, folder):
    small = pep.question("alice@example.com", "refund", {"amount": 20})
    decision = pep.evaluate(small)
    check("a small refund is allowed", decision["decision"] is True, decision)
    reported = pep.enforce(small, decision)
    check("and its outcome taken", reported.status_code == 200 and reported.json()["state"] == "succeeded", reported.text)
    story = folder.json("action", "story", decision["context"]["evaluation_id"])
    check("the story says EXACT", story["badge"] == "EXACT" and story["summary"]["user"] == "alice@example.com", story["badge"])
    check("and on whose word", '"enforcement":"attested"' in json.dumps(story, separators=(",", ":")))
    check("the API's own id finds it", folder.json("action", "show", "re_1")["action"] == decision["context"]["evaluation_id"])

    payout = pep.evaluate(pep.question("alice@example.com", "payout", {"amount": 1}))
    check("what no rule permits is denied for good", payout["decision"] is False and payout["context"]["reason"] == "policy_denied" and "access_request" not in payout["context"], payout)

    large = pep.question("alice@example.com", "refund", {"amount": 700, "charge": "ch_ü", "lines": [1, 2.5, None]})
    denial = pep.evaluate(large)
    check("a large one is denied, requestably", denial["decision"] is False and denial["context"]["reason"] == "approval_required", denial)
    check("and nobody is asked yet", owner.waiting() == [], owner.waiting())
    keys = pep.client.get(pep.local(pep.configuration["jwks_uri"])).json()
    token = denial["context"]["access_request"]["binding_token"]
    claims = read(token, keys, pep.configuration["access_request_endpoint"])
    check("PyJWT reads the binding token", claims["evaluation_id"] == denial["context"]["evaluation_id"] and claims["denial_expires_at"] == denial["context"]["access_request"]["expires_at"], claims)
    check("the profile's members are bound", sorted(claims["binding_context_members"]) == ["agent", "arguments"], claims)
    check("RFC 8785 by another library gives the same hash", claims["binding_hash"] == binding_hash(large, claims["binding_context_members"]), claims)
    try:
        read(token, keys, PUBLIC)
        check("the token is for the access request endpoint alone", False)
    except jwt.InvalidAudienceError:
        check("the token is for the access request endpoint alone", True)

    submission = pep.submission(large, denial)
    other = copy.deepcopy(submission)
    other["context"]["arguments"]["amount"] = 70000
    check("another amount is not what was denied", refused(pep.request(other), "invalid_denial_binding", 400))
    forged = copy.deepcopy(submission)
    head, body, signature = token.split(".")
    claims["binding_hash"] = binding_hash(other, claims["binding_context_members"])
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    forged["context"]["arguments"]["amount"] = 70000
    forged["denial"]["binding_token"] = ".".join([head, body, signature])
    check("nor with a token that says so", refused(pep.request(forged), "invalid_denial_binding", 400))
    check("and still nobody is asked", owner.waiting() == [])

    task = pep.request(submission, "key-1")
    check("the request is taken", task.status_code == 202 and task.json()["task"]["status"] == "pending" and task.headers["location"] == task.json()["task"]["status_endpoint"], task.text)
    check("once", pep.request(submission, "key-1").json() == task.json() and len(owner.waiting()) == 1)
    check("its key names nothing else", refused(pep.request({**submission, "requested_access": {"emergency": True}}, "key-1"), "duplicate_request", 409))
    check("a question that is asked again meanwhile is another one", pep.evaluate(large)["decision"] is False)
    return large, task.json(), keys


def the_approval(pep, other, owner, folder, large, task, keys):
    check("the task outlives a restart", pep.status(task).json() == task, pep.status(task).text)
    check("others do not see it", refused(other.status(task), "unknown_task", 404))
    review = owner.decide(owner.waiting()[0]["action"], "approve")
    check("the owner saw all that matters", review["payload"]["arguments"] == large["context"]["arguments"] and review["payload"]["subject"] == large["subject"], review["payload"])
    check("and why", "the customer asked for it" in json.dumps(review))
    told = pep.status(task).json()
    check("the task is approved", told["task"]["status"] == "approved" and told["result"]["mode"] == "reevaluate", told)
    approval = told["result"]["approval"]
    claims = read(approval["state"], keys, PUBLIC)
    check("PyJWT reads the approval", claims["approval_id"] == approval["id"] and claims["task_id"] == task["task"]["id"], claims)
    check("which is for the same question", claims["binding_hash"] == binding_hash(large, claims["binding_context_members"]), claims)
    check("approved is not withdrawn", refused(pep.client.post(pep.local(task["task"]["links"]["cancel"])), "invalid_task_state", 409))

    for name, change in [("amount", lambda one: one["context"]["arguments"].update(amount=701)), ("user", lambda one: one["subject"].update(id="eve@example.com")),
                         ("agent", lambda one: one["subject"]["properties"]["act"].update(sub="other-agent"))]:
        changed = copy.deepcopy(large)
        change(changed)
        answer = pep.evaluate(changed, approval)
        check(f"another {name} is out of scope", answer["decision"] is False and answer["context"]["reason"] == "out_of_scope", answer)
    stolen = other.evaluate(large, approval)
    check("another's key redeems nothing", stolen["decision"] is False and stolen["context"]["reason"] == "approval_unverifiable", stolen)
    swapped = pep.evaluate(large, {**approval, "id": "apr_00000000000070008000000000000000"})
    check("nor does another name", swapped["decision"] is False and swapped["context"]["reason"] == "approval_unverifiable", swapped)
    check("nothing has got through", len(pep.executed) == 1, pep.executed)

    decision = pep.evaluate(large, approval)
    check("exactly what was approved is allowed", decision["decision"] is True and decision["context"]["approval"]["id"] == approval["id"], decision)
    pep.enforce(large, decision)
    again = pep.evaluate(large, approval)
    check("once", again["decision"] is False and again["context"]["reason"] == "approval_expired" and again["context"]["next_action"] == "request", again)
    story = folder.json("action", "story", decision["context"]["evaluation_id"])
    check("the story says EXACT, and who approved", story["badge"] == "EXACT" and story["state"] == "succeeded" and "approved it" in json.dumps(story), story["badge"])


def the_others(pep, owner):
    """Denied by a person, and withdrawn."""
    question = pep.question("alice@example.com", "refund", {"amount": 900})
    task = pep.request(pep.submission(question, pep.evaluate(question))).json()
    owner.decide(owner.waiting()[0]["action"], "deny")
    told = pep.status(task).json()
    check("a no is a no", told["task"]["status"] == "denied" and "result" not in told, told)
    task = pep.request(pep.submission(question, pep.evaluate(question))).json()
    told = pep.client.post(pep.local(task["task"]["links"]["cancel"]), json={"reason": "no_longer_needed"})
    check("a request is withdrawn", told.status_code == 200 and told.json()["task"]["status"] == "cancelled", told.text)
    check("and waits for nobody", owner.waiting() == [])


async def another_client(address, key):
    """apparitor's client, as its users configure it."""
    config = ScannerConfig(pdp_url=address, allow_insecure_pdp=True, default_headers={"authorization": f"Bearer {key}"}, request_budget_s=30, read_timeout_s=30)
    async with AuthZENClient(config) as client:
        question = {"subject": scenario.ALICE, "action": scenario.READ, "resource": scenario.ONE}
        one = await client.evaluate(EvaluationRequest.model_validate(question))
        items = [{"action": scenario.READ}, {"action": scenario.WRITE}, {"action": scenario.READ}]
        body = {"subject": scenario.BOB, "resource": scenario.ONE, "evaluations": items, "options": {"evaluations_semantic": "deny_on_first_deny"}}
        many = await client.evaluate_batch(BatchEvaluationRequest.model_validate(body))
    check("another project's client is answered", one.decision is True, one)
    check("and for many up to the first no", [each.decision for each in many.evaluations] == [True, False], many)


def main():
    os.environ["COUNTERSIGN_PUBLIC_URL"] = PUBLIC
    with tempfile.TemporaryDirectory(prefix="countersign-authzen-") as work:
        folder, port = set_up(work), free_port()
        address = f"http://127.0.0.1:{port}"
        person = folder.json("person", "add", "--name", "Grace", "--group", "owners")["person"]
        keys = {kind: folder.json("key", "create", "--kind", kind, "--label", kind, *more)["secret"]
                for kind, *more in [("gateway",), ("agent",), ("reviewer", "--person", person)]}
        with Serving(folder, "--listen", f"127.0.0.1:{port}"):
            pep, owner = Pep(address, keys["gateway"], PUBLIC), Owner(address, keys["reviewer"])
            scenario.play(pep.client, PUBLIC)
            large, task, jwks = the_hold(pep, owner, folder)
        # Keys, tasks and approvals are in the folder, not in the process.
        with Serving(folder, "--listen", f"127.0.0.1:{port}"):
            the_approval(pep, Pep(address, keys["agent"], PUBLIC), owner, folder, large, task, jwks)
            the_others(pep, owner)
            asyncio.run(another_client(address, keys["agent"]))
        verdict = folder.verify()
        check("the evidence of all that verifies", verdict.returncode == 0 and "PASS" in verdict.stdout, verdict.stdout + verdict.stderr)
    finish()


main()
