"""OpenAI Agents SDK, with a scripted model."""

import asyncio
import json

from agents import Agent, Model, ModelBehaviorError, ModelResponse, RunConfig, Runner, RunState, Usage, function_tool
from agents.tool_context import ToolContext
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

import scenarios
from countersign.adapters.openai_agents import guard_tools
from scenarios import CATEGORIES, check, done


class Scripted(Model):
    """Makes the calls, then says that it is done. Keeps what it was told."""

    def __init__(self, calls):
        self.calls, self.told = list(calls), []

    async def get_response(self, system_instructions, input, *args, **kwargs):
        items = input if isinstance(input, list) else []
        self.told = [item["output"] for item in items if item.get("type") == "function_call_output"]
        if len(self.told) < len(self.calls):
            name, arguments, call_id = self.calls[len(self.told)]
            output = ResponseFunctionToolCall(type="function_call", name=name, arguments=json.dumps(arguments), call_id=call_id)
        else:
            text = ResponseOutputText(type="output_text", text="done", annotations=[])
            output = ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=[text])
        return ModelResponse(output=[output], usage=Usage(), response_id=None)

    def stream_response(self, *args, **kwargs):
        raise NotImplementedError


TOOLS = [function_tool(scenarios.refund), function_tool(scenarios.transfer)]
QUIET = RunConfig(tracing_disabled=True, group_id="thread-1")


def prepare(gate, **options):
    tools = guard_tools(TOOLS, gate, categories=CATEGORIES, **options)

    def play(calls):
        model = Scripted(calls)
        asyncio.run(Runner.run(Agent(name="billing", model=model, tools=tools), "go", run_config=QUIET))
        return [str(one) for one in model.told]

    return play


def interrupted(house):
    """A run that is put down while people decide, and taken up again from its stored state."""

    async def one(order, change):
        call = ("refund", {"order": order, "amount": 600}, f"call_{order}")
        model = Scripted([call])
        tools = guard_tools(TOOLS, house.gate(), categories=CATEGORIES, interrupt=True)
        agent = Agent(name="billing", model=model, tools=tools)
        result = await Runner.run(agent, "go", run_config=QUIET)
        check("a call that waits interrupts the run", len(result.interruptions) == 1 and not model.told, result)
        stored = result.to_state().to_string()
        await asyncio.to_thread(house.approve, await asyncio.to_thread(house.waiting))
        state = await RunState.from_string(agent, change(stored))
        for item in state.get_interruptions():
            state.approve(item)
        await Runner.run(agent, state, run_config=QUIET)
        return str(model.told)

    said = asyncio.run(one("o-5", lambda stored: stored))
    check("resumed after the approval it runs", done[-1] == ("o-5", 600) and "paid 600" in said, said)
    before = len(done)
    try:
        said = asyncio.run(one("o-6", lambda stored: stored.replace("600", "6000")))
    except ModelBehaviorError as error:
        said = f"the SDK refuses the state: {error}"
    check("with a state that was changed meanwhile it does not", len(done) == before, said)


def context(house):
    """What a tool reads of its own call."""
    seen = []

    @function_tool
    def refund(context: ToolContext, order: str, amount: int = 20) -> str:
        """Pays back."""
        seen.extend(json.loads(text)["amount"] for text in (context.tool_arguments, context.tool_call.arguments))
        return scenarios.refund(order, amount)

    tools = guard_tools([refund], house.gate(), categories=CATEGORIES)
    model = Scripted([("refund", {"order": "o-16", "amount": 700}, "call_25")])
    thread, _ = scenarios.aside(lambda: asyncio.run(Runner.run(Agent(name="billing", model=model, tools=tools), "go", run_config=QUIET)))
    house.approve(house.waiting(), {"order": "o-16", "amount": 70})
    thread.join(timeout=60)
    check("a tool sees the arguments that it runs with, not those that were proposed", done[-1] == ("o-16", 70) and seen == [70, 70], seen)


def documented(house):
    scenarios.documented(house, "OpenAI Agents SDK", Scripted([("refund", {"order": "o-1", "amount": 20}, "call_30")]))


scenarios.run(prepare, interrupted, context, documented)
