"""A small shop: charges can be refunded. It knows one token, and writes down what reaches it."""

import asyncio
import json
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

TOKEN = "Bearer tok_of_the_shop"
refunds = {}
seen = []


async def refund(request):
    body = await request.json()
    seen.append({"path": request.url.path, "body": body, "token": request.headers.get("authorization"),
                 "cookie": request.headers.get("cookie"), "key": request.headers.get("idempotency-key")})
    if request.headers.get("authorization") != TOKEN:
        return JSONResponse({"error": "who are you"}, 401)
    if request.path_params["charge"] == "ch_slow":
        await asyncio.sleep(4)
    number = f"re_{len(refunds) + 1}"
    refunds[number] = body["amount"]
    return JSONResponse({"id": number, "amount": body["amount"]}, 201, headers={"request-id": f"req_{number}"})


async def balance(request):
    return JSONResponse({"refunded": sum(refunds.values())})


async def stream(request):
    async def parts():
        for number in range(3):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.05)
    return StreamingResponse(parts(), media_type="text/event-stream")


async def told(request):
    return JSONResponse({"seen": seen, "refunds": refunds})


app = Starlette(routes=[
    Route("/v1/charges/{charge}/refunds", refund, methods=["POST"]),
    Route("/v1/balance", balance),
    Route("/v1/stream", stream, methods=["POST"]),
    Route("/told", told),
])

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
