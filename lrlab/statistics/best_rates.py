"""Where on a grid of rates the loss is lowest, seed by seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lrlab.statistics.edges import by_rate


def best_rate(
    lrs: Sequence[float], losses: Sequence[Sequence[float]], *, ends: bool = False
) -> np.ndarray:
    r"""Return for each seed the rate at which its loss is lowest, between those of the grid.

    The parabola through the lowest loss and its two neighbours, over the rate's logarithm
    :math:`x_i = \ln\eta_i`, is lowest at

    .. math::
        x_i - \frac12 \cdot \frac{(x_i - x_{i-1})^2 (L_i - L_{i+1})
            - (x_i - x_{i+1})^2 (L_i - L_{i-1})}
            {(x_i - x_{i-1}) (L_i - L_{i+1}) - (x_i - x_{i+1}) (L_i - L_{i-1})}.

    Beside a run that diverged, and between neighbours with the same loss, it is the grid's rate.

    Args:
        lrs: The rates, positive, no two alike, in any order.
        losses: Shape ``(len(lrs), seeds)``; a run that diverged has NaN or an infinity there.
        ends: Whether an end of the grid counts as the best rate where the loss is lowest there. The
            grid does not show more than that the best rate lies at that end or beyond.

    Returns:
        An array of shape ``(seeds,)``; NaN at an end of the grid that does not count.

    Raises:
        ValueError: The shapes do not fit, a rate occurs twice, or every run of a seed diverged.

    Example:
        >>> best_rate([0.01, 0.1, 1], [[1.0, 0.3], [0.2, 0.2], [0.6, 0.1]]).round(3)
        array([0.147,   nan])
    """
    rates, table = by_rate(lrs, losses)
    if len(set(rates.tolist())) < len(rates):
        raise ValueError(f"lrs must differ from each other, received {rates.tolist()}")
    table = np.where(np.isfinite(table), table, np.inf)
    if not np.isfinite(table).any(axis=0).all():
        raise ValueError("losses must hold for each seed a run that did not diverge")
    return np.array([_lowest(np.log(rates), seed, ends) for seed in table.T])


def _lowest(x: np.ndarray, losses: np.ndarray, ends: bool) -> float:
    i = int(losses.argmin())
    if i in (0, len(x) - 1):
        return float(np.exp(x[i])) if ends else float("nan")
    before, after = losses[i] - losses[i - 1], losses[i] - losses[i + 1]  # neither is above 0
    left, right = x[i] - x[i - 1], x[i] - x[i + 1]
    bend = left * after - right * before
    if not np.isfinite(bend) or bend == 0:
        return float(np.exp(x[i]))
    return float(np.exp(x[i] - (left**2 * after - right**2 * before) / bend / 2))
