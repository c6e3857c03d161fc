"""A page with nothing but some of the explorers' scripts, opened from the disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.conftest import ROOT

SCRIPTS = ROOT / "book" / "_static" / "explorers"
SCHEDULES = ["formulas/schedules.js", "lines.js", "kit.js", "plot.js", "schedules.js"]


def bare_page(folder: Path, scripts: Sequence[str], body: str = "") -> str:
    """Write such a page and return its address, which begins with ``file:``."""
    folder.joinpath("explorers").symlink_to(SCRIPTS)
    tags = "".join(f'<script defer src="explorers/{name}"></script>' for name in scripts)
    tags += '<link rel="stylesheet" href="explorers/explorers.css"><link rel="icon" href="data:,">'
    page = folder / "page.html"
    page.write_text(f'<!doctype html><meta charset="utf-8">{tags}{body}', encoding="utf-8")
    return page.as_uri()
