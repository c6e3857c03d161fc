"""Schedules that rise as well as fall: restarts, one cycle, the trapezoid."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated

import numpy as np

from lrlab.schedules.base import (
    SLACK,
    AtLeastOne,
    Duration,
    Fraction,
    Rate,
    Schedule,
    between,
    cosine_weight,
    whole_periods,
)
from lrlab.utils import checks


@dataclass(frozen=True)
class CyclicCosine(Schedule):
    r"""A cosine that starts again from the peak at the end of every cycle.

    Cycle i lasts :math:`c\,m^i` epochs. With u in [0, 1) the part of the running cycle that is
    over, the rate is :math:`\eta_{min} + (\eta - \eta_{min})(1 + \cos \pi u)/2`. The moment a
    cycle ends belongs to the next one, so the floor itself is approached and never reached.

    Args:
        lr: Rate η at every restart, at least 0.
        cycle_epochs: Length c of the first cycle in epochs, positive.
        cycle_mult: Factor m by which each cycle is longer than the one before, at least 1.
        final_lr: Floor η_min, at least 0.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> CyclicCosine(0.1, cycle_epochs=20)(np.array([0, 10, 20, 50])).round(4)
        array([0.1 , 0.05, 0.1 , 0.05])

    References:
        Loshchilov, Hutter 2017, arXiv:1608.03983, eq. 5; for snapshots Huang et al. 2017,
        arXiv:1704.00109, eq. 2.
    """

    lr: Rate
    _: KW_ONLY
    cycle_epochs: Duration
    cycle_mult: AtLeastOne = 1.0
    final_lr: Rate = 0.0

    def _rates(self, t: np.ndarray) -> np.ndarray:
        cycles = t / self.cycle_epochs  # time in units of the first cycle
        if self.cycle_mult == 1:
            progress = cycles - whole_periods(t, self.cycle_epochs)
        else:
            growth = np.log(self.cycle_mult)

            def start(cycle: np.ndarray) -> np.ndarray:  # 1 + m + ... + m^(cycle - 1)
                return np.expm1(cycle * growth) / np.expm1(growth)

            cycle = np.floor(np.log1p(cycles * np.expm1(growth)) / growth)
            # At a restart the logarithm may fall short by a rounding; the sum itself decides.
            cycle = np.where(cycles * SLACK >= start(cycle + 1), cycle + 1, cycle)
            progress = (cycles - start(cycle)) / np.exp(cycle * growth)
        return between(self.lr, self.final_lr, cosine_weight(progress))

    def ends(self, epochs: int) -> tuple[int, ...]:
        """Return after how many epochs each complete cycle of a run ends.

        The epochs after the last end begin a cycle that the run does not complete. The cycles have
        to end with epochs: ``cycle_epochs`` and ``cycle_mult`` are whole numbers.

        Args:
            epochs: Length of the run, a positive integer.

        Raises:
            ValueError: The cycles do not end with epochs, or the run completes none.

        Example:
            >>> CyclicCosine(0.1, cycle_epochs=20).ends(65)
            (20, 40, 60)
            >>> CyclicCosine(0.1, cycle_epochs=10, cycle_mult=2).ends(70)
            (10, 30, 70)
        """
        epochs = checks.count("epochs", epochs)
        for name in ("cycle_epochs", "cycle_mult"):
            value = getattr(self, name)
            if value != int(value):
                raise ValueError(
                    f"{name} must be a whole number for cycles to end with epochs, received {value}"
                )
        length, ends = int(self.cycle_epochs), list[int]()
        while (end := sum(ends[-1:]) + length) <= epochs:
            ends.append(end)
            length *= int(self.cycle_mult)
        if not ends:
            raise ValueError(f"epochs must complete a cycle of {length} epochs, received {epochs}")
        return tuple(ends)


@dataclass(frozen=True)
class OneCycle(Schedule):
    r"""Up along half a cosine, then down along another to far below the start.

    From :math:`\eta_{max}/d` to :math:`\eta_{max}` during the first part
    ``warmup_fraction`` · T, then down to :math:`\eta_{max}/(d \cdot d_{final})` at T, and there
    it stays.

    Args:
        max_lr: Peak rate η_max, at least 0.
        total_epochs: Epochs T of the cycle, positive.
        warmup_fraction: The part of T spent rising, in (0, 1).
        initial_div: Divisor d of the first rate, at least 1.
        final_div: Divisor d_final of the last rate against the first, at least 1.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> OneCycle(1.0, total_epochs=10)(np.array([0, 3, 10, 12]))
        array([4.e-02, 1.e+00, 4.e-06, 4.e-06])

    References:
        Smith, Topin 2017, arXiv:1708.07120; cosine flanks as in torch's ``OneCycleLR``.
    """

    max_lr: Rate
    _: KW_ONLY
    total_epochs: Duration
    warmup_fraction: Fraction = 0.3
    initial_div: AtLeastOne = 25.0
    final_div: AtLeastOne = 1e4

    def _rates(self, t: np.ndarray) -> np.ndarray:
        first = self.max_lr / self.initial_div
        peak = self.warmup_fraction * self.total_epochs
        up = between(first, self.max_lr, cosine_weight(t / peak))
        fall = cosine_weight((t - peak) / (self.total_epochs - peak))
        return np.where(t < peak, up, between(self.max_lr, first / self.final_div, fall))


@dataclass(frozen=True)
class WarmupStableDecay(Schedule):
    r"""Ramp from 0, hold, and decay only at the end (a trapezoid).

    With u in [0, 1] the part of the decay that is done, the rate falls as
    :math:`\eta_{final} + (\eta - \eta_{final})(1 - u)` for shape ``"linear"`` and with
    :math:`1 - \sqrt{u}` for ``"1-sqrt"``, then stays at η_final.

    Args:
        lr: Rate η of the stable part, at least 0.
        warmup_epochs: Epochs of the linear ramp from 0, positive.
        stable_epochs: Epochs at η, positive.
        decay_epochs: Epochs of the decay, positive.
        final_lr: Rate after the decay, at least 0.
        shape: ``"linear"`` or ``"1-sqrt"``.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> wsd = WarmupStableDecay(1.0, warmup_epochs=2, stable_epochs=6, decay_epochs=4)
        >>> wsd(np.array([0, 1, 2, 8, 9, 12]))
        array([0.  , 0.5 , 1.  , 1.  , 0.75, 0.  ])

    References:
        Hägele et al. 2024, arXiv:2405.18392, eq. 1 and 2 (the shape "1-sqrt").
    """

    lr: Rate
    _: KW_ONLY
    warmup_epochs: Duration
    stable_epochs: Duration
    decay_epochs: Duration
    final_lr: Rate = 0.0
    shape: Annotated[str, checks.one_of("linear", "1-sqrt")] = "linear"

    def _rates(self, t: np.ndarray) -> np.ndarray:
        begin = self.warmup_epochs + self.stable_epochs
        done = np.clip((t - begin) / self.decay_epochs, 0, 1)
        left = 1 - (done if self.shape == "linear" else np.sqrt(done))
        ramp = self.lr * np.minimum(t / self.warmup_epochs, 1)
        return np.where(t < begin, ramp, between(self.lr, self.final_lr, left))
