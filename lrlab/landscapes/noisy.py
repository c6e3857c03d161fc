"""A landscape whose gradient is seen through noise."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Annotated, Any

import numpy as np

from lrlab.landscapes.base import Landscape
from lrlab.utils import checks, instance


@dataclass(frozen=True)
class Noisy(Landscape):
    r"""A landscape whose gradient is seen through noise, as on a mini-batch: :math:`g + \zeta`.

    ``loss`` and ``grad`` stay exact. `sample_grad` adds normal noise ζ of mean 0 to the gradient.
    Its components are independent and have the standard deviation σ, or they have a given
    covariance. The landscape holds no state: randomness comes from the generator that is passed
    in, so one seed is one path.

    Args:
        landscape: The loss behind the noise.
        sigma: Standard deviation σ of each component's noise, at least 0.
        covariance: Covariance of the noise instead of ``sigma``, shape ``(d, d)``: symmetric and
            positive semi-definite. It is kept as a tuple of rows.

    Attributes:
        minimum: The minimum of the loss behind the noise, shape ``(d,)``.

    Raises:
        ValueError: A parameter breaks its rule, or not exactly one of the two is given.

    Example:
        >>> from lrlab.landscapes import Quadratic
        >>> noisy = Noisy(Quadratic([1, 9]), sigma=0.1)
        >>> noisy.grad([1.0, 1.0])
        array([1., 9.])
        >>> noisy.sample_grad([1.0, 1.0], np.random.default_rng(0)).round(3)
        array([1.013, 8.987])
        >>> along = Noisy(Quadratic([1, 9]), covariance=[[1, 1], [1, 1]])
        >>> along.sample_grad([0.0, 0.0], np.random.default_rng(0)).round(3)
        array([-0.005, -0.005])

    References:
        Robbins, Monro 1951, doi:10.1214/aoms/1177729586. A constant rate breaks their conditions.
    """

    landscape: Annotated[Landscape, instance(Landscape, words="a Landscape")]
    _: KW_ONLY
    sigma: Annotated[float | None, checks.optional(checks.non_negative)] = None
    covariance: tuple[tuple[float, ...], ...] | None = None
    _root: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._store("dimension", self.landscape.dimension)
        self._store("minimum", self.landscape.minimum)
        if (self.sigma is None) == (self.covariance is None):
            rule = "sigma must be given, or covariance, and not both"
            received = f"{self.sigma!r} and {checks.shown(self.covariance)}"
            raise ValueError(f"{rule}, received {received}")
        if self.sigma is not None:
            self._store("_root", self.sigma * np.eye(self.dimension))
        else:
            matrix, root = _covariance(self.covariance, self.dimension)
            self._store("covariance", tuple(map(tuple, matrix.tolist())))
            self._store("_root", root)

    def noise_covariance(self) -> np.ndarray:
        """Return the covariance of the noise, shape ``(d, d)``, whichever way it was given."""
        return self._root @ self._root.T

    def sample_grad(self, w: Any, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return the gradient plus fresh noise, independent for every point.

        Args:
            w: Points of shape ``(..., d)``.
            rng: The generator that the noise is drawn from.

        Raises:
            ValueError: There is no generator, or the last axis of ``w`` has not the length d.
        """
        if not isinstance(rng, np.random.Generator):
            rule = "rng must be a numpy.random.Generator (descend makes one from its seed)"
            raise ValueError(f"{rule}, received {checks.shown(rng)}")
        grad = self.landscape.sample_grad(w, rng)
        draws = rng.standard_normal(grad.shape)
        return grad + (draws @ self._root.T if self.sigma is None else self.sigma * draws)

    def _loss(self, w: np.ndarray) -> np.ndarray:
        return self.landscape._loss(w)

    def _grad(self, w: np.ndarray) -> np.ndarray:
        return self.landscape._grad(w)


def _covariance(given: Any, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """A covariance as an array, and a matrix R with R Rᵀ equal to it."""
    shape = f"{dimension} × {dimension}"
    rule = f"a symmetric, positive semi-definite {shape} matrix"
    matrix = checks.array("covariance", given, rule)
    square = matrix.shape == (dimension, dimension) and np.isfinite(matrix).all()
    # A product of matrices is symmetric, and free of negative eigenvalues, up to rounding.
    small = 1e-12 * np.abs(matrix).max(initial=0)
    if not square or not np.allclose(matrix, matrix.T, rtol=0, atol=small):
        raise ValueError(f"covariance must be {rule}, received {checks.shown(given)}")
    values, vectors = np.linalg.eigh(matrix)
    if values.min() < -small:
        raise ValueError(f"covariance must be {rule}, received {checks.shown(given)}")
    return matrix, vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
