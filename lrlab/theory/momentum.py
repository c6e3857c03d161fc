r"""Gradient descent on a quadratic bowl, with momentum or without, in closed form.

Along an axis of the bowl the gradient is :math:`\lambda u`, with λ the curvature of the axis and u
the coordinate along it. A step of `lrlab.optimizers.Momentum`, without dampening or weight decay
and at a constant rate η, then multiplies the pair of velocity v and coordinate u by a matrix of two
rows (`iteration_matrix`), and all else follows from the two eigenvalues of that matrix. How fast
the worst axis shrinks is the `convergence_factor` of the bowl. Plain descent is the case β = 0.

The velocity is PyTorch's, :math:`v \leftarrow \beta v + g`, :math:`u \leftarrow u - \eta v`; at a
constant rate Keras' gives the same weights. ``nesterov=True`` asks for Nesterov's variant,
:math:`u \leftarrow u - \eta\,(g + \beta v)`.

Example:
    >>> from lrlab.landscapes import descend
    >>> from lrlab.schedules import Constant
    >>> from lrlab.optimizers import Momentum
    >>> valley = Quadratic([1, 81])
    >>> lr, momentum, factor = best_tuning(valley)
    >>> round(lr, 3), round(momentum, 3), round(factor, 3)
    (0.04, 0.64, 0.8)
    >>> path = descend(valley, Momentum(momentum=momentum), Constant(lr), [1, 1], 400)
    >>> round(path.factor(), 2)
    0.8
    >>> round(convergence_factor(valley, best_constant_lr(valley)), 2)  # without momentum
    0.98
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lrlab.landscapes import Quadratic
from lrlab.utils import checks

#: How the coordinate along an axis behaves, in the order of growing rates.
REGIMES = ("monotone", "oscillating", "alternating", "divergent")


class Tuning(NamedTuple):
    """A constant rate, a momentum, and the `convergence_factor` that they give."""

    lr: float
    momentum: float
    factor: float


def iteration_matrix(
    eigenvalue: float | np.ndarray,
    lr: float | np.ndarray,
    momentum: float | np.ndarray,
    *,
    nesterov: bool = False,
) -> np.ndarray:
    r"""Return the matrix that a step multiplies the pair :math:`(v, u)` by, along one axis.

    .. math::
        \begin{pmatrix} \beta & \lambda \\ -\eta\beta & 1 - \eta\lambda \end{pmatrix}
        \text{ (heavy ball)}, \qquad
        \begin{pmatrix} \beta & \lambda \\ -\eta\beta^2 & 1 - \eta\lambda(1 + \beta) \end{pmatrix}
        \text{ (Nesterov)}.

    Args:
        eigenvalue: Curvature λ of the axis; negative where it falls off from a saddle.
        lr: Learning rate η, at least 0.
        momentum: Momentum β, in [0, 1).
        nesterov: Whether to look ahead.

    Returns:
        An array of shape ``(..., 2, 2)``, where ``(...)`` is the shape to which the three numbers
        or arrays are broadcast.

    Raises:
        ValueError: An argument breaks its rule, or the shapes cannot be broadcast.

    Example:
        >>> iteration_matrix(2, lr=0.25, momentum=0.5)
        array([[ 0.5  ,  2.   ],
               [-0.125,  0.5  ]])

    References:
        Goh 2017, Why Momentum Really Works, doi:10.23915/distill.00006.
    """
    curvature, rate, beta = _arguments(eigenvalue, lr, momentum)
    # Nesterov's step is η(g + βv), so what is left of the velocity and g itself both count again.
    ahead = beta if checks.flag("nesterov", nesterov) else np.zeros_like(beta)
    kept = beta * ahead if nesterov else beta
    matrix = np.array([[beta, curvature], [-rate * kept, 1 - rate * curvature * (1 + ahead)]])
    return np.moveaxis(matrix, (0, 1), (-2, -1))


def spectral_radius(
    eigenvalue: float | np.ndarray,
    lr: float | np.ndarray,
    momentum: float | np.ndarray,
    *,
    nesterov: bool = False,
) -> float | np.ndarray:
    r"""Return by what factor a step shrinks velocity and coordinate on an axis, in the long run.

    The largest modulus :math:`|r|` of the eigenvalues r of `iteration_matrix`, the roots of

    .. math::
        r^2 - (1 + \beta - \eta\lambda)\,r + \beta = 0 \text{ (heavy ball)}, \qquad
        r^2 - (1 + \beta)(1 - \eta\lambda)\,r + \beta\,(1 - \eta\lambda) = 0 \text{ (Nesterov)}.

    Where the discriminant is negative, they are a conjugate pair of modulus :math:`\sqrt\beta` and
    :math:`\sqrt{\beta\,(1 - \eta\lambda)}`: the heavy ball then shrinks every such axis alike,
    whatever its curvature. On a falling axis of a saddle the result is above 1, the factor of
    escape. Where the two roots meet, the rounding of η, λ and β moves it by some 1e-8.

    Args:
        eigenvalue: Curvature λ of the axis; negative where it falls off from a saddle.
        lr: Learning rate η, at least 0.
        momentum: Momentum β, in [0, 1).
        nesterov: Whether to look ahead.

    Returns:
        A float for three numbers; otherwise an array of the shape to which they are broadcast.

    Raises:
        ValueError: An argument breaks its rule, or the shapes cannot be broadcast.

    Example:
        >>> spectral_radius(np.array([1, 4, 16]), lr=0.25, momentum=0.25)
        array([0.5       , 0.5       , 2.65586885])
    """
    curvature, rate, beta = _arguments(eigenvalue, lr, momentum)
    product = rate * curvature
    first, second, _ = _borders(beta, nesterov)
    if nesterov:
        trace, determinant = (1 + beta) * (1 - product), beta * (1 - product)
        scale = (1 + beta) ** 2
    else:
        trace, determinant, scale = 1 + beta - product, beta, np.ones_like(beta)
    # trace² − 4 · determinant in factors, which at the ends of the oscillation lose no digits.
    discriminant = scale * (first - product) * (second - product)
    real = (np.abs(trace) + np.sqrt(np.maximum(discriminant, 0))) / 2
    complex_pair = np.sqrt(np.maximum(determinant, 0))
    radius = np.where(discriminant < 0, complex_pair, real)
    return radius if radius.ndim else float(radius)


def regime(
    eigenvalue: float | np.ndarray,
    lr: float | np.ndarray,
    momentum: float | np.ndarray,
    *,
    nesterov: bool = False,
) -> str | np.ndarray:
    r"""Return how the coordinate along one axis behaves, one of `REGIMES`.

    ============= ============================= ============================== ==================
    regime        heavy ball                    Nesterov                       roots
    ============= ============================= ============================== ==================
    "monotone"    ηλ ≤ (1 − √β)²                ηλ ≤ ((1 − β)/(1 + β))²        real, positive
    "oscillating" up to (1 + √β)²               up to 1                        a conjugate pair
    "alternating" from there, below 2(1 + β)    from there, below              real, the larger
                                                2(1 + β)/(1 + 2β)              one negative
    "divergent"   from there, and below 0       from there, and below 0        one outside (−1, 1)
    ============= ============================= ============================== ==================

    From rest an overdamped, monotone coordinate falls without ever crossing 0; an underdamped,
    oscillating one swings, a period lasting several steps; an alternating one changes sides at
    every step, as plain descent does at a rate above 1/λ. At a rate of 0 it stays, which counts as
    monotone.

    Args:
        eigenvalue: Curvature λ of the axis; negative where it falls off from a saddle.
        lr: Learning rate η, at least 0.
        momentum: Momentum β, in [0, 1).
        nesterov: Whether to look ahead.

    Returns:
        A text for three numbers; otherwise an array of texts, of the shape to which they are
        broadcast.

    Raises:
        ValueError: An argument breaks its rule, or the shapes cannot be broadcast.

    Example:
        >>> regime(1, lr=np.array([0.2, 1, 2.4, 2.5]), momentum=0.25).tolist()
        ['monotone', 'oscillating', 'alternating', 'divergent']

    References:
        Goh 2017, doi:10.23915/distill.00006, with ripples for oscillating; O'Donoghue, Candès 2015,
        doi:10.1007/s10208-013-9150-3, for Nesterov's.
    """
    curvature, rate, beta = _arguments(eigenvalue, lr, momentum)
    product = rate * curvature
    first, second, last = _borders(beta, nesterov)
    conditions = [product < 0, product <= first, product < second, product < last]
    monotone, oscillating, alternating, divergent = REGIMES
    names = np.select(conditions, [divergent, monotone, oscillating, alternating], divergent)
    return names if names.ndim else str(names)


def convergence_factor(
    bowl: Quadratic,
    lr: float | np.ndarray,
    momentum: float | np.ndarray = 0.0,
    *,
    nesterov: bool = False,
) -> float | np.ndarray:
    r"""Return the factor of the distance to the minimum in one step, in the long run.

    It is the largest `spectral_radius` of the bowl's axes: below 1 descent converges, above 1 it
    diverges. Without momentum it is :math:`\max_i |1 - \eta\lambda_i|`.

    Args:
        bowl: The quadratic.
        lr: Learning rate η, at least 0.
        momentum: Momentum β, in [0, 1).
        nesterov: Whether to look ahead.

    Returns:
        A float for two numbers; otherwise an array of the shape to which they are broadcast.
        Rates of shape ``(n, 1)`` and momenta of shape ``(m,)`` give ``(n, m)``.

    Raises:
        ValueError: An argument breaks its rule, or the shapes cannot be broadcast.

    Example:
        >>> bowl = Quadratic([1, 9])
        >>> convergence_factor(bowl, np.array([0.1, 0.25]))
        array([0.9 , 1.25])
        >>> convergence_factor(bowl, np.array([[0.1], [0.25]]), np.array([0, 0.25]))
        array([[0.9       , 0.85894542],
               [1.25      , 0.5       ]])
    """
    eigenvalues = np.array(_bowl(bowl).eigenvalues)
    rates, betas = each("lr", lr, checks.rate), each("momentum", momentum, checks.decay_rate)
    each_axis = rates[..., np.newaxis], betas[..., np.newaxis]
    factor = np.max(spectral_radius(eigenvalues, *each_axis, nesterov=nesterov), axis=-1)
    return factor if factor.ndim else float(factor)


def divergence_lr(
    bowl: Quadratic, momentum: float | np.ndarray = 0.0, *, nesterov: bool = False
) -> float | np.ndarray:
    r"""Return the rate from which on descent no longer converges.

    It is :math:`2/\lambda_{\max}` for plain descent; :math:`2(1 + \beta)/\lambda_{\max}` for the
    heavy ball, which bears up to twice as much; and
    :math:`2(1 + \beta)/((1 + 2\beta)\,\lambda_{\max})` for Nesterov's variant, which bears less.

    Args:
        bowl: The quadratic.
        momentum: Momentum β, in [0, 1): one number or an array.
        nesterov: Whether to look ahead.

    Returns:
        A float for a number; for an array, an array of the same shape.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> bowl = Quadratic([1, 8])
        >>> divergence_lr(bowl), divergence_lr(bowl, 0.5), divergence_lr(bowl, 0.5, nesterov=True)
        (0.25, 0.375, 0.1875)
    """
    betas = each("momentum", momentum, checks.decay_rate)
    limit = _borders(betas, nesterov)[-1] / max(_bowl(bowl).eigenvalues)
    return limit if limit.ndim else float(limit)


def best_constant_lr(bowl: Quadratic) -> float:
    r"""Return the constant rate at which plain descent has the smallest `convergence_factor`.

    The rate is :math:`2/(\lambda_{\min} + \lambda_{\max})`. With
    :math:`\kappa = \lambda_{\max}/\lambda_{\min}` the factor there is
    :math:`(\kappa - 1)/(\kappa + 1)`. With momentum the best rate is another: `best_tuning`.

    Args:
        bowl: The quadratic.

    Raises:
        ValueError: The bowl is no `Quadratic`.

    Example:
        >>> bowl = Quadratic([1, 9])
        >>> best_constant_lr(bowl), convergence_factor(bowl, best_constant_lr(bowl))
        (0.2, 0.8)

    References:
        Nesterov 2018, Lectures on Convex Optimization, section 2.1.5.
    """
    return 2 / (min(_bowl(bowl).eigenvalues) + max(bowl.eigenvalues))


def best_tuning(bowl: Quadratic, *, nesterov: bool = False) -> Tuning:
    r"""Return the constant rate and momentum with the smallest `convergence_factor`.

    With :math:`\kappa = \lambda_{\max}/\lambda_{\min}`, for the heavy ball

    .. math::
        \eta = \frac{4}{(\sqrt{\lambda_{\max}} + \sqrt{\lambda_{\min}})^2}, \quad
        \beta = \Bigl(\frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}\Bigr)^2, \quad
        \text{factor } \sqrt\beta = \frac{\sqrt\kappa - 1}{\sqrt\kappa + 1},

    that of plain descent with √κ in place of κ; and for Nesterov's variant

    .. math::
        \eta = \frac{4}{3\lambda_{\max} + \lambda_{\min}}, \quad
        \beta = \frac{\sqrt{3\kappa + 1} - 2}{\sqrt{3\kappa + 1} + 2}, \quad
        \text{factor } 1 - \frac{2}{\sqrt{3\kappa + 1}}.

    Args:
        bowl: The quadratic.
        nesterov: Whether to look ahead.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> best_tuning(Quadratic([1, 9]))
        Tuning(lr=0.25, momentum=0.25, factor=0.5)

    References:
        Polyak 1964, doi:10.1016/0041-5553(64)90137-5; Lessard, Recht, Packard 2016,
        arXiv:1408.3595.
    """
    low, high = min(_bowl(bowl).eigenvalues), max(bowl.eigenvalues)
    if checks.flag("nesterov", nesterov):
        root = math.sqrt(3 * (high / low) + 1)  # in this order never below 2
        return Tuning(4 / (3 * high + low), (root - 2) / (root + 2), 1 - 2 / root)
    root = math.sqrt(high / low)
    factor = (root - 1) / (root + 1)
    return Tuning(4 / (math.sqrt(high) + math.sqrt(low)) ** 2, factor**2, factor)


def _borders(momentum: np.ndarray, nesterov: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The products ηλ at which the monotone, oscillating and alternating regimes end."""
    if checks.flag("nesterov", nesterov):
        end = 2 * (1 + momentum) / (1 + 2 * momentum)
        return ((1 - momentum) / (1 + momentum)) ** 2, np.ones_like(momentum), end
    root = np.sqrt(momentum)
    return (1 - root) ** 2, (1 + root) ** 2, 2 * (1 + momentum)


def _bowl(bowl: Any) -> Quadratic:
    if not isinstance(bowl, Quadratic):
        raise ValueError(f"bowl must be a Quadratic, received {checks.shown(bowl)}")
    return bowl


def _arguments(eigenvalue: Any, lr: Any, momentum: Any) -> Sequence[np.ndarray]:
    """Curvature, rate and momentum, checked and of one shape."""
    return np.broadcast_arrays(  # a tuple, or a list before NumPy 2
        each("eigenvalue", eigenvalue, _curvature),
        each("lr", lr, checks.rate),
        each("momentum", momentum, checks.decay_rate),
    )


def _curvature(name: str, value: Any) -> float:
    return checks.number(name, value, "of any sign", lambda x: True)


def each(name: str, values: Any, check: Callable[[str, Any], float]) -> np.ndarray:
    """Return one number or an array of numbers, each checked, as an array of the same shape."""
    given = checks.array(name, values, "a finite real number or an array of them")
    for value in given.ravel().tolist():
        check(name, value)
    return given
