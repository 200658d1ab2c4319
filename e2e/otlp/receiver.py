"""The other side twice: a shop that records its callers' trace context, and a collector that reads what is exported."""

import gzip
import json
import sys

import uvicorn
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

calls = []
spans = []
headers = []
# While it is away it answers 503, as a collector that restarts does.
state = {"away": False, "refused": 0}


async def refund(request):
    body = await request.json()
    calls.append({name: request.headers.get(name) for name in ("traceparent", "tracestate", "baggage")})
    return JSONResponse({"error": "no such charge"}, 422) if body["amount"] == 13 else JSONResponse({"id": "re_1"}, 201)


async def traces(request):
    body = await request.body()
    if state["away"]:
        state["refused"] += 1
        return Response(status_code=503)
    headers.append(dict(request.headers))
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = {pair.key: pair.value.string_value for pair in of_resource.resource.attributes}
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                attributes = {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}
                spans.append({"trace": span.trace_id.hex(), "span": span.span_id.hex(), "parent": span.parent_span_id.hex(),
                              "name": span.name, "kind": span.kind, "status": span.status.code, "attributes": attributes,
                              "took_ns": span.end_time_unix_nano - span.start_time_unix_nano, "resource": resource,
                              "unknown": len(MessageToDict(span)) == 0})
    return Response(ExportTraceServiceResponse().SerializeToString(), media_type="application/x-protobuf")


async def away(request):
    state["away"] = (await request.json())["away"]
    return JSONResponse(state)


async def told(request):
    return JSONResponse({"calls": calls, "spans": spans, "headers": headers, **state})


app = Starlette(routes=[
    Route("/shop/refunds", refund, methods=["POST"]),
    Route("/v1/traces", traces, methods=["POST"]),
    Route("/away", away, methods=["POST"]),
    Route("/told", told),
])

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
