"""The code of the documentation, run as it stands there."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
URL = "http://127.0.0.1:8640"


def blocks(page, section=None):
    """The Python blocks of a page, or of one of its sections."""
    text = (DOCS / page).read_text(encoding="utf-8")
    if section is not None:
        text = re.split(r"^## ", text.split(f"\n## {section}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    if not found:
        raise AssertionError(f"{page} has no Python there")
    return found


def play(found, url, key, **names):
    """Runs blocks one after the other in one namespace, against the gate at `url` and with this key."""
    namespace = {"__name__": "__docs__", **names}
    for block in found:
        # Not in the environment: the command would take it for its own.
        block = block.replace(URL, url).replace('os.environ["COUNTERSIGN_KEY"]', repr(key))
        exec(compile(block, "the documentation", "exec"), namespace)
