"""The class behind every checked, immutable value: compared by value, stored as a plain dict.

A subclass is a frozen dataclass, and a field's annotation carries the check that the field passes::

    @dataclass(frozen=True)
    class Spring(Value):
        stiffness: Annotated[float, checks.positive]
        _: KW_ONLY
        damping: Annotated[float | None, checks.optional(checks.non_negative)] = None

``Spring(3)`` is then stored with the float 3.0, ``Spring(-1)`` raises a `ValueError`,
``Spring(3).to_config()`` is ``{"class": "Spring", "stiffness": 3.0, "damping": None}``, and
`Value.from_config` takes that back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Self, get_type_hints

import numpy as np


@cache
def _field_checks(cls: type) -> dict[str, Callable[[str, Any], Any]]:
    hints = get_type_hints(cls, include_extras=True)
    annotated = {name: getattr(hint, "__metadata__", None) for name, hint in hints.items()}
    return {name: metadata[0] for name, metadata in annotated.items() if metadata}


@dataclass(frozen=True)
class Value:
    """What every checked value can do; subclasses are frozen dataclasses.

    A field annotated ``Annotated[type, check]`` is stored as ``check(name, value)`` returns it.
    A rule about several fields goes into ``__post_init__``, after ``super().__post_init__()``.
    `from_config` knows every subclass by its name, so two subclasses must not share one.
    """

    _registry: ClassVar[dict[str, type[Value]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        known = Value._registry.get(cls.__name__, cls)
        if known.__module__ != cls.__module__:  # the same cell run again is fine
            raise ValueError(
                f"{cls.__name__} is the name of a class in {known.__module__} already; saved "
                "configs find classes by name, so choose another"
            )
        Value._registry[cls.__name__] = cls

    def __post_init__(self) -> None:
        cls: type = type(self)
        for name, check in _field_checks(cls).items():
            self._store(name, check(name, getattr(self, name)))

    def _store(self, name: str, value: Any) -> None:
        """Set a field while the value is being made; afterwards nothing changes it."""
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
        object.__setattr__(self, name, value)  # the only way into a frozen dataclass

    def to_config(self) -> dict[str, Any]:
        """Return the class name and the parameters as a plain dict that JSON can hold."""
        config = {
            field.name: _plain(getattr(self, field.name)) for field in fields(self) if field.init
        }
        return {"class": type(self).__name__, **config}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild the value that `to_config` described; what the config leaves out is by default.

        Raises:
            ValueError: The config names no known class of this kind or does not fit its parameters.
        """
        if not isinstance(config, dict):
            raise ValueError(f"config must be a dict as to_config() gives it, received {config!r}")
        name = config.get("class")
        found = Value._registry.get(name) if isinstance(name, str) else None
        if found is None or not issubclass(found, cls):
            known = sorted(n for n, known in Value._registry.items() if issubclass(known, cls))
            raise ValueError(
                f"config must name a class out of {', '.join(known)}, received {name!r}"
            )
        parameters = {key: _revive(value) for key, value in config.items() if key != "class"}
        try:
            return found(**parameters)
        except TypeError as error:
            raise ValueError(f"config does not fit {name}: {error}") from error


def instance(cls: type, *, words: str) -> Callable[[str, Any], Any]:
    """Return the check of a field that holds an instance of a class.

    Args:
        cls: The class.
        words: What the message calls such an instance, such as ``"a schedule of lrlab"``.

    Example:
        >>> instance(Value, words="a value")("inner", 3)
        Traceback (most recent call last):
        ...
        ValueError: inner must be a value, received 3
    """

    def check(name: str, value: Any) -> Any:
        if not isinstance(value, cls):
            raise ValueError(f"{name} must be {words}, received {value!r}")
        return value

    return check


def _plain(value: Any) -> Any:
    if isinstance(value, Value):
        return value.to_config()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _revive(value: Any) -> Any:
    if isinstance(value, dict):
        return Value.from_config(value)
    return tuple(_revive(item) for item in value) if isinstance(value, list | tuple) else value


def differences(found: Any, wanted: Any, name: str = "") -> list[str]:
    """Say where two configs differ, a line for each parameter that has another value.

    Args:
        found: A config, as `Value.to_config` gives it, or a part of one.
        wanted: What it is compared with.
        name: What both are called in the lines.

    Example:
        >>> differences({"lr": 0.1, "inner": {"a": 1}}, {"lr": 0.2, "inner": {"a": 1}}, "recipe")
        ['recipe.lr was 0.1 and is 0.2']
    """
    if isinstance(found, dict) and isinstance(wanted, dict):
        dot = f"{name}." if name else ""
        return [
            line
            for key in sorted(found.keys() | wanted.keys())
            for line in differences(found.get(key), wanted.get(key), f"{dot}{key}")
        ]
    return [] if found == wanted else [f"{name} was {found!r} and is {wanted!r}"]
