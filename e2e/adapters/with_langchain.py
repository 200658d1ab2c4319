"""LangChain and LangGraph, with a scripted model; blocking and not."""

import asyncio

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

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


def documented(house):
    scenarios.documented(house, "LangChain and LangGraph", script([("refund", {"order": "o-1", "amount": 20}, "call_30")]))


scenarios.run(prepare, durable, blocking, documented)
