"""Adapters for agent frameworks, one module each: `countersign.adapters.openai_agents`, `.langchain`, `.pydantic_ai`,
`.claude_agent`, `.crewai`, `.google_adk`. Each needs the framework, which the extra of the same name installs."""
