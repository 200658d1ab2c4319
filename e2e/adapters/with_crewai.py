"""CrewAI, with a scripted model."""

import json
import os

os.environ.update(CREWAI_DISABLE_TELEMETRY="true", OTEL_SDK_DISABLED="true", CREWAI_TRACING_ENABLED="false")

from crewai import Agent, BaseLLM, Crew, Task
from crewai.tools import tool

import scenarios
from countersign import Client
from countersign.adapters.crewai import guard_tools
from scenarios import CATEGORIES


class Scripted(BaseLLM):
    """Makes the calls in the text form that CrewAI's agents read, then says that it is done."""

    calls: list = []
    told: list = []

    def call(self, messages, tools=None, callbacks=None, available_functions=None, **kwargs):
        text = "\n".join(str(message.get("content")) for message in messages) if isinstance(messages, list) else messages
        seen = text.count("Observation:") - self.before(text)
        self.told[:] = text.split("Observation:")[-seen:] if seen else []
        if seen < len(self.calls):
            name, arguments, _ = self.calls[seen]
            return f"Thought: I call it\nAction: {name}\nAction Input: {json.dumps(arguments)}"
        return "Thought: I now know the final answer\nFinal Answer: done"

    def before(self, text):
        """Mentions in the instructions themselves."""
        return text.split("Current Task")[0].count("Observation:")

    def supports_function_calling(self):
        return False


TOOLS = [tool("refund")(scenarios.refund), tool("transfer")(scenarios.transfer)]


def prepare(gate, **options):
    tools = guard_tools(TOOLS, gate, categories=CATEGORIES, **options)

    def play(calls):
        llm = Scripted(model="scripted-1")
        llm.calls, llm.told = list(calls), []
        agent = Agent(role="billing", goal="pay back", backstory="-", llm=llm, tools=tools, verbose=False)
        task = Task(description="go", expected_output="done", agent=agent)
        Crew(agents=[agent], tasks=[task], verbose=False).kickoff()
        return llm.told

    return play


def documented(house):
    model = Scripted(model="scripted-1")
    model.calls, model.told = [("refund", {"order": "o-1", "amount": 20}, "call_30")], []
    scenarios.documented(house, "CrewAI", model)


scenarios.run(prepare, documented, kind=Client, ids=False)
