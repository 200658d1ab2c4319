"""Pydantic AI, with a scripted model."""

import asyncio

from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults, FunctionToolset, ToolApproved
from pydantic_ai.messages import ModelResponse, RetryPromptPart, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel

import scenarios
from countersign.adapters.pydantic_ai import GuardedToolset
from scenarios import CATEGORIES, check, done

TOOLS = FunctionToolset([scenarios.refund, scenarios.transfer])


def told(messages):
    parts = [part for message in messages for part in message.parts]
    return [str(part.content) for part in parts if isinstance(part, (ToolReturnPart, RetryPromptPart))]


def script(calls):
    def model(messages, info):
        seen = len(told(messages))
        if seen >= len(calls):
            return ModelResponse(parts=[TextPart("done")])
        name, arguments, call_id = calls[seen]
        return ModelResponse(parts=[ToolCallPart(name, arguments, tool_call_id=call_id)])

    return FunctionModel(model)


def prepare(gate, **options):
    toolset = GuardedToolset(TOOLS, gate, categories=CATEGORIES, **options)

    def play(calls):
        agent = Agent(script(calls), toolsets=[toolset])
        return told(asyncio.run(agent.run("go", conversation_id="thread-1")).all_messages())

    return play


def deferred(house):
    """A run that ends while people decide, and goes on with its messages."""
    toolset = GuardedToolset(TOOLS, house.gate(), categories=CATEGORIES, defer=True, wait_s=0)

    async def one(order, answer):
        calls = [("refund", {"order": order, "amount": 600}, f"call_{order}")]
        agent = Agent(script(calls), toolsets=[toolset], output_type=[str, DeferredToolRequests])
        first = await agent.run("go", conversation_id="thread-2")
        waiting = first.output
        check("a call that waits ends the run, deferred", isinstance(waiting, DeferredToolRequests) and len(waiting.approvals) == 1, waiting)
        action = waiting.metadata[f"call_{order}"]["countersign_action"]
        await asyncio.to_thread(house.approve, action)
        results = DeferredToolResults(approvals={f"call_{order}": answer})
        second = await agent.run(message_history=first.all_messages(), deferred_tool_results=results, conversation_id="thread-2")
        return told(second.all_messages())

    said = asyncio.run(one("o-5", True))
    check("it goes on once they have approved", done[-1] == ("o-5", 600) and "paid 600" in said[-1], said)
    before = len(done)
    said = asyncio.run(one("o-6", ToolApproved(override_args={"order": "o-6", "amount": 6000})))
    check("with other arguments it is refused", len(done) == before and "Refused" in said[-1], said)


def documented(house):
    scenarios.documented(house, "Pydantic AI", script([("refund", {"order": "o-1", "amount": 20}, "call_30")]))


scenarios.run(prepare, deferred, documented)
