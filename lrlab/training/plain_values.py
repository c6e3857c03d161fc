"""The values of a record as strict JSON holds them, and how each is looked at on its way back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lrlab.training.recipe import Recipe
from lrlab.utils import checks

#: The format of a history's JSON; the one before had no recipe.
FORMAT = 2
CURVES = ("lr", "train_loss", "test_loss", "test_accuracy", "seconds")
MOST_IMAGES = 10**8  # more than fit into memory; what is computed from their number has a bound


def decode(values: Any) -> dict[str, Any]:
    """Return the arguments of a `History` that plain values describe.

    Raises:
        ValueError: One is missing, foreign, of another kind, or out of its range. A config that is
            no recipe may raise anything.
    """
    if not isinstance(values, dict):
        raise ValueError(f"it must be a table, received {checks.shown(values)}")
    values = dict(values)
    if (number := values.pop("format", None)) != FORMAT:
        raise ValueError(f"format must be {FORMAT}, received {checks.shown(number)}")
    if lacking := [name for name in RULES if name not in values]:
        raise ValueError(f"it lacks {', '.join(lacking)}")
    if foreign := sorted(values.keys() - RULES.keys()):
        raise ValueError(f"no record has {foreign}")
    return {name: check(name, values[name]) for name, check in RULES.items()}


def encode(value: Any) -> Any:
    """Return plain values for strict JSON; NaN and infinities become text."""
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def _revive(value: Any) -> Any:
    """The numbers that `encode` wrote as text, and other text as a terminal shows it."""
    if isinstance(value, dict):
        return {checks.printable(key): _revive(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_revive(item) for item in value]
    if not isinstance(value, str):
        return value
    return float(value) if value in ("nan", "inf", "-inf") else checks.printable(value)


def _each(check: Callable[[str, Any], Any]) -> Callable[[str, Any], list[Any]]:
    """The check of a list, from that of its items."""

    def of_list(name: str, values: Any) -> list[Any]:
        if not isinstance(values, list):
            raise ValueError(f"{name} must be a list, received {checks.shown(values)}")
        return [check(f"{name}[{i}]", value) for i, value in enumerate(values)]

    return of_list


def _loss(name: str, value: Any) -> float:
    value = _revive(value)
    if isinstance(value, float) and not math.isfinite(value):
        return value
    return checks.non_negative(name, value)


def _share(name: str, value: Any) -> float:
    return checks.number(name, value, "in [0, 1]", lambda x: 0 <= x <= 1)


def _images(name: str, value: Any) -> int:
    if checks.count(name, value) > MOST_IMAGES:
        raise ValueError(f"{name} must be {MOST_IMAGES} or less, received {value}")
    return int(value)


def _change(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"{name} must be a time and a rate, received {checks.shown(value)}")
    return checks.non_negative(f"{name}[0]", value[0]), checks.rate(f"{name}[1]", value[1])


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, received {checks.shown(value)}")
    return checks.printable(value)


def _provenance(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or "data" not in value:
        raise ValueError(f"{name} must be a table that has 'data', received {checks.shown(value)}")
    return {checks.printable(key): _text(f"{name}.{key}", text) for key, text in value.items()}


def _measured(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be a table, received {checks.shown(value)}")
    return dict(_revive(value))


# How each value of a record is made from plain values, or refused.
RULES: dict[str, Callable[[str, Any], Any]] = {
    "recipe": lambda _, value: value if isinstance(value, Recipe) else Recipe.from_config(value),
    "network": _text,
    "dataset": _text,
    "train_images": _images,
    "provenance": _provenance,
    "lr": _each(checks.rate),
    "train_loss": _each(_loss),
    "test_loss": _each(_loss),
    "test_accuracy": _each(_share),
    "seconds": _each(checks.non_negative),
    "lr_changes": _each(_change),
    "stopped": checks.optional(_text),
    "thinned": checks.flag,
    "measured": _measured,
}
