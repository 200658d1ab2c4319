"""An enforcement point as a third party would write it: it knows AuthZEN, and nothing of Countersign but a key and an address."""

import uuid

import httpx


class Pep:
    """Guards one API. `executed` is what got through."""

    def __init__(self, address, key, public):
        self.client = httpx.Client(base_url=address, headers={"authorization": f"Bearer {key}"}, timeout=60)
        # TLS ends in front of the gate: what it calls itself is reached here.
        self.local = lambda place: place.removeprefix(public)
        self.configuration = self.client.get("/.well-known/authzen-configuration").json()
        self.executed = []

    def question(self, user, tool, arguments, agent="renewal-agent"):
        return {
            "subject": {"type": "user", "id": user, "properties": {"act": {"iss": "https://agents.example.com", "sub": agent, "sub_profile": "ai_agent"}}},
            "action": {"name": "tools/call"},
            "resource": {"type": "tool", "id": tool, "properties": {"server": "shop"}},
            "context": {"agent": agent, "arguments": arguments, "time": "2026-11-23T22:48:00Z"},
        }

    def evaluate(self, question, approval=None):
        if approval is not None:
            question = {**question, "context": {**question["context"], "approval": approval}}
        told = self.client.post(self.local(self.configuration["access_evaluation_endpoint"]), json=question)
        told.raise_for_status()
        return told.json()

    def enforce(self, question, decision, outcome="succeeded"):
        """Executes what was allowed, and says what came of it."""
        if decision["decision"] is not True:
            return None
        self.executed.append(question["context"]["arguments"])
        place = f"/v1/actions/{decision['context']['evaluation_id']}/finish"
        return self.client.post(place, json={"attempt": "pep", "outcome": outcome, "downstream_request_id": f"re_{len(self.executed)}"})

    def submission(self, question, denial, why="the customer asked for it"):
        offered = denial["context"]["access_request"]
        return {
            **question,
            "context": {**question["context"], "business_justification": why},
            "requested_access": {"emergency": False},
            "client": {"id": "shop-gateway", "source": {"session_id": "session-1"}},
            "denial": {
                "evaluation_id": denial["context"]["evaluation_id"],
                "evaluated_at": denial["context"]["evaluated_at"],
                "reason": denial["context"]["reason"],
                "expires_at": offered["expires_at"],
                "binding_token": offered["binding_token"],
                "template": offered["template"],
            },
        }

    def request(self, submission, key=None):
        place = self.local(self.configuration["access_request_endpoint"])
        return self.client.post(place, json=submission, headers={"idempotency-key": key or str(uuid.uuid4())})

    def status(self, task):
        return self.client.get(self.local(task["task"]["status_endpoint"]))
