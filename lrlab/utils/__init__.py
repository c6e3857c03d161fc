"""What every room uses: checks of arguments, checked values, whole files, progress bars."""

from lrlab.utils import checks, files, progress
from lrlab.utils.files import remove_abandoned, whole, write_text
from lrlab.utils.progress import bar
from lrlab.utils.value import Value, instance

__all__ = [
    "Value",
    "bar",
    "checks",
    "files",
    "instance",
    "progress",
    "remove_abandoned",
    "whole",
    "write_text",
]
