"""Argument checks shared by all rooms.

Every check returns the value in the form the caller stores (a Python ``float``, a tuple), or
raises a `ValueError` that names the parameter, the rule and the value received.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np


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
    is_real = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    try:
        converted = float(value) if is_real else math.nan
    except OverflowError:  # an integer beyond the range of floats
        converted = math.inf
    if not math.isfinite(converted) or not allowed(converted):
        raise ValueError(f"{name} must be a finite real number {rule}, received {value!r}")
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
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a positive integer, received {value!r}")
    return int(value)


def image_shape(name: str, value: Any) -> tuple[int, int, int]:
    """Height, width and channels of an image: three positive integers."""
    if not isinstance(value, Sequence) or len(value) != 3:
        raise ValueError(f"{name} must be (height, width, channels), received {value!r}")
    height, width, channels = (count(f"{name}[{i}]", side) for i, side in enumerate(value))
    return height, width, channels


def whole(name: str, value: Any) -> int:
    """A seed, or a count that may be 0: an integer of at least 0."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 0:
        raise ValueError(f"{name} must be an integer of at least 0, received {value!r}")
    return int(value)


def increasing(name: str, values: Any) -> tuple[float, ...]:
    """Moments in epochs: at least one, positive, each later than the one before."""
    # NumPy's arrays of no dimension are iterable by type and yet refuse to be iterated over.
    is_sequence = isinstance(values, Iterable) and getattr(values, "ndim", 1) == 1
    if not is_sequence or isinstance(values, str | bytes | Set | Mapping):
        raise ValueError(f"{name} must be a sequence of epochs, received {values!r}")
    moments = tuple(duration(f"{name}[{i}]", value) for i, value in enumerate(values))
    if not moments or any(a >= b for a, b in pairwise(moments)):
        raise ValueError(f"{name} must be one or more increasing epochs, received {values!r}")
    return moments


def choice(name: str, value: Any, options: tuple[str, ...]) -> str:
    """One of a few names."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {', '.join(options)}, received {value!r}")
    return value


def flag(name: str, value: Any) -> bool:
    """True or False. The numbers 0 and 1 are refused: where a number belongs, True is refused."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False, received {value!r}")
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
        raise ValueError(f"state_dict must be what state_dict() gives, received {saved!r}")
    for name, value in own.items():
        if saved.get(name) != value:
            raise ValueError(
                f"the saved state has {name} {saved.get(name)!r}, this scheduler {value!r}"
            )


def times(t: Any) -> np.ndarray:
    """Times in epochs as a float64 array: finite real numbers, none of them negative."""
    rule = "t must be a real number of epochs or an array of them"
    try:
        array = np.asarray(t)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{rule}, received {t!r}") from error
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{rule}, received {t!r}")
    array = array.astype(np.float64)
    wrong = ~(np.isfinite(array) & (array >= 0))
    if wrong.any():
        raise ValueError(f"t must be finite and at least 0 (epochs), received {array[wrong][0]}")
    return array
