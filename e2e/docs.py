"""The code of the documentation, run as it stands there."""

import re
import textwrap
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
URL = "http://127.0.0.1:8640"


def blocks(page, section=None, language="python"):
    """The blocks of a page, or of one of its sections, that are in a language."""
    text = (DOCS / page).read_text(encoding="utf-8")
    if section is not None:
        text = text.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", text, flags=re.MULTILINE | re.DOTALL)
    if not found:
        raise AssertionError(f"{page} has no {language} there")
    return [textwrap.dedent(block) for _, block in found]


def play(found, url, key, **names):
    """Runs blocks one after the other in one namespace, against the gate at `url` and with this key."""
    namespace = {"__name__": "__docs__", **names}
    for block in found:
        # Not in the environment: the command would take it for its own.
        block = block.replace(URL, url).replace('os.environ["COUNTERSIGN_KEY"]', repr(key))
        exec(compile(block, "the documentation", "exec"), namespace)
