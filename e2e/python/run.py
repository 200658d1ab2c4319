"""What a guarded function does, and what it does not."""

import asyncio
import json
import os
import signal
import tempfile
import threading
import time

import httpx

from countersign import (AlreadyExecuted, ApprovalPending, AsyncClient, Client, Denied, GateUnavailable, NotExecutable, Refused,
                         Unrecorded)
from tally import Folder, Serving, check, finish, free_port

RULES = """
@id("refunds") permit (principal, action == Action::"payment", resource == Tool::"payments/refund");
@id("refunds-large") @review("owners") @message("Over 500 an owner looks.")
forbid (principal, action == Action::"payment", resource == Tool::"payments/refund") when { context.payload.amount > 500 };
@id("notes") permit (principal, action == Action::"write", resource == Tool::"notes/write");
"""


def raised(kind, call, *args, **kwargs):
    """The error of that kind that a call raises; None for anything else."""
    try:
        call(*args, **kwargs)
    except kind as error:
        return error
    except Exception as error:  # what else it was is what the check shows
        print("  # raised", type(error).__name__, error)
    return None


def wait_for(ask, tries=100):
    for _ in range(tries):
        found = ask()
        if found:
            return found
        time.sleep(0.05)
    return None


class Bank:
    """The other side: what reaches it is all that was executed."""

    def __init__(self):
        self.done = []


def blocking(folder, url, key):
    bank = Bank()
    gate = Client(url, key=key, agent="billing", session="run-7", hold=30)

    @gate.guard("payments/refund", category="payment", leave_out=("via",))
    def refund(order: str, amount: int, *, tags: tuple = (), via=None) -> dict:
        """Pays back."""
        bank.done.append((order, amount, tags))
        if order == "time-out":
            raise TimeoutError("no answer")
        if order == "broken":
            raise ValueError("no such order")
        return {"id": f"re_{len(bank.done)}"}

    check("it stays the function that it was", refund.__name__ == "refund" and refund.__doc__ == "Pays back.")
    check("an allowed call returns what it returns", refund("o-1", 20, tags=("a", "b"), via=object()) == {"id": "re_1"})
    check("with the arguments as JSON holds them", bank.done == [("o-1", 20, ["a", "b"])], bank.done)
    row = folder.json("action", "list")["actions"][0]
    story = json.dumps(folder.json("action", "story", row["action"]))
    check("it is on record: payload, answer, session", row["state"] == "succeeded" and '"order":"o-1"' in story.replace(" ", "") and "re_1" in story and "run-7" in story, row)
    with gate.action("notes/write", {"text": "x"}, category="write", resource=("order", "o-9")):
        pass
    row = folder.json("action", "list")["actions"][0]
    story = json.dumps(folder.json("action", "story", row["action"]))
    check("what it acts on is on record", '"o-9"' in story, story)
    check("nothing that was left out is", "object at" not in story and "via\\\":null" not in story)

    @gate.guard("payments/transfer", category="payment")
    def transfer(amount):
        bank.done.append(amount)

    denied = raised(Denied, transfer, 1)
    check("what no rule permits does not run", denied is not None and denied.action and len(bank.done) == 1, denied)
    check("nor what JSON does not hold", raised(TypeError, refund, object(), 1) is not None and raised(ValueError, refund, "o", float("nan")) is not None and len(bank.done) == 1)

    answers = []
    held = threading.Thread(target=lambda: answers.append(refund("o-2", 700)))
    held.start()
    waiting = wait_for(lambda: folder.json("review", "list"))
    check("a large one waits", waiting and not answers and len(bank.done) == 1)
    folder.run("review", "approve", waiting[0]["action"], "--yes", "--reason", "agreed")
    held.join(timeout=30)
    check("and runs once it is approved", answers == [{"id": "re_2"}] and bank.done[-1] == ("o-2", 700, []), answers)

    edit = os.path.join(os.path.dirname(folder.path), "edit.json")
    for order, payload in (("o-3", {"order": "o-3", "amount": 70, "tags": []}), ("o-4", {"order": "o-4", "amount": 70})):
        outcome = []

        def call(order=order):
            try:
                outcome.append(refund(order, 800))
            except NotExecutable as error:
                outcome.append(error)

        held = threading.Thread(target=call)
        held.start()
        waiting = wait_for(lambda: folder.json("review", "list"))
        with open(edit, "w", encoding="utf-8") as file:
            json.dump(payload, file)
        done = folder.run("review", "approve", waiting[0]["action"], "--edit", edit, "--yes", "--reason", "less")
        check(f"an edit of {order} is approved", done.returncode == 0, done.stderr)
        held.join(timeout=30)
        if order == "o-3":
            check("the function gets what the reviewer made of it", bank.done[-1] == ("o-3", 70, []), bank.done)
        else:
            check("what does not fit its parameters does not run", isinstance(outcome[0], NotExecutable) and bank.done[-1][0] == "o-3", outcome)
            check("and is on record as failed", folder.json("action", "show", outcome[0].action)["state"] == "failed")

    impatient = Client(url, key=key, agent="billing", hold=0)
    pending = raised(ApprovalPending, impatient.start, "payments/refund", {"order": "o-5", "amount": 900}, category="payment")
    check("who does not wait is told that it waits", pending is not None and pending.action, pending)
    folder.run("review", "approve", pending.action, "--yes", "--reason", "agreed")
    again = impatient.start("payments/refund", {"order": "o-5", "amount": 900}, category="payment")
    check("the same call again takes the approved one over", again.id == pending.action)
    again.succeeded({"ok": True}, downstream_request_id="bank-77")
    impatient.finish(again)
    check("the other side's id finds it", folder.json("action", "show", "bank-77")["action"] == again.id)

    one = impatient.start("payments/refund", {"order": "o-6", "amount": 1}, category="payment", request_id="fixed")
    check("one request id is one action", raised(AlreadyExecuted, impatient.start, "payments/refund", {"order": "o-6", "amount": 1}, category="payment", request_id="fixed") is not None)
    replayed = raised(Refused, impatient.start, "payments/refund", {"order": "o-6", "amount": 2}, category="payment", request_id="fixed")
    check("and no other one", replayed is not None and replayed.name == "request_replayed", replayed)
    one.failed()
    impatient.finish(one)

    state = lambda: folder.json("action", "list", "--limit", "1")["actions"][0]["state"]
    check("an exception goes on", raised(ValueError, refund, "broken", 1) is not None)
    check("and nobody knows what was done before it", state() == "unknown", state())
    check("a time-out goes on", raised(TimeoutError, refund, "time-out", 1) is not None)
    check("and nobody knows what came of it", state() == "unknown", state())
    with gate.action("notes/write", {"text": "x"}, category="write"):
        pass
    check("a block that says nothing is unknown", state() == "unknown", state())
    hard_to_record(folder, gate)
    meaning(folder, gate)
    wrong = Client(url, key="cs_agent_wrong", agent="billing")
    check("a wrong key gets nothing", raised(Refused, wrong.start, "notes/write", {}, category="write") is not None)


