"""The code of a page, block by block: what readers see is what tests run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"^```\{code-block\} python\n:name: (\S+)\n(.*?)^```$", re.M | re.S)


class PageCode:
    """The named blocks of a Markdown page, and the names that the executed ones have made.

    Attributes:
        text: All of it.
        blocks: The text of each block, by name.
        names: What the blocks executed so far have defined; a test may put its own there.
    """

    def __init__(self, path: Path):
        self.path, self.text = path, path.read_text(encoding="utf-8")
        self.blocks = dict(BLOCK.findall(self.text))
        self.names: dict[str, Any] = {"__name__": "page"}

    def run(self, *blocks: str, changes: dict[str, str] | None = None) -> None:
        """Execute blocks one after the other.

        Args:
            blocks: Their names.
            changes: For a test of what goes wrong: pieces of text that stand there once, and what
                to put in their place.
        """
        text = "\n".join(self.blocks[name] for name in blocks)
        for this, that in (changes or {}).items():
            assert text.count(this) == 1, this
            text = text.replace(this, that)
        exec(compile(text, f"{self.path.name}: {', '.join(blocks)}", "exec"), self.names)
