"""Argument checks shared by all rooms.

Every check returns the value in the form the caller stores (a Python ``float``, a tuple), or
raises a `ValueError` that names the parameter, the rule and the value received.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Set
from itertools import islice, pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np

_LONGEST = 1000  # characters of a message about one value
# Python or NumPy count these as numbers, and yet lr=True or a span of time in days is a slip.
_NO_NUMBERS = (bool, np.bool_, np.timedelta64)


def shown(value: Any) -> str:
    """Return a value as a message shows it, whatever it is.

    Example:
        >>> shown("0.1"), shown(10**10_000)
        ("'0.1'", 'an int that cannot be shown')
    """
    try:
        text = repr(value)
    except Exception:  # nested without end, an integer too long, or not Python's own
        return f"an {type(value).__name__} that cannot be shown"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def printable(text: object, most: int | None = None) -> str:
    r"""Text that a terminal shows and does not obey: control characters are written out.

    Args:
        text: What somebody else wrote, such as the message of an error.
        most: Letters to keep at most; None keeps all.

    Example:
        >>> print(printable("a\x1b[2J device\n"))
        a\x1b[2J device\n
    """
    text = str(text)
    if most is not None and len(text) > most:
        text = f"{text[:most]} ..."
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _converted(value: Any, kind: type, to: Callable[[Any], Any]) -> Any:
    """Return a number in the type that is stored, or None where it has no place there."""
    if not isinstance(value, kind) or isinstance(value, _NO_NUMBERS):
        return None
    try:
        return to(value)
    except Exception:  # beyond the range of floats, or the number's own type refuses
        return None


def number(name: str, value: Any, rule: str, allowed: Callable[[float], bool]) -> float:
    """Return ``value`` as a float if it is a finite real number for which ``allowed`` holds.

    Booleans are refused although Python counts them as integers: ``lr=True`` is a slip.

    Args:
        name: The parameter, as the caller of the public function knows it.
        value: What was received.
        rule: The condition in words, for the message.
        allowed: The condition.

    Raises:
        ValueError: The value breaks the rule.

    Example:
        >>> number("gamma", 0.5, "in (0, 1]", lambda x: 0 < x <= 1)
        0.5
    """
    # The float is what is checked, since it is what is stored; text and the like are no number.
    converted = value if type(value) is float else _converted(value, Real, float)
    if converted is None or not math.isfinite(converted) or not allowed(converted):
        raise ValueError(f"{name} must be a finite real number {rule}, received {shown(value)}")
    return converted


def rate(name: str, value: Any) -> float:
    """A learning rate: finite and at least 0."""
    return number(name, value, "of at least 0", lambda x: x >= 0)


def duration(name: str, value: Any) -> float:
    """A length of time in epochs: finite and positive."""
    return number(name, value, "greater than 0 (epochs)", lambda x: x > 0)


def factor(name: str, value: Any) -> float:
    """A factor that shrinks or keeps what it multiplies: in (0, 1]."""
    return number(name, value, "in (0, 1]", lambda x: 0 < x <= 1)


def positive(name: str, value: Any) -> float:
    """A number greater than 0."""
    return number(name, value, "greater than 0", lambda x: x > 0)


def non_negative(name: str, value: Any) -> float:
    """A number of at least 0 that is no learning rate."""
    return number(name, value, "of at least 0", lambda x: x >= 0)


def decay_rate(name: str, value: Any) -> float:
    """How much of the past a step keeps, from nothing to nearly all of it: in [0, 1)."""
    return number(name, value, "in [0, 1)", lambda x: 0 <= x < 1)


def at_least_one(name: str, value: Any) -> float:
    """A multiplier, divisor or exponent that never turns a fall into a rise: at least 1."""
    return number(name, value, "of at least 1", lambda x: x >= 1)


def fraction(name: str, value: Any) -> float:
    """A part of a whole, neither none nor all of it: in (0, 1)."""
    return number(name, value, "in (0, 1)", lambda x: 0 < x < 1)


def count(name: str, value: Any) -> int:
    """How many of something: a positive integer."""
    converted = _converted(value, Integral, int)
    if converted is None or converted < 1:
        raise ValueError(f"{name} must be a positive integer, received {shown(value)}")
    return converted


def image_shape(name: str, value: Any) -> tuple[int, int, int]:
    """Height, width and channels of an image: three positive integers."""
    sides = sequence(name, value, "(height, width, channels)")
    if len(sides) != 3:
        raise ValueError(f"{name} must be (height, width, channels), received {shown(value)}")
    height, width, channels = (count(f"{name}[{i}]", side) for i, side in enumerate(sides))
    return height, width, channels


def whole(name: str, value: Any) -> int:
    """A seed, or a count that may be 0: an integer of at least 0."""
    converted = _converted(value, Integral, int)
    if converted is None or converted < 0:
        raise ValueError(f"{name} must be an integer of at least 0, received {shown(value)}")
    return converted


def sequence(name: str, values: Any, rule: str, *, most: int = 100_000) -> tuple[Any, ...]:
    """Return the items of something that has an order and an end.

    Args:
        name: The parameter.
        values: What was received. Text, bytes, sets and mappings are refused.
        rule: What it has to be, for the message.
        most: How many items there may be.

    Raises:
        ValueError: It is none.
    """
    rule = f"{name} must be {rule}"
    try:
        if isinstance(values, str | bytes | bytearray | memoryview | Set | Mapping):
            raise TypeError("can be iterated over, and yet is none")
        items = tuple(islice(values, most + 1))
    except Exception as error:
        raise ValueError(f"{rule}, received {shown(values)}") from error
    if len(items) > most:
        raise ValueError(f"{rule}, at most {most} of them, received more")
    return items


def increasing(name: str, values: Any) -> tuple[float, ...]:
    """Moments in epochs: at least one, positive, each later than the one before."""
    items = sequence(name, values, "a sequence of epochs")
    moments = tuple(duration(f"{name}[{i}]", value) for i, value in enumerate(items))
    if not moments or any(a >= b for a, b in pairwise(moments)):
        raise ValueError(f"{name} must be one or more increasing epochs, received {shown(values)}")
    return moments


def choice(name: str, value: Any, options: tuple[str, ...]) -> str:
    """One of a few names."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {', '.join(options)}, received {shown(value)}")
    return options[options.index(value)]  # Python's own string, where NumPy's was given


