"""The class behind every schedule: called with a time, compared by value, stored as a dict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any, ClassVar, get_type_hints

import numpy as np

from lrlab.utils import checks

# The types of parameters. Each carries the check that its values have to pass.
Rate = Annotated[float, checks.rate]
Duration = Annotated[float, checks.duration]
Factor = Annotated[float, checks.factor]
Positive = Annotated[float, checks.positive]
AtLeastOne = Annotated[float, checks.at_least_one]
Fraction = Annotated[float, checks.fraction]
Moments = Annotated[tuple[float, ...], checks.increasing]


@cache
def _parameter_checks(cls: type) -> dict[str, Callable[[str, Any], Any]]:
    hints = get_type_hints(cls, include_extras=True)
    annotated = {name: getattr(hint, "__metadata__", None) for name, hint in hints.items()}
    return {name: metadata[0] for name, metadata in annotated.items() if metadata}


@dataclass(frozen=True)
class Schedule:
    """What every schedule can do; subclasses are frozen dataclasses that define `_rates`.

    Subclasses are immutable, compare and hash by value, and are known by their class name to
    `from_config`. Of the parameters, the first may be given by position, the others by name.
    A parameter annotated as `Rate`, `Duration`, … is checked when the schedule is made.

    Example:
        >>> @dataclass(frozen=True)
        ... class Halving(Schedule):
        ...     lr: Rate
        ...
        ...     def _rates(self, t):
        ...         return self.lr * 0.5**t
        >>> Halving(0.8)(np.array([0, 1, 2]))
        array([0.8, 0.4, 0.2])
        >>> Halving(-1)
        Traceback (most recent call last):
        ...
        ValueError: lr must be a finite real number of at least 0, received -1
    """

    _registry: ClassVar[dict[str, type[Schedule]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        known = Schedule._registry.get(cls.__name__, cls)
        if known.__module__ != cls.__module__:  # the same cell run again is fine
            raise ValueError(
                f"{cls.__name__} is the name of a schedule in {known.__module__} already; saved "
                "configs find schedules by name, so choose another"
            )
        Schedule._registry[cls.__name__] = cls

    def __post_init__(self) -> None:
        for name, check in _parameter_checks(type(self)).items():
            # A frozen dataclass takes values only this way.
            object.__setattr__(self, name, check(name, getattr(self, name)))

    def __call__(self, t: float | np.ndarray) -> float | np.ndarray:
        """Return the learning rate in force at time ``t``.

        Args:
            t: Moments in epochs, at least 0: one number or an array of any shape.

        Returns:
            A float for a number; for an array, a float64 array of the same shape.

        Raises:
            ValueError: ``t`` is negative, infinite, NaN, or not a real number.
        """
        times = checks.times(t)
        # One moment is computed as an array of one: NumPy's scalars take other code than its
        # arrays, and may round the last bit of a power another way.
        rates = np.asarray(self._rates(times.ravel()), dtype=np.float64).reshape(times.shape)
        return rates if isinstance(t, np.ndarray) or times.ndim else float(rates)

    def _rates(self, t: np.ndarray) -> np.ndarray:
        """Rates at the moments ``t``, a float64 array of one dimension, its values checked."""
        raise NotImplementedError(f"{type(self).__name__} must define _rates(t)")

    def to_config(self) -> dict[str, Any]:
        """Return the class name and the parameters as a plain dict that JSON can hold."""
        config = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        return {"class": type(self).__name__, **config}

    @staticmethod
    def from_config(config: dict[str, Any]) -> Schedule:
        """Rebuild the schedule that `to_config` described.

        Raises:
            ValueError: The config names no known schedule or does not fit its parameters.
        """
        if not isinstance(config, dict):
            raise ValueError(f"config must be a dict as to_config() gives it, received {config!r}")
        parameters = {name: _revive(value) for name, value in config.items()}
        name = parameters.pop("class", None)
        if name not in Schedule._registry:
            known = ", ".join(sorted(Schedule._registry))
            raise ValueError(f"config must name a schedule out of {known}, received {name!r}")
        try:
            return Schedule._registry[name](**parameters)
        except TypeError as error:
            raise ValueError(f"config does not fit {name}: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Schedule):
        return value.to_config()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _revive(value: Any) -> Any:
    if isinstance(value, dict):
        return Schedule.from_config(value)
    return tuple(_revive(item) for item in value) if isinstance(value, list | tuple) else value


# Relative slack when a moment is compared with a boundary. A moment such as 0.3 divided by a
# period such as 0.1 gives 2.9999999999999996, and 4.1 on the clock of a schedule that began at 4
# is 0.09999999999999964; without the slack the next period would begin one step late. It covers
# such rounding many times over and is far shorter than any step of a training run.
SLACK = 1 + 1e-10


def whole_periods(t: np.ndarray, period: float) -> np.ndarray:
    """How many whole periods have passed at the moments ``t``."""
    return np.floor(t / period * SLACK)


def moments_reached(t: np.ndarray, moments: tuple[float, ...]) -> np.ndarray:
    """How many of the increasing ``moments`` lie at or before ``t``."""
    return np.searchsorted(moments, t * SLACK, side="right")


def between(start: float, end: float, weight: np.ndarray) -> np.ndarray:
    """``end`` at weight 0, ``start`` at weight 1, both of them exactly."""
    return start * weight + end * (1 - weight)


def cosine_weight(progress: np.ndarray) -> np.ndarray:
    """Fall from 1 to 0 along half a cosine while ``progress`` runs from 0 to 1."""
    return (1 + np.cos(np.pi * np.clip(progress, 0, 1))) / 2
