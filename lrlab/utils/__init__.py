"""What every room uses: checks, checked values, whole files, bars, signals, frameworks' names."""

from lrlab.utils import checks, files, progress, signals
from lrlab.utils.files import parse_json, read_text, remove_abandoned, whole, write_text
from lrlab.utils.frameworks import FRAMEWORKS, Framework
from lrlab.utils.progress import bar
from lrlab.utils.value import Value, differences, instance

__all__ = [
    "FRAMEWORKS",
    "Framework",
    "Value",
    "bar",
    "checks",
    "differences",
    "files",
    "instance",
    "parse_json",
    "progress",
    "read_text",
    "remove_abandoned",
    "signals",
    "whole",
    "write_text",
]
