r"""How far a schedule lets the loss be from its minimum in the worst case, if the loss is convex.

The loss may have corners, as that of a network with ReLUs does. All that is known of it is how far
from the minimum the descent starts and how long the gradients are. Networks are not convex; yet
their loss curves under different schedules have much of the shape of this bound.

Example:
    >>> from lrlab import Constant, LinearDecay
    >>> steps = np.arange(1_000)
    >>> constant, linear = Constant(1)(steps), LinearDecay(1, total_epochs=1_000)(steps)
    >>> [round(best_base_lr(rates).bound, 3) for rates in (constant, linear)]
    [0.092, 0.063]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lrlab.utils import checks


class BaseRate(NamedTuple):
    """The factor that suits a schedule best, and the bound at its last step then."""

    lr: float
    bound: float


def convex_bound(
    rates: Sequence[float] | np.ndarray,
    *,
    distance: float = 1.0,
    gradient_norm: float | Sequence[float] | np.ndarray = 1.0,
) -> np.ndarray:
    r"""Return the bound on the loss above its minimum, before each step of gradient descent.

    For a convex loss f with the minimum :math:`w_*`, descent
    :math:`w_{t+1} = w_t - \eta_t g_t` with :math:`t = 1, 2, \dots`, the distance
    :math:`D = \lVert w_1 - w_*\rVert` and gradients of the length :math:`G_t`,

    .. math::
        f(w_t) - f(w_*) \le \frac{1}{2 \beta_1} \bigl(D^2 + \gamma_1\bigr)
        + \frac12 \sum_{k=1}^{t-1} \frac{\eta_k}{\beta_{k+1}} \frac{\gamma_k}{\beta_k}, \qquad
        \beta_k = \sum_{s=k}^{t} \eta_s, \quad \gamma_k = \sum_{s=k}^{t} \eta_s^2 G_s^2.

    With noisy gradients it holds in expectation, :math:`G_t^2` being their mean square length.
    The bound at t counts the rate of step t as well, though :math:`w_t` is where that step begins.
    So it is infinite where that rate is 0.

    At a constant rate η and one G it is
    :math:`D^2/2\eta t + \frac{\eta G^2}{2} (1 + 1 + \frac12 + \dots + \frac1{t-1})`: the sum is the
    price of judging the last weights and not an average. Towards the end of a decay it falls
    sharply.

    Args:
        rates: The rate of each step, T numbers of at least 0. Of a schedule they are
            ``schedule(np.arange(T) / steps_per_epoch)``.
        distance: Distance D of the start from the minimum, positive.
        gradient_norm: Length G of the gradients, positive: one number, or one a step.

    Returns:
        The bound before each step, shape ``(T,)``.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> convex_bound([0.5, 0.5, 0.25], distance=2).round(3)
        array([4.25 , 2.5  , 2.392])

    References:
        Schaipp, Hägele, Taylor, Şimşekli, Bach 2025, arXiv:2501.18965, theorem 1; Defazio,
        Cutkosky, Mehta, Mishchenko 2023, arXiv:2310.07831, theorem 10.
    """
    lrs, squares = _checked(rates, gradient_norm)
    distance = checks.positive("distance", distance)
    parts = [_parts(lrs[:t], squares[:t]) for t in range(1, len(lrs) + 1)]
    return np.array([distance**2 * travel + noise for travel, noise in parts])


def best_base_lr(
    rates: Sequence[float] | np.ndarray,
    *,
    distance: float = 1.0,
    gradient_norm: float | Sequence[float] | np.ndarray = 1.0,
) -> BaseRate:
    r"""Return the number to multiply all rates by for the smallest `convex_bound` at the last step.

    With all rates multiplied by γ the bound is :math:`a D^2/\gamma + b\gamma`, a and b not
    depending on γ, so that the best γ is :math:`D\sqrt{a/b}`, and the bound there
    :math:`2D\sqrt{ab}`. For T steps with gradients of one length G that is

    .. math::
        \frac{DG}{\sqrt T} \sqrt{1 + H} \text{ (constant)}, \qquad
        \frac{2DG}{\sqrt T} \sqrt{\frac{T - \frac12 + H}{T + 1}} \text{ (linear decay to 0)}, \qquad
        H = 1 + \tfrac12 + \dots + \tfrac{1}{T - 1}:

    a decay does away with the logarithm.

    Args:
        rates: The rate of each step, T numbers of at least 0, the last one positive.
        distance: Distance D of the start from the minimum, positive.
        gradient_norm: Length G of the gradients, positive: one number, or one a step.

    Returns:
        The factor and the bound.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> best = best_base_lr([1, 1, 1, 0.5], distance=2)
        >>> round(best.lr, 3), round(best.bound, 3)
        (0.566, 2.019)

    References:
        Schaipp, Hägele, Taylor, Şimşekli, Bach 2025, arXiv:2501.18965.
    """
    lrs, squares = _checked(rates, gradient_norm)
    distance = checks.positive("distance", distance)
    checks.positive(f"rates[{len(lrs) - 1}]", lrs[-1].item())
    travel, noise = _parts(lrs, squares)
    factor = distance * np.sqrt(travel / noise)
    return BaseRate(float(factor), float(2 * distance * np.sqrt(travel * noise)))


def _parts(lrs: np.ndarray, squares: np.ndarray) -> tuple[float, float]:
    """The bound before the last of some steps: what D² is multiplied by, and what is added."""
    if not lrs[-1]:
        return np.inf, np.inf
    # Summed up from the end: differences of sums from the start lose the digits of small rates.
    beta = np.cumsum(lrs[::-1])[::-1]
    gamma = np.cumsum((lrs**2 * squares)[::-1])[::-1]
    noise = gamma[0] / beta[0] + np.sum(lrs[:-1] / beta[1:] * gamma[:-1] / beta[:-1])
    return 0.5 / beta[0], noise / 2


def _checked(rates: Any, gradient_norm: Any) -> tuple[np.ndarray, np.ndarray]:
    """The rates, and the square of the gradient's length at each of them."""
    lrs = checks.array("rates", rates, rule := "a sequence of one or more rates")
    if lrs.ndim != 1 or not len(lrs):
        raise ValueError(f"rates must be {rule}, received {checks.shown(rates)}")
    norms = checks.array("gradient_norm", gradient_norm, rule := f"a number or {len(lrs)} of them")
    if norms.shape not in ((), lrs.shape):
        raise ValueError(f"gradient_norm must be {rule}, received {checks.shown(gradient_norm)}")
    for i, lr in enumerate(lrs.tolist()):
        checks.rate(f"rates[{i}]", lr)
    for norm in np.atleast_1d(norms).tolist():
        checks.positive("gradient_norm", norm)
    return lrs, np.broadcast_to(norms**2, lrs.shape)
