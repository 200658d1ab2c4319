"""LangChain and LangGraph, with a scripted model; blocking and not."""

import asyncio
from typing import Annotated

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, StructuredTool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import BaseModel, ConfigDict, Field, field_validator

import scenarios
from countersign import Client
from countersign.adapters.langchain import CountersignMiddleware
from scenarios import CATEGORIES, check, done

THREAD = {"configurable": {"thread_id": "thread-1"}}


class Scripted(GenericFakeChatModel):
    def bind_tools(self, tools, **kwargs):
        return self


def script(calls):
    made = [AIMessage(content="", tool_calls=[{"name": name, "args": arguments, "id": call_id}],
                      response_metadata={"model_name": "scripted-1"}) for name, arguments, call_id in calls]
    return Scripted(messages=iter([*made, AIMessage(content="done")]))


def agent_of(gate, calls, checkpointer=None, **options):
    gated = CountersignMiddleware(gate, categories=CATEGORIES, **options)
    tools = [scenarios.refund, scenarios.transfer]
    return create_agent(script(calls), tools=tools, middleware=[gated], checkpointer=checkpointer)


def told(result):
    return [message.text for message in result["messages"] if isinstance(message, ToolMessage)]


def prepare(gate, **options):
    gated = CountersignMiddleware(gate, categories=CATEGORIES, **options)

    def play(calls):
        agent = create_agent(script(calls), tools=[scenarios.refund, scenarios.transfer], middleware=[gated])
        begin = {"messages": [("user", "go")]}
        if isinstance(gate, Client):
            return told(agent.invoke(begin, THREAD))
        return told(asyncio.run(agent.ainvoke(begin, THREAD)))

    return play


def durable(house):
    """A graph that is put down while people decide, and resumed from its checkpoint."""
    gate = Client(f"http://127.0.0.1:{house.port}", key=house.key, agent="billing")
    calls = [("refund", {"order": "o-5", "amount": 600}, "call_20")]
    agent = agent_of(gate, calls, InMemorySaver(), durable=True, wait_s=0)
    result = agent.invoke({"messages": [("user", "go")]}, THREAD)
    value = result["__interrupt__"][0].value
    check("a call that waits interrupts the graph", value["type"] == "countersign.pending" and value["args"]["amount"] == 600, value)
    result = agent.invoke(Command(resume=True), THREAD)
    check("resumed too early it is interrupted again", "__interrupt__" in result and ("o-5", 600) not in done, result)
    house.approve(value["action"])
    result = agent.invoke(Command(resume=True), THREAD)
    check("resumed after the approval it runs", done[-1] == ("o-5", 600) and told(result) == ["paid 600"], result)
    check("once", done.count(("o-5", 600)) == 1)


def blocking(house):
    """The same without an event loop."""
    play = prepare(Client(f"http://127.0.0.1:{house.port}", key=house.key, agent="billing"))
    said = play([("refund", {"order": "o-8", "amount": 8}, "call_21"), ("transfer", {"amount": 1}, "call_22")])
    check("blocking: one runs, one does not", done[-1] == ("o-8", 8) and said[0] == "paid 8" and "Denied" in said[1], said)
    check("the model's name and the thread are on record", "scripted-1" in house.story(house.last()["action"])
          and "thread-1" in house.story(house.last()["action"]))


class Named(BaseModel):
    """An alias and a name for the same: the alias wins."""

    model_config = ConfigDict(populate_by_name=True)
    order: str
    amount: int = Field(alias="sum")


class Doubling(BaseModel):
    order: str
    amount: int

    @field_validator("amount")
    @classmethod
    def double(cls, amount):
        return 2 * amount


def schemas(house):
    """Tools that say by a model of their own what they take."""
    for schema, arguments, expected in ((Named, {"order": "o-13", "amount": 5, "sum": 900}, "Pending"), (Doubling, {"order": "o-14", "amount": 300}, "Refused")):
        before = len(done)
        tool = StructuredTool.from_function(scenarios.refund, args_schema=schema)
        gated = CountersignMiddleware(house.gate(), categories=CATEGORIES, wait_s=0)
        agent = create_agent(script([("refund", arguments, "call_23")]), tools=[tool], middleware=[gated])
        said = told(asyncio.run(agent.ainvoke({"messages": [("user", "go")]}, THREAD)))
        check(f"{schema.__name__}: what would run is judged, or it does not run", len(done) == before and expected in said[0], (done[before:], said))
    house.folder.run("review", "deny", house.waiting(), "--yes", "--reason", "no")

    def injected(order: str, tool_call_id: Annotated[str, InjectedToolCallId], amount: int = 20) -> str:
        """Knows its call."""
        return scenarios.refund(order, amount) + tool_call_id

    tool = StructuredTool.from_function(injected, name="refund")
    agent = create_agent(script([("refund", {"order": "o-15"}, "call_24")]), tools=[tool], middleware=[CountersignMiddleware(house.gate(), categories=CATEGORIES)])
    said = told(asyncio.run(agent.ainvoke({"messages": [("user", "go")]}, THREAD)))
    story = house.story(house.last()["action"]).replace('\\"', '"')
    check("what LangChain injects is no part of what is judged", said == ["paid 20call_24"] and '"amount": 20' in story and "tool_call_id" not in story, (said, story))


def documented(house):
    scenarios.documented(house, "LangChain and LangGraph", script([("refund", {"order": "o-1", "amount": 20}, "call_30")]))


scenarios.run(prepare, durable, blocking, schemas, documented)
