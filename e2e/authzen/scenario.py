"""The certification scenario of the Authorization API 1.0: its fixture as rules, its requests as checks. Search is not offered."""

from tally import check

RULES = """
@id("read") permit (principal, action == Action::"read", resource == Tool::"record/read");
@id("write") permit (principal, action == Action::"write", resource == Tool::"record/write")
when { context.payload.subject.id == "alice" || (context.payload.subject has properties.role && context.payload.subject.properties.role == "admin") };
@id("archived") forbid (principal, action == Action::"write", resource == Tool::"record/write")
when { context.payload.resource has properties.status && context.payload.resource.properties.status == "archived" }
unless { context.payload.subject has properties.role && context.payload.subject.properties.role == "admin" };
@id("delete") permit (principal, action == Action::"delete", resource == Tool::"record/delete")
when { context.payload.subject.id == "alice" && context.payload.action has properties.soft && context.payload.action.properties.soft };
"""
TOOLS = {"record/read": {"category": "read"}, "record/write": {"category": "write"}, "record/delete": {"category": "delete"}}

ALICE, BOB = {"type": "user", "id": "alice"}, {"type": "user", "id": "bob"}
ADMIN = {**BOB, "properties": {"role": "admin"}}
ONE, TWO = {"type": "record", "id": "record-1"}, {"type": "record", "id": "record-2"}
ARCHIVED = {**TWO, "properties": {"status": "archived"}}
READ, WRITE = {"name": "read"}, {"name": "write"}


def ask(subject=None, action=None, resource=None, **more):
    said = {"subject": subject, "action": action, "resource": resource}
    return {**{name: value for name, value in said.items() if value is not None}, **more}


def play(pep, url):
    def single(name, body, expected, path="/access/v1/evaluation"):
        told = pep.post(path, json=body)
        good = told.status_code == 200 and told.headers["content-type"] == "application/json" and told.json()["decision"] is expected
        check(f"scenario {name}", good, told.text)

    single("2.2.1 permit", ask(ALICE, READ, ONE), True)
    single("2.2.2 deny", ask(BOB, WRITE, ONE), False)
    single("2.2.3 context", ask(ALICE, READ, ONE, context={"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}), True)
    single("2.2.4 deny by the resource's properties", ask(ALICE, WRITE, ARCHIVED), False)
    single("2.2.5 permit by the subject's properties", ask(ADMIN, WRITE, ARCHIVED), True)
    single("2.2.6 permit by the action's properties", ask(ALICE, {"name": "delete", "properties": {"soft": True}}, ONE), True)
    single("2.2.7 deny by the action's properties", ask(ALICE, {"name": "delete", "properties": {"soft": False}}, ONE), False)
    more = ask({**ALICE, "properties": {"department": "Sales"}}, {**READ, "properties": {"method": "GET"}}, {**ONE, "properties": {"owner": "bob"}})
    single("2.2.8 more properties", more, True)
    single("2.2.9 unknown members", ask(ALICE, READ, ONE, foo="bar", futureField={"nested": True}), True)

    wrong = [ask(None, READ, ONE), ask(ALICE, None, ONE), ask(ALICE, READ), ask({"id": "alice"}, READ, ONE), ask({"type": "user"}, READ, ONE),
             ask(ALICE, {}, ONE), ask(ALICE, READ, {"id": "record-1"}), ask(ALICE, READ, {"type": "record"}), ask("alice", READ, ONE),
             ask(ALICE, {"name": 123}, ONE)]
    seen = [pep.post("/access/v1/evaluation", json=body).status_code for body in wrong]
    seen += [pep.post("/access/v1/evaluation", content=body, headers={"content-type": kind}).status_code
             for body, kind in [(b"{}", "text/plain"), (b"{", "application/json"), (b"", "application/json")]]
    check("scenario 2.4 errors are 400", seen == [400] * 13, seen)
    told = pep.post("/access/v1/evaluation", json=ask(ALICE, READ, ONE), headers={"x-request-id": "bfe9eb29"})
    check("scenario 2.5 X-Request-ID comes back", told.headers.get("x-request-id") == "bfe9eb29", told.headers)
    check("scenario 2.6 the same each time", all(pep.post("/access/v1/evaluation", json=ask(ALICE, READ, ONE)).json()["decision"] for _ in range(5)))

    def batch(name, body, expected):
        told = pep.post("/access/v1/evaluations", json=body)
        seen = [one["decision"] for one in told.json().get("evaluations", [])]
        check(f"scenario {name}", told.status_code == 200 and seen == expected and "decision" not in told.json(), told.text)

    batch("3.2.1 many", ask(ALICE, READ, evaluations=[ask(resource=ONE), ask(resource=TWO)]), [True, True])
    batch("3.2.2 in order", ask(BOB, None, ONE, evaluations=[ask(action=READ), ask(action=WRITE)]), [True, False])
    active = {**ONE, "properties": {"status": "active"}}
    batch("3.2.3 resources' properties", ask(ALICE, WRITE, evaluations=[ask(resource=active), ask(resource=ARCHIVED)]), [True, False])
    batch("3.2.4 subjects' properties", ask(None, WRITE, ARCHIVED, evaluations=[ask(ALICE), ask(ADMIN)]), [False, True])
    batch("3.2.5 no defaults", {"evaluations": [ask(ALICE, READ, ONE), ask(BOB, WRITE, ONE)]}, [True, False])
    two = ask(resource=TWO, context={"time": "2025-06-27T19:00-07:00", "source": "batch-override"})
    batch("3.2.6 contexts", ask(ALICE, READ, context={"time": "2025-06-27T18:03-07:00"}, evaluations=[ask(resource=ONE), two]), [True, True])
    part = {"id": "record-1", "properties": {"status": "active"}}
    batch("3.2.7 merged", ask(ALICE, WRITE, {"type": "record"}, evaluations=[ask(resource=part), ask(resource=ARCHIVED)]), [True, False])
    batch("3.4.1 one that is wrong", ask(ALICE, READ, evaluations=[ask(resource=ONE), {}]), [True, False])
    single("3.4.2 no evaluations", ask(ALICE, READ, ONE), True, "/access/v1/evaluations")
    single("3.4.3 none", ask(ALICE, READ, ONE, evaluations=[]), True, "/access/v1/evaluations")

    told = pep.get("/.well-known/authzen-configuration", headers={"authorization": ""})
    found = told.json()
    places = [value for name, value in found.items() if name.endswith("_endpoint") or name == "jwks_uri"]
    good = told.status_code == 200 and found["policy_decision_point"] == url and len(places) == 4 and all(place.startswith(url + "/") for place in places)
    check("scenario 6 discovery", good and "urn:openid:authzen:capability:access-request" in found["capabilities"], told.text)
    check("search is not offered, and not listed", not [name for name in found if "search" in name] and pep.post("/access/v1/search/subject", json={}).status_code == 404)
