"""The code of a page, as its reader would copy it."""

import re
from pathlib import Path

HOWTO = Path(__file__).parents[2] / "docs" / "howto"
PAGES = sorted(HOWTO.glob("middleware*.md"))


def blocks(page: str) -> list[str]:
    """The Python blocks of a page."""
    return re.findall(r"^```python\n(.*?)^```$", (HOWTO / page).read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def names_of(page: str) -> dict[str, object]:
    """What the first block of a page defines."""
    names: dict[str, object] = {"__name__": page}
    exec(compile(blocks(page)[0], page, "exec"), names)
    return names
