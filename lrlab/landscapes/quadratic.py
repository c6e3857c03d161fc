"""The quadratic bowl, where everything about a learning rate can be computed."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Annotated, Any

import numpy as np

from lrlab.landscapes.base import MOST_WEIGHTS, Landscape
from lrlab.utils import checks


def _curvatures(name: str, values: Any) -> tuple[float, ...]:
    rule = "a sequence of one or more positive numbers"
    if not (items := checks.sequence(name, values, rule, most=MOST_WEIGHTS)):
        raise ValueError(f"{name} must be {rule}, received {checks.shown(values)}")
    return tuple(checks.positive(f"{name}[{i}]", value) for i, value in enumerate(items))


@dataclass(frozen=True)
class Quadratic(Landscape):
    r"""A bowl with its minimum at 0: :math:`\frac12 \sum_i \lambda_i u_i^2`.

    The :math:`u_i` are the coordinates of w along the axes of the bowl, and the curvatures
    :math:`\lambda_i` are the eigenvalues of the Hessian. A step of gradient descent multiplies
    each :math:`u_i` by :math:`1 - \eta\lambda_i`, on its own. What follows from that is computed in
    `lrlab.theory`.

    Args:
        eigenvalues: Curvatures λ of the axes, positive, one a dimension.
        angle: Angle in radians by which the axes are turned counter-clockwise; two dimensions
            only. The first axis then points to (cos angle, sin angle).

    Attributes:
        minimum: The origin, shape ``(d,)``.
        axes: The eigenvectors of the Hessian as columns, in the order of the eigenvalues, shape
            ``(d, d)``.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> tilted = Quadratic([1, 9], angle=np.pi / 2)
        >>> tilted.loss(np.array([[0.0, 1.0], [1.0, 0.0]])).round(12)
        array([0.5, 4.5])
    """

    eigenvalues: Annotated[tuple[float, ...], _curvatures]
    _: KW_ONLY
    angle: float = 0.0
    axes: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._store("dimension", len(self.eigenvalues))
        angle = checks.number(
            "angle",
            self.angle,
            f"(radians), and 0 unless there are two eigenvalues, not {self.dimension}",
            lambda x: x == 0 or self.dimension == 2,
        )
        axes = np.eye(self.dimension)
        if angle:
            cos, sin = np.cos(angle), np.sin(angle)
            axes = np.array([[cos, -sin], [sin, cos]])
        self._store("angle", angle)
        self._store("axes", axes)
        self._store("minimum", np.zeros(self.dimension))

    @classmethod
    def with_condition(
        cls, condition: float, *, dimension: int = 2, angle: float = 0.0
    ) -> Quadratic:
        """Return a bowl with eigenvalues from 1 to ``condition``, evenly spaced in their logarithm.

        Args:
            condition: Condition number κ = λ_max / λ_min, at least 1.
            dimension: How many eigenvalues, from 2 to 10,000.
            angle: Angle of the axes in radians.

        Raises:
            ValueError: A parameter breaks its rule.

        Example:
            >>> Quadratic.with_condition(100, dimension=3)
            Quadratic(eigenvalues=(1.0, 10.0, 100.0), angle=0.0)
        """
        condition = checks.at_least_one("condition", condition)
        if not 2 <= (dimension := checks.count("dimension", dimension)) <= MOST_WEIGHTS:
            rule = f"dimension must be an integer from 2 to {MOST_WEIGHTS}"
            raise ValueError(f"{rule}, received {checks.shown(dimension)}")
        return cls(tuple(np.geomspace(1, condition, dimension)), angle=angle)

    @property
    def condition_number(self) -> float:
        """Condition number κ, the largest eigenvalue divided by the smallest."""
        return max(self.eigenvalues) / min(self.eigenvalues)

    def _loss(self, w: np.ndarray) -> np.ndarray:
        halves = np.multiply(self.eigenvalues, 0.5)  # first, or the sum overflows before its half
        return np.sum(halves * self._along_axes(w) ** 2, axis=-1)

    def _grad(self, w: np.ndarray) -> np.ndarray:
        slopes = np.multiply(self.eigenvalues, self._along_axes(w))
        return slopes @ self.axes.T if self.angle else slopes

    def _along_axes(self, w: np.ndarray) -> np.ndarray:
        return w @ self.axes if self.angle else w
