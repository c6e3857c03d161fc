"""A page with nothing but some of the explorers' scripts, opened from the disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tools.explorers import data_script

SCRIPTS = ROOT / "book" / "_static" / "explorers"
SCHEDULES = ["formulas/schedules.js", "lines.js", "kit.js", "plot.js", "schedules.js"]


def bare_page(
    folder: Path, scripts: Sequence[str], body: str = "", data: dict[str, Any] | None = None
) -> str:
    """Write such a page, perhaps with data of explorers, and return its ``file:`` address."""
    folder.joinpath("explorers").symlink_to(SCRIPTS)
    tags = "".join(f"<script>{data_script(*item)}</script>" for item in (data or {}).items())
    tags += "".join(f'<script defer src="explorers/{name}"></script>' for name in scripts)
    tags += '<link rel="stylesheet" href="explorers/explorers.css"><link rel="icon" href="data:,">'
    page = folder / "page.html"
    page.write_text(f'<!doctype html><meta charset="utf-8">{tags}{body}', encoding="utf-8")
    return page.as_uri()
