r"""A problem whose features occur with very different frequencies, as words in a text do.

Example:
    >>> problem = RareFeatures(100)
    >>> problem.frequencies[[0, 9, 99]].round(4)
    array([0.1928, 0.0193, 0.0019])
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Annotated, Any

import numpy as np

from lrlab.landscapes.base import MOST_WEIGHTS, Landscape
from lrlab.utils import checks


@dataclass(frozen=True)
class RareFeatures(Landscape):
    r"""One weight for each of d words; an example shows one word and a noisy value to learn.

    Word j, counted from 1, comes with the frequency :math:`p_j \propto j^{-z}`. With z = 1 the
    words are distributed as in a text (Zipf's law); with z = 0 all are equally frequent. The value
    shown with word j is :math:`a_j + \zeta`, with normal noise ζ of standard deviation σ. The loss
    of an example is half the squared error of the word's weight, so its gradient is 0 for all other
    words. The mean loss of all examples is, up to a constant,

    .. math:: L(w) = \tfrac12 \sum_j p_j\,(w_j - a_j)^2.

    The values :math:`a_j` are 1 and −1 in turn. `sample_grad` draws an example for each row of
    weights that it is given, so `lrlab.landscapes.descend` follows several independent streams of
    examples side by side.

    Args:
        features: Number d of words, an integer from 1 to 10,000.
        exponent: Exponent z, at least 0.
        noise: Standard deviation σ of the noise, at least 0.

    Attributes:
        frequencies: How often each word comes, shape ``(d,)``; they sum to 1.
        minimum: The values :math:`a_j`, shape ``(d,)``.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> problem = RareFeatures(4, noise=0)
        >>> round(problem.loss(np.zeros(4)), 9), problem.grad(np.zeros(4)).round(2)
        (0.5, array([-0.48,  0.24, -0.16,  0.12]))
        >>> problem.sample_grad(np.zeros(4), np.random.default_rng(0)) + 0
        array([0., 1., 0., 0.])

    References:
        Duchi, Hazan, Singer 2011, JMLR 12, 2121–2159, on rare features that tell much.
    """

    features: Annotated[int, checks.count]
    _: KW_ONLY
    exponent: Annotated[float, checks.non_negative] = 1.0
    noise: Annotated[float, checks.non_negative] = 0.5
    frequencies: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        rule = f"of at most {MOST_WEIGHTS}"
        checks.number("features", self.features, rule, lambda d: d <= MOST_WEIGHTS)
        shares = np.arange(1, self.features + 1) ** -self.exponent
        self._store("dimension", self.features)
        self._store("frequencies", shares / shares.sum())
        self._store("minimum", np.where(np.arange(self.features) % 2, -1.0, 1.0))

    def sample_grad(self, w: Any, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return the gradient of one example for each row of weights, of the same shape.

        Args:
            w: Weights of shape ``(..., d)``.
            rng: Where the examples come from.

        Raises:
            ValueError: There is no generator, or ``w`` has another last axis than d.
        """
        if rng is None:
            raise ValueError("rng must be a generator, since examples are drawn, received None")
        w = self._points(w)
        # Faster than rng.choice, which checks the frequencies in every step.
        words = np.searchsorted(np.cumsum(self.frequencies), rng.random(w.shape[:-1]), side="right")
        shown = np.arange(self.features) == words[..., np.newaxis]
        noise = self.noise * rng.standard_normal((*w.shape[:-1], 1))
        return shown * (w - self.minimum - noise)

    def _loss(self, w: np.ndarray) -> np.ndarray:
        return ((w - self.minimum) ** 2 @ self.frequencies) / 2

    def _grad(self, w: np.ndarray) -> np.ndarray:
        return self.frequencies * (w - self.minimum)
