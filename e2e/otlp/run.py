"""An agent with OpenTelemetry on, a gate that takes its spans and exports its own, a collector that is away for a while."""

import gzip
import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import time

import httpx
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter as JsonExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from tally import Folder, Serving, check, finish, free_port, write

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = """
@id("refunds") permit (principal, action == Action::"payment", resource == Tool::"shop/refund");
"""
UPSTREAMS = """
[upstream.shop]
base = "http://127.0.0.1:{port}/shop"

[[upstream.shop.route]]
method = "POST"
path = "/refunds"
tool = "refund"
category = "payment"
"""


def until(found, seconds=20):
    """What is found, as soon as it is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        seen = found()
        if seen:
            return seen
        time.sleep(0.05)
    return found()


def span_of(action):
    """The action's own span, as the documentation says."""
    return hashlib.sha256(f"span{action}".encode()).hexdigest()[:16]


class Agent:
    """An agent's process: a tracer with one exporter, and a client whose calls carry its context."""

    def __init__(self, name, exporter, gate, key):
        provider = TracerProvider(resource=Resource.create({"service.name": name, "host.name": "laptop-of-alice"}))
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        self.tracer = provider.get_tracer("agent")
        self.client = httpx.Client(base_url=f"{gate}/proxy/shop", headers={"authorization": f"Bearer {key}"}, timeout=30)

    def refund(self, amount, call):
        """A model call, then the tool call that it wanted; the answer, and the tool span's context."""
        with self.tracer.start_as_current_span("invoke_agent"):
            with self.tracer.start_as_current_span("chat gpt-5", kind=trace.SpanKind.CLIENT) as chat:
                chat.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5", "gen_ai.usage.input_tokens": 120,
                                     "gen_ai.usage.output_tokens": 30, "gen_ai.input.messages": "please refund zanzibarqueen",
                                     "gen_ai.response.finish_reasons": ["tool_calls"]})
            with self.tracer.start_as_current_span("execute_tool refund") as tool:
                tool.set_attributes({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "refund", "gen_ai.tool.call.id": call})
                carrier = {}
                TraceContextTextMapPropagator().inject(carrier)
                headers = {**carrier, "tracestate": "rojo=00f067aa0ba902b7", "baggage": "who=alice", "x-countersign-call": call,
                           "x-countersign-session": "run-7"}
                return self.client.post("/refunds", json={"amount": amount}, headers=headers), tool.get_span_context()


def sends(folder, gate, key, told):
    traces = f"{gate}/otlp/v1/traces"
    bearer = {"authorization": f"Bearer {key}"}
    agents = {
        "protobuf": OTLPSpanExporter(endpoint=traces, headers=bearer),
        "gzip": OTLPSpanExporter(endpoint=traces, headers=bearer, compression=Compression.Gzip),
        "json": JsonExporter(endpoint=traces, headers=bearer),
    }
    for name, exporter in agents.items():
        answer, asked = Agent(f"planner-{name}", exporter, gate, key).refund(20, f"call_{name}")
        action = answer.headers.get("x-countersign-action")
        check(f"{name}: the call goes through", answer.status_code == 201 and action, answer.text)
        call = told()["calls"][-1]
        trace_id, own = f"{asked.trace_id:032x}", span_of(action)
        check(f"{name}: the API sees the same trace with the action's span as the parent", call["traceparent"] == f"00-{trace_id}-{own}-01", call)
        check(f"{name}: the trace's state goes along, baggage does not", call["tracestate"] == "rojo=00f067aa0ba902b7" and call["baggage"] is None, call)
        context = httpx.get(f"{gate}/v1/actions/{action}/context", headers=bearer).json()
        spans = {span["name"]: span for span in context["spans"]}
        check(f"{name}: the agent's spans stand beside the action", sorted(spans) == ["chat gpt-5", "execute_tool refund", "invoke_agent"], context)
        tool, chat = spans.get("execute_tool refund", {}), spans.get("chat gpt-5", {})
        check(f"{name}: the one that asked is known as such", tool.get("link") == "caller" and tool.get("span_id") == f"{asked.span_id:016x}", tool)
        check(f"{name}: model, usage, service and whose word it is", (chat.get("model"), chat.get("input_tokens"), chat.get("output_tokens"), chat.get("service"), chat.get("by_proposer")) == ("gpt-5", 120, 30, f"planner-{name}", True), chat)
        check(f"{name}: no prompt and no host is kept", "zanzibarqueen" not in str(context) and "laptop-of-alice" not in str(context), context)
        span = until(lambda: next((one for one in told()["spans"] if one["span"] == own), None))
        check(f"{name}: the action's span comes out under the agent's", span and (span["trace"], span["parent"], span["name"], span["status"]) == (trace_id, f"{asked.span_id:016x}", "execute_tool refund", 0), span)
        said = span["attributes"] if span else {}
        expected = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "refund", "gen_ai.tool.call.id": f"call_{name}", "gen_ai.agent.id": "billing",
                    "gen_ai.conversation.id": "run-7", "countersign.decision": "allow", "countersign.action.id": action, "countersign.state": "succeeded"}
        check(f"{name}: and says what it is", {key: said.get(key) for key in expected} == expected and said.get("countersign.policy.version") and len(said.get("countersign.payload.sha256", "")) == 43, said)
    story = folder.run("action", "story", action).stdout
    check("the story has a section that says what it is worth", "Runtime context (reported by the agent's side; not evidence)" in story and "chat gpt-5" in story and "120 in, 30 out" in story, story)
    machine = folder.json("action", "story", action)
    check("and the story for machines is evidence alone", "chat gpt-5" not in str(machine))
    return action


