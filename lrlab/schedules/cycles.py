"""Schedules that rise as well as fall: restarts, triangles, one cycle, the trapezoid."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Annotated

import numpy as np

from lrlab.schedules.base import (
    SLACK,
    AtLeastOne,
    Duration,
    Factor,
    Fraction,
    Rate,
    Schedule,
    between,
    cosine_weight,
    part_of_period,
    whole_periods,
)
from lrlab.schedules.compose import join
from lrlab.schedules.decays import CosineDecay, LinearDecay
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
            progress = part_of_period(t, self.cycle_epochs)
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
            ValueError: The cycles do not end with epochs, or the run completes none of them or
                more than 100,000.

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
            if len(ends) == MOST_CYCLES:
                most = f"at most {MOST_CYCLES} cycles"
                raise ValueError(f"epochs must hold {most}, received {checks.shown(epochs)}")
            ends.append(end)
            length *= int(self.cycle_mult)
        if not ends:
            wanted = f"a cycle of {checks.shown(length)} epochs"
            raise ValueError(f"epochs must complete {wanted}, received {checks.shown(epochs)}")
        return tuple(ends)


MOST_CYCLES = 100_000  # of which the ends are counted one by one


def _momenta(low: float, high: float) -> tuple[float, float]:
    low = checks.decay_rate("low", low)
    return low, checks.number("high", high, "in [low, 1)", lambda x: low <= x < 1)


@dataclass(frozen=True)
class Triangular(Schedule):
    r"""Up along a line and down along another, again and again.

    A cycle is the way up of a epochs and the way down of b. With u in [0, 1] the height in the
    running cycle, which is the i-th from 0, the rate is
    :math:`\eta + (\eta_{max} - \eta)\,u\,c^i\gamma^t`.

    torch's ``CyclicLR`` has :math:`c = \gamma = 1` in mode ``"triangular"``, ``cycle_gamma=0.5``
    in mode ``"triangular2"`` and its ``gamma`` in mode ``"exp_range"``, all in steps.

    Args:
        lr: Rate η between the triangles, at least 0.
        max_lr: Rate η_max at the tip of the first, at least 0.
        up_epochs: Epochs a from η to the tip, positive.
        down_epochs: Epochs b back, positive; by default as many as up.
        cycle_gamma: Factor c by which each triangle is lower than the one before, in (0, 1].
        gamma: Factor γ per epoch by which they get lower, in (0, 1].

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> Triangular(0.1, max_lr=0.5, up_epochs=2, cycle_gamma=0.5)(np.arange(8))
        array([0.1, 0.3, 0.5, 0.3, 0.1, 0.2, 0.3, 0.2])

    References:
        Smith 2017, arXiv:1506.01186.
    """

    lr: Rate
    _: KW_ONLY
    max_lr: Rate
    up_epochs: Duration
    down_epochs: Annotated[float | None, checks.optional(checks.duration)] = None
    cycle_gamma: Factor = 1.0
    gamma: Factor = 1.0

    def momentum(self, *, low: float = 0.8, high: float = 0.9) -> Schedule:
        """Return the momentum that goes with the triangles: low where the rate is high.

        These are the ``base_momentum`` and ``max_momentum`` of torch's ``CyclicLR``.

        Args:
            low: The momentum at the first tip, in [0, 1).
            high: The momentum between the triangles, in [low, 1).

        Returns:
            A schedule whose values are momenta.

        Raises:
            ValueError: A momentum breaks its rule.
        """
        low, high = _momenta(low, high)
        return replace(self, lr=high, max_lr=low)

    def _rates(self, t: np.ndarray) -> np.ndarray:
        up, down = self.up_epochs, self.down_epochs or self.up_epochs
        cycle, part = whole_periods(t, up + down), part_of_period(t, up + down)
        peak = up / (up + down)
        height = np.minimum(part / peak, (1 - part) / (1 - peak))
        lowered = height * self.cycle_gamma**cycle * self.gamma**t
        return between(self.max_lr, self.lr, lowered)


@dataclass(frozen=True)
class OneCycle(Schedule):
    r"""Up to a peak, then down to far below the start; momentum may run the other way.

    With two phases the rate goes from :math:`\eta_{max}/d` to :math:`\eta_{max}` during the first
    part ``warmup_fraction`` · T, then down to :math:`\eta_{max}/(d \cdot d_{final})` at T, and
    there it stays. With three it comes down to :math:`\eta_{max}/d` in the time in which it went
    up, and the rest of T takes it to the last rate. A phase from a to b is half a cosine,
    :math:`b + (a - b)(1 + \cos \pi u)/2`, or a line, :math:`b + (a - b)(1 - u)`, where u in [0, 1]
    is the part of it that is over.

    The first of torch's ``total_steps=N`` steps is t = 0 and the last N − 1, so that its
    ``pct_start=p`` is ``OneCycle(..., total_epochs=N - 1, warmup_fraction=(p * N - 1) / (N - 1))``.

    Args:
        max_lr: Peak rate η_max, at least 0.
        total_epochs: Epochs T of the cycle, positive.
        warmup_fraction: The part of T spent rising, in (0, 1); with three phases below 1/2.
        initial_div: Divisor d of the first rate, at least 1.
        final_div: Divisor d_final of the last rate against the first, at least 1.
        shape: ``"cosine"`` or ``"linear"``.
        three_phase: Whether the way down is as long as the way up.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> OneCycle(1.0, total_epochs=10)(np.array([0, 3, 10, 12]))
        array([4.e-02, 1.e+00, 4.e-06, 4.e-06])

    References:
        Smith, Topin 2017, arXiv:1708.07120; shapes and phases as in torch's ``OneCycleLR``.
    """

    max_lr: Rate
    _: KW_ONLY
    total_epochs: Duration
    warmup_fraction: Fraction = 0.3
    initial_div: AtLeastOne = 25.0
    final_div: AtLeastOne = 1e4
    shape: Annotated[str, checks.one_of("cosine", "linear")] = "cosine"
    three_phase: Annotated[bool, checks.flag] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.three_phase:
            rule = "in (0, 1/2) with three phases"
            checks.number("warmup_fraction", self.warmup_fraction, rule, lambda x: x < 0.5)

    def momentum(self, *, low: float = 0.85, high: float = 0.95) -> Schedule:
        """Return the momentum that goes with the cycle: low where the rate is high.

        It goes from ``high`` to ``low`` while the rate rises and back in the phase after, in the
        same shape, then stays at ``high``. These are torch's ``base_momentum`` and
        ``max_momentum``.

        Args:
            low: The momentum at the peak of the rate, in [0, 1).
            high: The momentum at the start and at the end, in [low, 1).

        Returns:
            A schedule whose values are momenta.

        Raises:
            ValueError: A momentum breaks its rule.

        Example:
            >>> OneCycle(1.0, total_epochs=10).momentum()(np.array([0, 1.5, 3, 10])).round(3)
            array([0.95, 0.9 , 0.85, 0.95])
        """
        low, high = _momenta(low, high)
        return self._through(high, low, high, high)

    def _rates(self, t: np.ndarray) -> np.ndarray:
        first = self.max_lr / self.initial_div
        last = first / self.final_div
        return self._through(first, self.max_lr, first if self.three_phase else last, last)(t)

    def _through(self, *corners: float) -> Schedule:
        """Return the course that passes its corners where phases end; only three phases use all."""
        rise, total = self.warmup_fraction, self.total_epochs
        parts = [rise, rise, 1 - 2 * rise] if self.three_phase else [rise, 1 - rise]
        phase = CosineDecay if self.shape == "cosine" else LinearDecay
        ways = zip(corners, corners[1:], parts, strict=False)
        pieces = [phase(a, total_epochs=part * total, final_lr=b) for a, b, part in ways]
        return join(pieces, at=[rise * total, 2 * rise * total][: len(pieces) - 1])


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
