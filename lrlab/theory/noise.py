r"""Where descent settles if the gradient is noisy, with momentum or without, in closed form.

Near the minimum of a bowl the slope pulls a coordinate back and the noise drives it away. In the
end the coordinate fluctuates about 0. Its variance can be computed at every step, axis by axis.

Example:
    >>> from lrlab.landscapes import descend
    >>> from lrlab.landscapes import Noisy, Quadratic
    >>> from lrlab.schedules import Constant
    >>> from lrlab.optimizers import Momentum
    >>> noisy = Noisy(Quadratic([1]), sigma=1)
    >>> many = descend(noisy, Momentum(), Constant(0.1), np.zeros((2_000, 1)), 300, seed=0)
    >>> float((many.distance[-1] ** 2).mean().round(2)), round(noise_floor(noisy, 0.1, 0.9), 2)
    (0.53, 0.51)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lrlab.landscapes import Noisy, Quadratic
from lrlab.theory.momentum import divergence_lr, each, iteration_matrix
from lrlab.utils import checks


def noise_floor(
    noisy: Noisy,
    lr: float | np.ndarray,
    momentum: float | np.ndarray = 0.0,
    *,
    nesterov: bool = False,
) -> float | np.ndarray:
    r"""Return the mean squared distance to the minimum at which a constant rate settles.

    Under noise the distance does not shrink to 0. With :math:`p_i = \eta\lambda_i`, β the momentum
    and :math:`\sigma_i^2` the variance of the noise along axis i of the bowl, its mean square tends
    to

    .. math::
        \sum_i \frac{\eta^2\sigma_i^2\,(1 + \beta)}{p_i\,(1 - \beta)\,(2 + 2\beta - p_i)}
        \text{ (heavy ball)}, \qquad
        \sum_i \frac{\eta^2\sigma_i^2\,(1 + \beta + \beta p_i + 2\beta^2 p_i)}
        {p_i\,(1 - \beta + \beta p_i)\,(2 + 2\beta - p_i - 2\beta p_i)} \text{ (Nesterov)},

    infinite from `lrlab.theory.divergence_lr` on. For plain descent both are
    :math:`\sum_i \eta\sigma_i^2 / (\lambda_i (2 - \eta\lambda_i))`. At small rates they are nearly
    :math:`\sum_i \eta\sigma_i^2 / (2\lambda_i(1 - \beta))`: proportional to the rate, and equal to
    the floor of plain descent at a rate of η/(1 − β).

    Args:
        noisy: A `Quadratic` seen through noise.
        lr: Learning rate η, at least 0.
        momentum: Momentum β, in [0, 1).
        nesterov: Whether to look ahead.

    Returns:
        A float for two numbers; otherwise an array of the shape to which they are broadcast.

    Raises:
        ValueError: An argument breaks its rule, or the shapes cannot be broadcast.

    Example:
        >>> noise_floor(Noisy(Quadratic([2, 8]), sigma=1), np.array([0.1, 0.25]))
        array([0.03819444,        inf])

    References:
        Mandt, Hoffman, Blei 2017, arXiv:1704.04289, on the stationary distribution of constant
        rates, in the limit of small ones.
    """
    bowl = _bowl(noisy)
    limit = divergence_lr(bowl, momentum, nesterov=nesterov)
    rate, beta, limit = np.broadcast_arrays(each("lr", lr, checks.rate), momentum, limit)
    settles = rate < limit
    # The last axis is that of the bowl. Where nothing settles, any rate that raises no warning.
    step, beta = np.where(settles, rate, 0)[..., np.newaxis], beta[..., np.newaxis]
    eigenvalues, variances = np.array(bowl.eigenvalues), _variances(noisy, bowl)
    p = step * eigenvalues
    if nesterov:
        above = 1 + beta + beta * p + 2 * beta**2 * p
        below = (1 - beta + beta * p) * (2 + 2 * beta - p - 2 * beta * p)
    else:
        above, below = 1 + beta, (1 - beta) * (2 + 2 * beta - p)
    floor = np.sum(step * variances / eigenvalues * above / below, axis=-1)
    total = np.where(settles, floor, np.inf)
    return total if total.ndim else float(total)


def settling_time(
    noisy: Noisy,
    lr: float | np.ndarray,
    momentum: float | np.ndarray,
    start: Sequence[float],
    target: float,
    *,
    steps: int = 1_000,
    nesterov: bool = False,
) -> float | np.ndarray:
    r"""Return after how many steps the mean squared distance to the minimum stays within a target.

    The mean is over the noise, and exact: along an axis the matrix
    :math:`M = \mathrm{E}\,z z^\top` of velocity and coordinate, :math:`z = (v, u)`, follows

    .. math::
        M \leftarrow A M A^\top + \sigma_i^2 b b^\top, \qquad
        b = (1, -\eta) \text{ (heavy ball)}, \quad b = (1, -\eta(1 + \beta)) \text{ (Nesterov)},

    with A the `lrlab.theory.iteration_matrix`, from :math:`v = 0` and the given start.

    Args:
        noisy: A `Quadratic` seen through noise.
        lr: Learning rate η, at least 0.
        momentum: Momentum β, in [0, 1).
        start: Where the descent begins, shape ``(d,)``.
        target: The squared distance, positive.
        steps: How many steps are looked at, at least 1.
        nesterov: Whether to look ahead.

    Returns:
        The first step from which on the mean is at most the target, up to the last one looked at;
        infinite where there is none or the `noise_floor` lies above the target. A float for two
        numbers, otherwise an array of the shape to which they are broadcast.

    Raises:
        ValueError: An argument breaks its rule, or the shapes cannot be broadcast.

    Example:
        >>> noisy = Noisy(Quadratic([1]), sigma=1)
        >>> settling_time(noisy, [0.1, 0.5, 1.0], 0, [8.0], target=0.5)
        array([24.,  5., inf])
    """
    floor = noise_floor(noisy, lr, momentum, nesterov=nesterov)
    target, steps = checks.positive("target", target), checks.count("steps", steps)
    bowl = _bowl(noisy)
    place = _place(bowl, start)
    rate, beta, floor = np.broadcast_arrays(lr, momentum, floor)
    # The last axis is that of the bowl. Where nothing settles, a rate that does not overflow.
    rate = np.where(np.isfinite(floor), rate, 0)[..., np.newaxis]
    beta = np.broadcast_to(beta[..., np.newaxis], rate.shape)
    matrix, noise = _step(noisy, bowl, rate, beta, nesterov)
    moments = np.zeros(matrix.shape)
    moments[..., 1, 1] = place**2
    above = np.zeros(floor.shape)  # the first step after the last one outside the target
    for k in range(steps + 1):
        above = np.where(moments[..., 1, 1].sum(axis=-1) > target, k + 1, above)
        moments = matrix @ moments @ np.swapaxes(matrix, -1, -2) + noise
    time = np.where((floor <= target) & (above <= steps), above, np.inf)
    return time if time.ndim else float(time)


def expected_losses(
    noisy: Noisy,
    rates: Sequence[float] | np.ndarray,
    start: Sequence[float] | np.ndarray,
    momentum: float = 0.0,
    *,
    nesterov: bool = False,
) -> np.ndarray:
    r"""Return the mean loss over the noise before and after each step, axis by axis, at any rates.

    In a ravine the parts tell travel from height: along the flat axis, the river, the loss is what
    is left to travel; across it, the height above the river. Without momentum a step has

    .. math::
        \mathrm{E}\,u_i^2 \leftarrow (1 - \eta\lambda_i)^2\,\mathrm{E}\,u_i^2 + \eta^2\sigma_i^2,
        \qquad L_i = \frac{\lambda_i}{2}\,\mathrm{E}\,u_i^2.

    What is travelled depends on the sum of the rates, nearly as
    :math:`e^{-2\lambda_i \sum \eta}`. The height depends on the last few rates alone: at a constant
    one it is :math:`\eta\sigma_i^2 / (4 - 2\eta\lambda_i)` after some :math:`1/\eta\lambda_i`
    steps. So a high rate travels fast and high above the river, and gives the height back when it
    falls. With momentum the recursion is that of `settling_time`, the velocity being torch's.

    Args:
        noisy: A `Quadratic` seen through noise.
        rates: The rate of each step, T numbers of at least 0.
        start: Where the descent begins, shape ``(d,)``.
        momentum: Momentum β, in [0, 1).
        nesterov: Whether to look ahead.

    Returns:
        The parts of the loss, shape ``(T + 1, d)``, in the order of the eigenvalues; their sum over
        the last axis is the mean loss.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> ravine = Noisy(Quadratic([0.01, 10]), covariance=[[0, 0], [0, 4]])
        >>> rates = [0.1] * 30 + [0.1, 0.08, 0.06, 0.04, 0.02]
        >>> expected_losses(ravine, rates, [10, 1])[[0, 30, 35]].round(2)
        array([[0.5 , 5.  ],
               [0.47, 0.2 ],
               [0.47, 0.05]])

    References:
        Wen, Li, Wang, Hall, Liang, Ma 2024, arXiv:2410.05192, on rivers and their valleys.
    """
    bowl = _bowl(noisy)
    place = _place(bowl, start)
    lrs = each("rates", rates, checks.rate)
    if lrs.ndim != 1:
        raise ValueError(f"rates must be a sequence of rates, received {checks.shown(rates)}")
    beta = np.full((1, 1), checks.decay_rate("momentum", momentum))
    matrices, noises = _step(noisy, bowl, lrs[:, np.newaxis], beta, nesterov)
    moments = np.zeros((len(lrs) + 1, bowl.dimension, 2, 2))
    moments[0, :, 1, 1] = place**2
    for k, (matrix, noise) in enumerate(zip(matrices, noises, strict=True)):
        moments[k + 1] = matrix @ moments[k] @ np.swapaxes(matrix, -1, -2) + noise
    return moments[..., 1, 1] * np.array(bowl.eigenvalues) / 2


def _step(
    noisy: Noisy, bowl: Quadratic, rate: np.ndarray, beta: np.ndarray, nesterov: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The matrix of a step on each axis, and what its noise adds to the moments."""
    rate, beta = np.broadcast_arrays(rate, beta)
    matrix = iteration_matrix(np.array(bowl.eigenvalues), rate, beta, nesterov=nesterov)
    kick = np.stack([np.ones(rate.shape), -rate * (1 + beta if nesterov else 1)], axis=-1)
    variances = _variances(noisy, bowl)[:, np.newaxis, np.newaxis]
    return matrix, kick[..., np.newaxis] * kick[..., np.newaxis, :] * variances


def _place(bowl: Quadratic, start: Any) -> np.ndarray:
    """Where a descent begins, in coordinates along the axes of the bowl."""
    rule = f"finite numbers in shape ({bowl.dimension},)"
    place = checks.array("start", start, rule)
    if place.shape != (bowl.dimension,) or not np.isfinite(place).all():
        raise ValueError(f"start must be {rule}, received {checks.shown(start)}")
    return bowl.axes.T @ place


def _bowl(noisy: Noisy) -> Quadratic:
    if not isinstance(noisy, Noisy) or not isinstance(noisy.landscape, Quadratic):
        raise ValueError(f"noisy must be a Noisy(Quadratic(…)), received {checks.shown(noisy)}")
    return noisy.landscape


def _variances(noisy: Noisy, bowl: Quadratic) -> np.ndarray:
    """Variance of the noise along each axis of the bowl."""
    return np.einsum("ji,jk,ki->i", bowl.axes, noisy.noise_covariance(), bowl.axes)