class Silent:
    """A result that cannot even be printed."""

    def __repr__(self):
        raise RuntimeError("no text")


def hard_to_record(folder, gate):
    """It ran by then: whatever it returns or raises, that is on record, and nobody is made to try again."""
    given = []

    @gate.guard("notes/write", category="write")
    def write(text: str):
        if isinstance(given[-1], Exception):
            raise given[-1]
        return given[-1]

    def last():
        row = folder.json("action", "list", "--limit", "1")["actions"][0]
        return row["state"], json.dumps(folder.json("action", "story", row["action"]), ensure_ascii=False)

    for what, result, trace in (("a name that is no UTF-8", ["ok", "\udcff.txt"], "\ufffd.txt"), ("what raises when it is printed", Silent(), "Silent")):
        given.append(result)
        try:
            check(f"{what} is returned", write("x") is result)
        except Exception as error:
            check(f"{what} is returned", False, repr(error))
        state, story = last()
        check("and is on record", state == "succeeded" and trace in story, (state, story))
    given.append(ValueError("\udcff.txt"))
    check("an exception with such a name goes on", raised(ValueError, write, "x") is given[-1])
    state, story = last()
    check("and is on record too", state == "unknown" and "\ufffd.txt" in story, (state, story))

    class Broken(httpx.BaseTransport):
        def handle_request(self, request):
            if request.url.path.endswith("/finish"):
                raise RuntimeError("the client's own fault")
            return real.handle_request(request)

    real = httpx.HTTPTransport()
    broken = Client(gate.url, key=gate.key, agent="billing", http=httpx.Client(transport=Broken()))
    lost = raised(Unrecorded, broken.guard("notes/write", category="write")(lambda text: "done"), "x")
    check("whatever fails at recording is Unrecorded, with the result", lost is not None and lost.result == "done", lost)


def meaning(folder, gate):
    """What an exception says of the effect."""

    class Group(Exception):
        def __init__(self, *exceptions):
            super().__init__("several")
            self.exceptions = exceptions

    def caused(error, cause):
        error.__cause__ = cause
        return error

    refused, lost = ConnectionRefusedError("nobody there"), httpx.ReadError("broken")
    circle = ValueError("circle")
    circle.__cause__ = circle
    said = [
        (refused, "failed"), (httpx.ConnectError("nobody there"), "failed"), (httpx.ConnectTimeout("nobody there"), "failed"),
        (NotExecutable("no such order"), "failed"), (caused(RuntimeError("wrapped"), refused), "failed"), (Group(refused, refused), "failed"),
        (Group(refused, lost), "unknown"), (lost, "unknown"), (caused(RuntimeError("wrapped"), TimeoutError()), "unknown"),
        (json.JSONDecodeError("an answer that is none", "", 0), "unknown"), (OSError("whatever"), "unknown"), (circle, "unknown"),
    ]
    for error, outcome in said:
        def fail(text: str, error=error):
            raise error

        try:
            gate.guard("notes/write", category="write", leave_out=("error",))(fail)("x")
        except Exception as went:
            state = folder.json("action", "list", "--limit", "1")["actions"][0]["state"]
            check(f"{error!r} says {outcome}", went is error and state == outcome, (went, state))
    try:
        gate.guard("notes/write", category="write", leave_out=("error",), outcome_of=lambda error: "failed")(fail)("x")
    except ValueError:
        state = folder.json("action", "list", "--limit", "1")["actions"][0]["state"]
        check("whoever knows better says so", state == "failed", state)


