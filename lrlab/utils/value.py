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

import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from types import FrameType
from typing import Any, ClassVar, Self
from weakref import WeakValueDictionary

import numpy as np

from lrlab.utils import checks

Check = Callable[[str, Any], Any]

#: The classes in use by their id, in the order in which they were defined. No part of a class, or
#: each that is sent to another process would bring all of them along.
_CLASSES: WeakValueDictionary[int, type[Value]] = WeakValueDictionary()


@dataclass(frozen=True)
class Value:
    """What every checked value can do; subclasses are frozen dataclasses.

    A field annotated ``Annotated[type, check]`` is stored as ``check(name, value)`` returns it. A
    rule about several fields goes into ``__post_init__``, after ``super().__post_init__()``. Where
    a class has neither a check for a field nor that method, a list is stored as a tuple.

    `from_config` knows every subclass by its name, so two that are in use must not share one. A
    class that is defined again in the same place, as by a cell run again, follows the one before.
    """

    _field_checks: ClassVar[dict[str, Check | None]]
    _place: ClassVar[str]  # where it was defined

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if _is_bare(cls):  # and perhaps cloudpickle's, which then fills it in or throws it away
            _claim(cls, _module)
        elif "_field_checks" not in vars(cls):  # a class with slots is a copy that has them
            cls._settle(_names_around(cls))
        _CLASSES[id(cls)] = cls

    @classmethod
    def _settle(cls, names: dict[str, Any]) -> None:
        """Take the class's name, and read the checks of its fields.

        Both stay in the class, so that they come along to a process that knows less about it.
        """
        _claim(cls, _place)
        cls._place = _place(cls)
        known: dict[str, Check | None] = {}
        for base in reversed(cls.__mro__[1:]):
            known |= vars(base).get("_field_checks", {})
        otherwise = None if "__post_init__" in vars(cls) else _kept
        for field, annotation in vars(cls).get("__annotations__", {}).items():
            try:
                known[field] = _check_in(annotation, cls.__module__, names) or otherwise
            except Exception:  # a text can be anything, and name what is defined later
                known[field] = partial(_check_later, annotation, cls.__module__, otherwise)
        cls._field_checks = known

    def __post_init__(self) -> None:
        cls = type(self)
        if "_field_checks" not in vars(cls):
            cls._settle({})
        for field in fields(self):
            check = cls._field_checks.get(field.name)
            if check and field.init:
                given = getattr(self, field.name)
                if (kept := check(field.name, given)) is not given:
                    self._store(field.name, kept)

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
            raise ValueError(
                f"config must be a dict as to_config() gives it, received {checks.shown(config)}"
            )
        name = config.get("class")
        classes = _named(name) if isinstance(name, str) else []
        found = cls if cls in classes else classes[-1] if classes else Value
        if found is Value or not issubclass(found, cls):
            known = sorted({c.__name__ for c in _in_use() if issubclass(c, cls)})
            raise ValueError(
                f"config must name a class out of {', '.join(known)}, received {checks.shown(name)}"
            )
        if found is not cls:
            _claim(found, _place)
        try:
            parameters = {key: _revive(value) for key, value in config.items() if key != "class"}
            return found(**parameters)
        except (TypeError, RecursionError) as error:
            raise ValueError(f"config does not fit {name}: {error}") from error


def _is_bare(cls: type) -> bool:
    """Whether a class adds nothing to its bases."""
    return vars(cls).keys() <= {"__module__", "__doc__", "__abstractmethods__", "_abc_impl"}


def _in_use() -> list[type[Value]]:
    """The classes in use; from a list of references, as another thread may define one meanwhile."""
    return [cls for reference in _CLASSES.valuerefs() if (cls := reference())]


def _named(name: str) -> list[type[Value]]:
    """The classes of a name that are in use, in the order in which they were defined."""
    found = [cls for cls in _in_use() if cls.__name__ == name]
    return [cls for cls in found if not _is_bare(cls)] or found


def _module(cls: type) -> str:
    """The module of a class; a process that the script started calls the script otherwise."""
    return "__main__" if cls.__module__ == "__mp_main__" else cls.__module__


def _place(cls: type) -> str:
    return vars(cls).get("_place", f"{_module(cls)}.{cls.__qualname__}")


def _claim(cls: type[Value], place: Callable[[type], str]) -> None:
    """Refuse a class whose name is that of another one, defined elsewhere and still in use."""

    def others() -> list[type[Value]]:
        return [other for other in _named(cls.__name__) if place(other) != place(cls)]

    if others():
        gc.collect()  # what nobody uses may still wait to be collected
        if found := others():
            where = _place(found[0]).removesuffix(f".{cls.__name__}")
            raise ValueError(
                f"{cls.__name__} is the name of a class in {where} already; saved configs find "
                "classes by name, so choose another"
            )


def _names_around(cls: type) -> dict[str, Any]:
    """The names at the place where a class is being defined, which may be inside a function."""
    frame: FrameType | None = sys._getframe()
    while frame and frame.f_globals.get("__name__") != cls.__module__:
        frame = frame.f_back
    return {**frame.f_locals, cls.__name__: cls} if frame else {}


def _check_in(annotation: Any, module: str, names: dict[str, Any]) -> Check | None:
    """The check in an annotation, which may be text; None if there is none."""
    while isinstance(annotation, str):
        annotation = eval(annotation, vars(sys.modules[module]), names)
    return next(iter(getattr(annotation, "__metadata__", ())), None)


def _check_later(
    annotation: str, module: str, otherwise: Check | None, name: str, value: Any
) -> Any:
    """Check a value by an annotation that could not be read when the class was defined."""
    try:
        check = _check_in(annotation, module, {}) or otherwise
    except Exception:  # such as a name that is there for type checkers alone
        check = otherwise
    return check(name, value) if check else value


def _kept(name: str, value: Any) -> Any:
    """What is kept of a field without a check: a list as a tuple, which nobody can change."""
    if not isinstance(value, list):
        return value
    try:
        return tuple(_kept(name, item) for item in value)
    except RecursionError:
        raise ValueError(f"{name} must not hold lists so deep") from None


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
            raise ValueError(f"{name} must be {words}, received {checks.shown(value)}")
        return value

    return check


def _plain(value: Any) -> Any:
    if isinstance(value, Value):
        return value.to_config()
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


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
