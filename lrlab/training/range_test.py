r"""The learning-rate range test: what it measures, and the rules that read a rate from it.

A short training lets the rate grow from far too small to far too large by equal factors. The loss
first stays, then falls, then explodes; somewhere between lies a rate to train with. Where exactly,
each rule says in its own way, and each rests on an assumption that may fail.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import KW_ONLY, dataclass, replace
from itertools import accumulate, pairwise
from typing import Annotated, Any

import numpy as np

from lrlab.schedules import Geometric
from lrlab.training.recipe import Recipe
from lrlab.utils import Value, checks, instance

FEWEST = 10  # updates of a test; the rules leave out some at both ends


def _steps(name: str, value: Any) -> int:
    if (steps := checks.count(name, value)) < FEWEST:
        raise ValueError(f"{name} must be at least {FEWEST} in a range test, received {steps}")
    return steps


def _each(rule: str, allowed: Callable[[float], bool]) -> Callable[[str, Any], tuple[float, ...]]:
    """The check of a sequence of finite numbers."""

    def check(name: str, values: Any) -> tuple[float, ...]:
        items = checks.sequence(name, values, "a sequence of numbers")
        return tuple(checks.number(f"{name}[{i}]", v, rule, allowed) for i, v in enumerate(items))

    return check


@dataclass(frozen=True)
class RangeTest(Value):
    r"""What a range test has measured, and the rates that several rules suggest.

    The rules read the smoothed losses :math:`s_k`, an exponential moving average of the measured
    :math:`\ell_k` with bias correction:

    .. math::
        m_k = \beta m_{k-1} + (1 - \beta)\,\ell_k,\quad m_{-1} = 0,\qquad
        s_k = \frac{m_k}{1 - \beta^{k+1}}.

    The average lags: once it is filled, a change of the loss shows in it
    :math:`\beta/(1 - \beta)` updates late, 49 for 0.98. For another β:
    ``dataclasses.replace(found, beta=0.9)``. No rule's suggestion changes if all losses are
    multiplied by a number.

    Args:
        lr: Rate η of each update, increasing, as read back from the optimizer.
        loss: Loss of each update's batch, measured before the update.
        steps: How many updates were planned, at least 10; those after a divergence are missing.
        beta: Weight β of the past in the smoothed losses, in [0, 1).
        stopped: Why the test ended early; None if it did not.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> rates = Geometric(1e-4, total_epochs=49, final_lr=10)(np.arange(50))
        >>> losses = 2 / (1 + 100 * rates) + rates**2
        >>> found = RangeTest(rates, losses, steps=50, beta=0.5)
        >>> {rule: float(f"{lr:.1g}") for rule, lr in found.suggestions().items()}
        {'steepest': 0.01, 'minimum_tenth': 0.02, 'valley': 0.005}

    References:
        Smith 2017, arXiv:1506.01186 (the test); Howard and Gugger 2020, arXiv:2002.04688 (fastai,
        whose ``callback/schedule.py`` has the rules).
    """

    lr: Annotated[tuple[float, ...], _each("greater than 0", lambda x: x > 0)]
    loss: Annotated[tuple[float, ...], _each("", lambda x: True)]
    _: KW_ONLY
    steps: Annotated[int, _steps]
    beta: Annotated[float, checks.decay_rate] = 0.98
    stopped: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < len(self.lr) == len(self.loss) <= self.steps:
            raise ValueError(
                f"lr and loss must have one value for each of at most {self.steps} updates, "
                f"received {len(self.lr)} and {len(self.loss)}"
            )
        if any(a >= b for a, b in pairwise(self.lr)):
            raise ValueError("lr must increase from update to update, received one that does not")

    @property
    def smoothed(self) -> np.ndarray:
        """The smoothed losses, a float64 array with a value for each measured one."""
        return np.array(list(accumulate(self.loss, _Average(self.beta))))

    def steepest(self) -> float:
        r"""Return the rate at which the smoothed loss falls fastest over the logarithm of the rate.

        That is the k with the most negative :math:`ds_k/d\ln\eta_k`, by central differences, after
        the first tenth of the planned updates, in which the average holds too few losses, and up to
        the smallest :math:`s_k`: beyond, a loss that comes back from a spike falls faster than any
        that learns. fastai's ``steep`` looks there too.

        It assumes that a rate at which the loss responds most learns fastest. It errs on the low
        side where the loss falls early, at rates that are still small, and on noise: a derivative
        multiplies that, so it needs a larger β than the other rules do.

        Raises:
            ValueError: The loss never falls there, or too few updates were measured.
        """
        first = self.steps // 10
        rates, losses = self._between(first, len(self.lr))
        x = np.log(rates)
        slopes = (losses[2:] - losses[:-2]) / (x[2:] - x[:-2])
        before = slopes[: losses.argmin()]
        if not (before < 0).any():
            raise self._no("the loss never falls")
        return float(rates[1 + before.argmin()])

    def minimum_tenth(self) -> float:
        r"""Return a tenth of the rate at which the smoothed loss is smallest.

        It assumes that the loss turns upwards where training becomes unstable, and that a factor of
        10 is a fair distance from there. Neither follows from anything: the average turns late, the
        loss is smallest where the test has also trained longest, and slow tests diverge at other
        rates than fast ones.

        Raises:
            ValueError: The loss never falls, or it is smallest at the last rate: then the test
                ended before its minimum.
        """
        lowest = int(self.smoothed.argmin())
        if lowest == 0:
            raise self._no("the loss never falls below its first value")
        if lowest == len(self.lr) - 1:
            raise self._no(f"the loss still falls at {self.lr[-1]:.3g}, the last rate: raise high")
        return self.lr[lowest] / 10

    def valley(self) -> float:
        r"""Return the rate in the middle of the longest fall of the loss, fastai's default.

        Of the smoothed losses, without the first tenth of the planned updates and the last five
        measured ones, the longest falling subsequence is taken, in which losses may be skipped;
        if several are longest, the one that ends first. It has L losses and ends with the one of
        number e. The suggestion is the rate of number
        :math:`e - L + \lfloor L/3 \rfloor + \lfloor L/6 \rfloor`, so about L/2 updates before the
        end, though fastai's own description says two thirds of the way in.

        It assumes that one long fall lies between the flat beginning and the explosion. To count
        points instead of slopes makes it robust to noise. It fails where the fall has gaps, since
        it counts L updates back from the end and not to where the fall began, and where a short
        test explodes in fewer than five updates.

        Raises:
            ValueError: Fewer than three losses fall, or too few updates were measured.
        """
        first = self.steps // 10
        rates, losses = self._between(first, len(self.lr) - 5)
        lengths, tails = [], list[float]()  # tails[n]: the mildest end of a fall of n + 1 losses
        for loss in -losses:
            place = bisect_left(tails, loss)
            tails[place:place + 1] = [loss]  # fmt: skip
            lengths.append(place + 1)
        longest = max(lengths)
        if longest < 3:
            raise self._no("fewer than three losses fall")
        return float(rates[lengths.index(longest) - longest + longest // 3 + longest // 6])

    def suggestions(self) -> dict[str, float | None]:
        """Return the rate that each rule suggests, by the rule's name; None where it has none."""
        found: dict[str, float | None] = {}
        for rule in (self.steepest, self.minimum_tenth, self.valley):
            try:
                found[rule.__name__] = rule()
            except ValueError:
                found[rule.__name__] = None
        return found

    def _between(self, first: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Rates and smoothed losses of some updates, three of them at least."""
        if end - first < 3:
            raise self._no(f"{len(self.lr)} of {self.steps} updates are too few: lower low")
        return np.array(self.lr[first:end]), self.smoothed[first:end]

    def _no(self, reason: str) -> ValueError:
        stopped = f" (stopped: {self.stopped})" if self.stopped else ""
        return ValueError(f"this range test suggests no rate by this rule: {reason}{stopped}")


class _Average:
    """Goes from one smoothed loss to the next; what stays the same does so to the last bit."""

    def __init__(self, beta: float) -> None:
        self._beta, self._past = beta, beta  # of all losses so far, the weight that is missing

    def __call__(self, smoothed: float, loss: float) -> float:
        self._past *= self._beta
        return smoothed + (1 - self._beta) / (1 - self._past) * (loss - smoothed)


class RangeRecorder:
    r"""Plans a range test, notes it while it runs, and says when it is to stop.

    It stops when a loss is not finite, or when the smoothed loss, see `RangeTest`, exceeds
    ``stop_at`` times its smallest value so far. Losses that may be negative have no such scale:
    while the smallest is not positive, the second rule does not stop the test.

    Args:
        low: First rate, greater than 0.
        high: Last rate, greater than ``low``.
        steps: How many updates, an integer of at least 10.
        beta: Weight of the past in the smoothed losses, in [0, 1).
        stop_at: By what factor the smoothed loss may rise above its minimum, greater than 1.

    Attributes:
        steps: How many updates are planned.
        stopped: Why the test is over early; None while it goes on.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> recorder = RangeRecorder(low=0.01, high=1, steps=11, beta=0.5, stop_at=4)
        >>> for lr, loss in zip(recorder.rates, [2, 2, 1, 9, 9], strict=False):
        ...     recorder.record(lr, loss)
        >>> recorder.stopped
        'diverged: the smoothed loss exceeds 4 times its minimum after an update at 0.0398'
    """

    def __init__(self, *, low: float, high: float, steps: int, beta: float, stop_at: float) -> None:
        self._low, self._high = checks.positive("low", low), checks.positive("high", high)
        if low >= high:
            raise ValueError(f"low must be less than high, received {low!r} and {high!r}")
        self.steps, self.beta = _steps("steps", steps), checks.decay_rate("beta", beta)
        self._stop_at = checks.number("stop_at", stop_at, "greater than 1", lambda x: x > 1)
        self.stopped: str | None = None
        self._lr: list[float] = []
        self._loss: list[float] = []
        self._average, self._smoothed, self._smallest = _Average(beta), 0.0, math.inf

    def schedule(self, steps_per_epoch: int) -> Geometric:
        """Return the growth of the rate over time in epochs of so many updates."""
        epochs = (self.steps - 1) / steps_per_epoch
        return Geometric(self._low, total_epochs=epochs, final_lr=self._high)

    def recipe(self, recipe: Recipe, examples: int) -> Recipe:
        """Return what a test trains by: the optimizer, batches and clipping of a recipe.

        Args:
            recipe: What the rate is sought for; its schedule, epochs and watch do not count.
            examples: How many training examples there are.

        Raises:
            ValueError: They are fewer than a batch.
        """
        instance(Recipe, words="a Recipe")("recipe", recipe)
        if examples < recipe.batch_size:
            raise ValueError(
                f"recipe.batch_size must be at most the {examples} training examples in a range "
                f"test, since a rate suits the size of a batch, received {recipe.batch_size}"
            )
        n = recipe.steps_per_epoch(examples)
        epochs = -(-self.steps // n)
        return replace(recipe, schedule=self.schedule(n), epochs=epochs, per="step", watch=None)

    @property
    def rates(self) -> list[float]:
        """The rate that is planned for each update."""
        rates: list[float] = self.schedule(1)(np.arange(self.steps)).tolist()
        return rates

    def over(self, batches: Iterable[Any]) -> Iterator[tuple[float, Any]]:
        """Give each update its rate and its batch; where the batches end, they begin anew.

        Raises:
            ValueError: There are no batches, or no more when they are begun anew.
        """
        rates, begun = iter(self.rates), -1
        left = self.steps
        while left:
            if left == begun:
                given = self.steps - left
                raise ValueError(
                    f"batches must give {self.steps}, begun anew where they end, received {given}"
                    + ("" if given else ": are the data fewer than a batch, and drop_last on?")
                )
            begun = left
            for batch in batches:
                left -= 1
                yield next(rates), batch
                if not left:
                    return

    def record(self, lr: float, loss: float) -> None:
        """Note the rate of an update and the loss of its batch before it.

        Raises:
            ValueError: The first loss is not finite: no rate is to blame.
        """
        if not math.isfinite(loss):
            if not self._loss:
                raise ValueError(
                    f"loss must be finite before the first update of a range test, received {loss}:"
                    " look at the data, the initial weights and the loss itself"
                )
            self._stop("is no longer finite")
            return
        self._loss.append(loss)
        self._smoothed = self._average(self._smoothed, loss) if self._lr else loss
        self._smallest = min(self._smallest, self._smoothed)
        if self._smoothed > self._stop_at * self._smallest > 0:
            self._stop(f"exceeds {self._stop_at:g} times its minimum", "smoothed ")
        self._lr.append(lr)

    def _stop(self, fault: str, which: str = "") -> None:
        self.stopped = f"diverged: the {which}loss {fault} after an update at {self._lr[-1]:.3g}"

    def result(self) -> RangeTest:
        """Return what has been noted."""
        return RangeTest(
            tuple(self._lr),
            tuple(self._loss),
            steps=self.steps,
            beta=self.beta,
            stopped=self.stopped,
        )