def ends(gate, key, told):
    """What did not succeed, and where nobody named a trace."""
    client = httpx.Client(base_url=f"{gate}/proxy/shop", headers={"authorization": f"Bearer {key}"}, timeout=30)
    denied = client.delete("/refunds").json()["action"]
    span = until(lambda: next((one for one in told()["spans"] if one["span"] == span_of(denied)), None))
    check("a denial is a span with an error", span and span["status"] == 2 and span["attributes"].get("error.type") == "denied_by_policy" and span["attributes"].get("countersign.decision") == "deny", span)
    check("of a trace that begins with it", span and span["parent"] == "" and len(span["trace"]) == 32, span)
    failed = client.post("/refunds", json={"amount": 13})
    action, call = failed.headers["x-countersign-action"], told()["calls"][-1]
    span = until(lambda: next((one for one in told()["spans"] if one["span"] == span_of(action)), None))
    check("a failure too", span and span["status"] == 2 and span["attributes"].get("error.type"), span)
    check("in the trace that went upstream", span and call["traceparent"] == f"00-{span['trace']}-{span['span']}-01", [call, span])
    check("which finds the action", action in str(httpx.get(f"{gate}/v1/resolve/{span['trace']}", headers={"authorization": f"Bearer {os.environ['OPERATOR']}"}).json()))


def events(gate, key, action):
    provider = LoggerProvider(resource=Resource.create({"service.name": "claude-code"}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(endpoint=f"{gate}/otlp/v1/logs", headers={"authorization": f"Bearer {key}"})))
    logger = provider.get_logger("claude")
    def emit(body, **attributes):
        logger.emit(LogRecord(timestamp=time.time_ns(), severity_number=SeverityNumber.INFO, body=body, attributes={name.replace("__", "."): value for name, value in attributes.items()}))
    emit("claude_code.tool_result", tool_use_id="call_json", prompt__id="p-7", success="true", duration_ms=12, tool_parameters="zanzibarqueen")
    emit("claude_code.api_request", prompt__id="p-7", model="claude-sonnet-4-5", input_tokens=900, cost_usd=0.02)
    context = httpx.get(f"{gate}/v1/actions/{action}/context", headers={"authorization": f"Bearer {key}"}).json()
    found = {span["name"]: span["link"] for span in context["spans"] if span["kind"] == "event"}
    check("log events join by tool call, and by the prompt behind it", found == {"claude_code.tool_result": "call", "claude_code.api_request": "prompt"}, context)
    check("without what people wrote", "zanzibarqueen" not in str(context))


def refuses(gate, key, operator):
    traces = f"{gate}/otlp/v1/traces"
    def post(body, kind="application/x-protobuf", bearer=key, **more):
        return httpx.post(traces, content=body, headers={"authorization": f"Bearer {bearer}", "content-type": kind, **more})
    check("a key that may not propose is refused", post(b"", bearer=operator).status_code == 403)
    check("and an unknown one", post(b"", bearer="nobody").status_code == 401)
    check("what is no protobuf", post(b"\xff\xff").status_code == 400)
    check("what is no JSON", post(b"{", "application/json").status_code == 400)
    check("another encoding", post(b"x", "text/plain").status_code == 415)
    bomb = gzip.compress(bytes(64 << 20))
    check("what inflates too far", post(bomb, **{"content-encoding": "gzip"}).status_code == 413 and len(bomb) < 100_000)
    check("what is too large", post(bytes(5 << 20)).status_code == 413)
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    scope.spans.add(name="without ids")
    scope.spans.add(name="good", trace_id=b"t" * 16, span_id=b"s" * 8)
    answer = ExportTraceServiceResponse.FromString(post(request.SerializeToString()).content)
    check("what lacks its ids is left out, and told", answer.partial_success.rejected_spans == 1 and "ids" in answer.partial_success.error_message, answer)