async def not_blocking(url, key):
    done = []
    async with AsyncClient(url, key=key, agent="billing", hold=5) as gate:

        @gate.guard("notes/write", category="write")
        async def note(text: str) -> str:
            done.append(text)
            await asyncio.sleep(0)
            return text.upper()

        told = await asyncio.gather(*(note(f"n{n}") for n in range(20)))
        check("twenty at once, each by itself", told == [f"N{n}" for n in range(20)] and len(done) == 20)

        @gate.guard("notes/write", category="write")
        async def slow() -> None:
            await asyncio.sleep(30)

        task = asyncio.create_task(slow())
        await asyncio.sleep(0.5)
        task.cancel()
        cancelled = False
        try:
            await task
        except asyncio.CancelledError:
            cancelled = True
        check("a cancelled task is cancelled", cancelled)
    try:
        Client(url, key=key, agent="b").guard("notes/write")(slow)
        check("a coroutine does not pass for a function", False)
    except TypeError:
        check("a coroutine does not pass for a function", True)


def later(folder, url, key):
    """Work that would be done after the guarded function has returned."""
    ran = []

    def steps():
        yield ran.append("generator")

    async def stream():
        yield ran.append("stream")

    async def coroutine():
        ran.append("coroutine")

    async def lazy():
        return steps()

    class Caller:
        async def __call__(self):
            ran.append("caller")

    waits, blocks = AsyncClient(url, key=key, agent="b").guard("notes/write", category="write"), Client(url, key=key, agent="b").guard("notes/write", category="write")
    for guard, function, what in ((blocks, steps, "a generator"), (blocks, stream, "a stream"), (blocks, Caller(), "an object called as a coroutine"),
                                  (waits, steps, "a generator, not blocking,"), (waits, stream, "a stream, not blocking,"), (waits, lambda: None, "a plain function, not blocking,")):
        check(f"{what} is not guarded", raised(TypeError, guard, function) is not None)
    for call, what in ((blocks(lambda: coroutine()), "a coroutine that a function returns"), (blocks(lambda: steps()), "a generator that one returns"),
                       (lambda: asyncio.run(waits(lazy)()), "a generator that a coroutine returns")):
        check(f"{what} is refused", raised(TypeError, call) is not None)
        state = folder.json("action", "list", "--limit", "1")["actions"][0]["state"]
        check("and is on record as unknown", state == "unknown" and not ran, (state, ran))


def main():
    with tempfile.TemporaryDirectory(prefix="countersign-python-") as work:
        folder = Folder(os.path.join(work, "data"))
        folder.run("init")
        policy = os.path.join(work, "policy")
        os.makedirs(policy)
        for name, text in (("rules.cedar", RULES), ("entities.json", '{"review_groups":{"owners":"who may spend"}}')):
            with open(os.path.join(policy, name), "w", encoding="utf-8") as file:
                file.write(text)
        done = folder.run("policy", "activate", policy)
        check("the policy is activated", done.returncode == 0, done.stderr)
        key = folder.json("key", "create", "--kind", "agent", "--label", "billing")["secret"]
        os.environ["COUNTERSIGN_SOLO"] = "true"
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        ran = []
        with Serving(folder, "--listen", f"127.0.0.1:{port}") as server:
            blocking(folder, url, key)
            asyncio.run(not_blocking(url, key))
            state = folder.json("action", "list", "--limit", "1")["actions"][0]["state"]
            check("and its outcome is unknown", state == "unknown", state)
            later(folder, url, key)
            gate = Client(url, key=key, agent="billing")

            @gate.guard("notes/write", category="write")
            def last(text):
                ran.append(text)
                server.end(signal.SIGKILL)
                return "done"

            lost = raised(Unrecorded, last, "x")
            check("a gate that dies meanwhile leaves the result, and says that it is not on record", lost is not None and lost.result == "done", lost)
            check("without a gate nothing runs", raised(GateUnavailable, last, "y") is not None and ran == ["x"], ran)
        with Serving(folder):
            pass
        verdict = folder.verify()
        check("the evidence of all that verifies", verdict.returncode == 0, verdict.stdout + verdict.stderr)
    finish()


main()
