"""Google ADK, with a scripted model."""

import asyncio

from google.adk.agents import LlmAgent
from google.adk.models import BaseLlm, LlmResponse
from google.adk.runners import InMemoryRunner
from google.genai import types

import scenarios
from countersign.adapters.google_adk import guard_tools
from scenarios import CATEGORIES


class Scripted(BaseLlm):
    """Makes the calls, then says that it is done."""

    calls: list

    async def generate_content_async(self, llm_request, stream=False):
        # Only what came since the latest question: the session keeps earlier runs.
        seen = 0
        for content in llm_request.contents:
            parts = content.parts or []
            if any(part.text == "go" for part in parts):
                seen = 0
            seen += sum(part.function_response is not None for part in parts)
        if seen < len(self.calls):
            name, arguments, call_id = self.calls[seen]
            part = types.Part(function_call=types.FunctionCall(name=name, args=arguments, id=call_id))
        else:
            part = types.Part(text="done")
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


def prepare(gate, **options):
    tools = guard_tools([scenarios.refund, scenarios.transfer], gate, categories=CATEGORIES, **options)

    async def run(calls):
        agent = LlmAgent(name="billing", model=Scripted(model="scripted-1", calls=calls), tools=tools)
        runner = InMemoryRunner(agent=agent)
        await runner.session_service.create_session(app_name=runner.app_name, user_id="u", session_id="session-1")
        told = []
        message = types.Content(role="user", parts=[types.Part(text="go")])
        async for event in runner.run_async(user_id="u", session_id="session-1", new_message=message):
            told += [str(response.response) for response in event.get_function_responses()]
        return told

    return lambda calls: asyncio.run(run(calls))


def documented(house):
    scenarios.documented(house, "Google ADK", Scripted(model="scripted-1", calls=[("refund", {"order": "o-1", "amount": 20}, "call_30")]))


scenarios.run(prepare, documented)
