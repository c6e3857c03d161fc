r"""The quadratic bowl, where everything about a learning rate can be computed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from lrlab.landscapes.base import Landscape
from lrlab.utils import checks


@dataclass(frozen=True)
class Quadratic(Landscape):
    r"""A bowl with its minimum at 0: :math:`\frac12 \sum_i \lambda_i u_i^2`.

    The :math:`u_i` are the coordinates of w along the axes of the bowl, and the curvatures
    :math:`\lambda_i` are the eigenvalues of the Hessian. A step of gradient descent multiplies
    each :math:`u_i` by :math:`1 - \eta\lambda_i`, on its own; all the theory below follows.

    Args:
        eigenvalues: Curvatures λ of the axes, positive, one a dimension.
        angle: Angle in radians by which the axes are turned counter-clockwise; two dimensions
            only. The first axis then points to (cos angle, sin angle).

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> tilted = Quadratic([1, 9], angle=np.pi / 2)
        >>> tilted.loss(np.array([[0.0, 1.0], [1.0, 0.0]])).round(12)
        array([0.5, 4.5])

    References:
        Nesterov 2018, Lectures on Convex Optimization, section 2.1.5.
    """

    eigenvalues: tuple[float, ...]
    _: KW_ONLY
    angle: float = 0.0

    def __post_init__(self) -> None:
        given = self.eigenvalues
        # NumPy's arrays of no dimension are iterable by type and yet refuse to be iterated over.
        is_sequence = isinstance(given, Iterable) and getattr(given, "ndim", 1) == 1
        if not is_sequence or isinstance(given, str | bytes) or not (given := tuple(given)):
            rule = "eigenvalues must be a sequence of one or more positive numbers"
            raise ValueError(f"{rule}, received {self.eigenvalues!r}")
        values = (checks.positive(f"eigenvalues[{i}]", value) for i, value in enumerate(given))
        object.__setattr__(self, "eigenvalues", tuple(values))
        angle = checks.number(
            "angle",
            self.angle,
            f"(radians), and 0 unless there are two eigenvalues, not {self.dimension}",
            lambda x: x == 0 or self.dimension == 2,
        )
        object.__setattr__(self, "angle", angle)

    @classmethod
    def with_condition(
        cls, condition: float, *, dimension: int = 2, angle: float = 0.0
    ) -> Quadratic:
        """Return a bowl with eigenvalues from 1 to ``condition``, evenly spaced in their logarithm.

        Args:
            condition: Condition number κ = λ_max / λ_min, at least 1.
            dimension: How many eigenvalues; at least 2.
            angle: Angle of the axes in radians.

        Raises:
            ValueError: A parameter breaks its rule.

        Example:
            >>> Quadratic.with_condition(100, dimension=3)
            Quadratic(eigenvalues=(1.0, 10.0, 100.0), angle=0.0)
        """
        condition = checks.at_least_one("condition", condition)
        if checks.count("dimension", dimension) < 2:
            raise ValueError(f"dimension must be an integer of at least 2, received {dimension!r}")
        return cls(np.geomspace(1, condition, dimension), angle=angle)

    @property
    def dimension(self) -> int:
        """The number d of weights."""
        return len(self.eigenvalues)

    @property
    def minimum(self) -> np.ndarray:
        """The origin, shape ``(d,)``."""
        return np.zeros(self.dimension)

    @property
    def axes(self) -> np.ndarray:
        """The eigenvectors of the Hessian as columns, in the order of the eigenvalues."""
        if self.dimension != 2:
            return np.eye(self.dimension)
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return np.array([[cos, -sin], [sin, cos]])

    @property
    def condition_number(self) -> float:
        """Condition number κ, the largest eigenvalue divided by the smallest."""
        return max(self.eigenvalues) / min(self.eigenvalues)

    @property
    def divergence_lr(self) -> float:
        """The rate 2 / λ_max, from which on gradient descent no longer converges."""
        return 2 / max(self.eigenvalues)

    @property
    def best_constant_lr(self) -> float:
        """The rate 2 / (λ_min + λ_max), at which `convergence_factor` is smallest."""
        return 2 / (min(self.eigenvalues) + max(self.eigenvalues))

    def convergence_factor(self, lr: float | np.ndarray) -> float | np.ndarray:
        r"""Return the factor of the distance to the minimum in one step, in the long run.

        :math:`\max_i |1 - \eta\lambda_i|`: below 1 descent converges, above 1 it diverges. At the
        best constant rate it is :math:`(\kappa - 1)/(\kappa + 1)`.

        Args:
            lr: Learning rate η, at least 0: one number or an array.

        Returns:
            A float for a number; for an array, an array of the same shape.

        Raises:
            ValueError: A rate breaks its rule.
        """
        products = np.multiply.outer(_rates(lr), self.eigenvalues)
        factor = np.abs(1 - products).max(axis=-1)
        return factor if factor.ndim else float(factor)

    def noise_floor(self, lr: float | np.ndarray, sigma: float) -> float | np.ndarray:
        r"""Return the mean squared distance at which a constant rate settles under noise.

        With :math:`g + \sigma\xi` in place of the gradient, as in `Noisy`, the distance does not
        shrink to 0 but fluctuates about :math:`\sum_i \eta\sigma^2 / (\lambda_i (2 -
        \eta\lambda_i))`. It is nearly proportional to a small rate, and infinite from
        `divergence_lr` on.

        Args:
            lr: Learning rate η, at least 0: one number or an array.
            sigma: Standard deviation σ of the noise in each component, at least 0.

        Returns:
            A float for a number; for an array, an array of the same shape.

        Raises:
            ValueError: A parameter breaks its rule.

        Example:
            >>> bowl = Quadratic([1])
            >>> bowl.noise_floor(0.1, sigma=1), bowl.noise_floor(1, sigma=1)
            (0.052631578947368425, 1.0)
        """
        sigma = checks.number("sigma", sigma, "of at least 0", lambda x: x >= 0)
        rates = _rates(lr)[..., np.newaxis]
        room = 2 - rates * self.eigenvalues  # 0 where the noise is never forgotten
        settles = room > 0
        floor = rates * sigma**2 / (self.eigenvalues * np.where(settles, room, 1))
        total = np.where(settles, floor, np.inf).sum(axis=-1)
        return total if total.ndim else float(total)

    def _loss(self, w: np.ndarray) -> np.ndarray:
        halves = np.multiply(self.eigenvalues, 0.5)  # first, or the sum overflows before its half
        return np.sum(halves * self._along_axes(w) ** 2, axis=-1)

    def _grad(self, w: np.ndarray) -> np.ndarray:
        slopes = self.eigenvalues * self._along_axes(w)
        return slopes @ self.axes.T if self.angle else slopes

    def _along_axes(self, w: np.ndarray) -> np.ndarray:
        return w @ self.axes if self.angle else w


def _rates(lr: Any) -> np.ndarray:
    rates = [checks.rate("lr", value) for value in np.ravel(lr).tolist()]
    return np.reshape(rates, np.shape(lr))