def outlives(gate, key, told, receiver):
    """A collector that is away delays nothing and misses nothing."""
    httpx.post(f"{receiver}/away", json={"away": True})
    client = httpx.Client(base_url=f"{gate}/proxy/shop", headers={"authorization": f"Bearer {key}"}, timeout=30)
    began = time.monotonic()
    actions = [client.post("/refunds", json={"amount": 1}).headers["x-countersign-action"] for _ in range(10)]
    took = time.monotonic() - began
    check("calls go on while the collector is away", len(actions) == 10 and took < 10, took)
    check("it is asked again", until(lambda: told()["refused"] >= 2), told()["refused"])
    return actions


def play(work, port):
    receiver = f"http://127.0.0.1:{port}"
    folder = Folder(os.path.join(work, "data"))
    check("init", folder.run("init").returncode == 0)
    policy = os.path.join(work, "policy")
    write(os.path.join(policy, "rules.cedar"), RULES)
    check("the policy is activated", folder.run("policy", "activate", policy).returncode == 0)
    write(folder.at("upstreams.toml"), UPSTREAMS.format(port=port))
    write(folder.at("otlp.headers"), "x-tenant: seven\nauthorization: Bearer of-the-collector\n")
    key = folder.json("key", "create", "--kind", "agent", "--label", "billing", "--agent", "billing")["secret"]
    operator = folder.json("key", "create", "--kind", "operator", "--label", "boss")["secret"]
    os.environ["OPERATOR"] = operator
    os.environ["COUNTERSIGN_UPSTREAMS_FILE"] = "upstreams.toml"
    os.environ["COUNTERSIGN_OTLP_ENDPOINT"] = receiver
    os.environ["COUNTERSIGN_OTLP_HEADERS_FILE"] = "otlp.headers"
    os.environ["COUNTERSIGN_OTLP_SERVICE_NAME"] = "gate-under-test"
    told = lambda: httpx.get(f"{receiver}/told").json()
    listen = f"127.0.0.1:{free_port()}"
    with Serving(folder, "--listen", listen):
        gate = f"http://{listen}"
        action = sends(folder, gate, key, told)
        ends(gate, key, told)
        events(gate, key, action)
        refuses(gate, key, operator)
        missed = outlives(gate, key, told, receiver)
        sent = told()["headers"][0]
        check("the collector's own headers go along", sent.get("x-tenant") == "seven" and sent.get("authorization") == "Bearer of-the-collector", sent)
        check("spans name the gate", told()["spans"][0]["resource"].get("service.name") == "gate-under-test", told()["spans"][0])
    httpx.post(f"{receiver}/away", json={"away": False})
    with Serving(folder, "--listen", listen):
        found = lambda: {span_of(one) for one in missed} <= {one["span"] for one in told()["spans"]}
        check("what it missed comes after a restart of both", until(found), [len(told()["spans"])])
        counts = [one["span"] for one in told()["spans"]]
        check("and nothing comes twice that it had taken", len(counts) == len(set(counts)), len(counts))
    os.remove(folder.at("runtime.db"))
    with Serving(folder, "--listen", listen):
        told_again = httpx.get(f"http://{listen}/v1/actions/{action}/context", headers={"authorization": f"Bearer {key}"}).json()
        check("deleting the runtime context loses it alone", told_again["spans"] == [] and folder.json("action", "story", action)["badge"] == "EXACT")
    verdict = folder.verify()
    check("the evidence of all verifies", verdict.returncode == 0, verdict.stdout + verdict.stderr)


def main():
    logging.disable(logging.CRITICAL)
    port = free_port()
    receiver = subprocess.Popen([sys.executable, os.path.join(HERE, "receiver.py"), str(port)])
    try:
        until(lambda: answers(port))
        with tempfile.TemporaryDirectory(prefix="countersign-otlp-") as work:
            play(work, port)
    finally:
        receiver.terminate()
        receiver.wait(timeout=10)
    finish()


def answers(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/told").status_code == 200
    except httpx.HTTPError:
        return False


main()