def flag(name: str, value: Any) -> bool:
    """True or False. The numbers 0 and 1 are refused: where a number belongs, True is refused."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False, received {shown(value)}")
    return bool(value)


def one_of(*options: str) -> Callable[[str, Any], str]:
    """Return the check that a value is one of a few names."""
    return lambda name, value: choice(name, value, options)


def optional(check: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    """Return the check that also lets None pass."""
    return lambda name, value: None if value is None else check(name, value)


def same_parameters(saved: Any, own: Mapping[str, Any]) -> None:
    """Refuse the saved state of a scheduler that was made with other parameters.

    Args:
        saved: The state, a dict.
        own: The parameters that it has to agree with.

    Raises:
        ValueError: It does not agree with them.
    """
    if not isinstance(saved, dict):
        raise ValueError(f"state_dict must be what state_dict() gives, received {shown(saved)}")
    for name, value in own.items():
        if saved.get(name) != value:
            raise ValueError(
                f"the saved state has {name} {shown(saved.get(name))}, this scheduler {value!r}"
            )


def array(name: str, values: Any, rule: str) -> np.ndarray:
    """Return real numbers, in whatever shape they come, as a float64 array of their own.

    Args:
        name: The parameter.
        values: What was received: a number, an array of numbers, or what NumPy makes one of.
        rule: What it has to be, for the message.

    Raises:
        ValueError: It holds anything but numbers.
    """
    if type(values) is np.ndarray and values.dtype == np.float64:
        return values.astype(np.float64)  # a descent does so in every step: nothing to look into
    kind: str = ""
    try:
        given = np.asarray(_converted(values, Real, float) if isinstance(values, Real) else values)
        kind = given.dtype.kind
    except Exception:  # rows of different lengths, or an array of another library that refuses
        pass
    if kind not in ("i", "u", "f"):
        raise ValueError(f"{name} must be {rule}, received {shown(values)}")
    with np.errstate(over="ignore"):  # an extended float may be beyond the range
        return given.astype(np.float64)


def times(t: Any) -> np.ndarray:
    """Times in epochs as a float64 array: finite real numbers, none of them negative."""
    moments = array("t", t, "a real number of epochs or an array of them")
    wrong = ~(np.isfinite(moments) & (moments >= 0))
    if wrong.any():
        raise ValueError(f"t must be finite and at least 0 (epochs), received {moments[wrong][0]}")
    return moments
