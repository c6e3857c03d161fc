"""Muon: the momentum of a matrix, made orthogonal."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np

from lrlab.optimizers.adam import AdamW
from lrlab.optimizers.base import (
    BY_CONVENTION,
    Convention,
    DecayRate,
    Flag,
    NonNegative,
    Optimizer,
    OptimizerState,
)
from lrlab.utils import checks, instance

SCALINGS = ("original", "match_rms_adamw")
EPS = 1e-7  # the length at which a direction counts as none, in both frameworks

#: The coefficients a, b and c of `newton_schulz`, which Jordan chose for a steep start.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


@dataclass(frozen=True, eq=False)
class MuonState(OptimizerState):
    """What `Muon` remembers.

    Attributes:
        m: Memory of the gradients, of the shape of the weights.
    """

    m: np.ndarray


@dataclass(frozen=True)
class Muon(Optimizer):
    r"""Momentum for a matrix of weights, whose singular values are all brought near 1.

    For a matrix of weights with A rows and B columns, and with :math:`M_0 = 0`, step t of torch is

    .. math::
        M_t &= \beta M_{t-1} + (1-\beta)\,G_t, \qquad
        D_t = \beta M_t + (1-\beta)\,G_t \quad\text{(Nesterov; else } D_t = M_t\text{)}, \\
        W &\leftarrow (1 - \eta\lambda)\,W
        - \eta\,s\,\operatorname{NS}\!\left(\frac{D_t}{\max(\lVert D_t\rVert_F, \epsilon)}\right),

    with `newton_schulz` for NS and a scale s by the matrix's shape: :math:`\sqrt{\max(1, A/B)}` in
    Jordan's original; or :math:`0.2\,\sqrt{\max(A, B)}`, which moves weights, in the root mean
    square, by 0.2 of the rate, as AdamW does under noise, so that the rates of both may be one. In
    torch a row belongs to an output, in Keras to an input, to which the second scale is
    indifferent. Keras adds :math:`\epsilon` = 1e-7 to the length instead, and its memory is the
    plain sum :math:`M_t = \beta M_{t-1} + G_t`, which is the same as soon as the length is divided
    out.

    Torch's own class iterates in bfloat16, with three digits, and this rule in float64.

    Muon is for the matrices of hidden layers alone. A network's biases, gains, embeddings and its
    last layer are left to AdamW, the ``rest``, at ``rest_scale`` times the rate. What is what is
    known where a network is trained: see `lrlab.pytorch.muon_groups`, which also flattens the
    kernels of convolutions to matrices; Keras gives these to AdamW, and multiplies the weight decay
    of its rest by the whole rate.

    Args:
        momentum: Momentum β, in [0, 1).
        nesterov: Whether the present gradient counts once more.
        ns_steps: Iterations of `newton_schulz`, a positive integer.
        scaling: ``"original"``, torch's default, or ``"match_rms_adamw"``, Keras' only one.
        weight_decay: Coefficient λ, at least 0, decoupled and not scaled; by default 0.1, Keras'
            0.004.
        rest: The AdamW for all other weights, of the same convention and without AMSGrad.
        rest_scale: By what the rest multiplies the rate, at least 0: by default 1, and with the
            original scaling 0.015, as in torch's example, which has 0.02 for Muon and 3e-4 for
            AdamW.
        convention: ``"pytorch"`` for ``torch.optim.Muon``, ``"keras"`` for
            ``keras.optimizers.Muon``.

    Raises:
        ValueError: A parameter breaks its rule; or, in `start`, the weights are no matrix.

    Example:
        >>> optimizer, w = Muon(weight_decay=0.0), np.zeros((2, 2))
        >>> w, state = optimizer.step(w, [[3.0, 0.0], [0.0, -0.5]], optimizer.start(w), lr=1.0)
        >>> np.abs(w).round(1)
        array([[0.7, 0. ],
               [0. , 1. ]])

    References:
        Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/; Liu et al. 2025,
        arXiv:2502.16982 (the second scale, weight decay). PyTorch 2.13, ``torch/optim/_muon.py``;
        Keras 3.15, ``keras/src/optimizers/muon.py``.
    """

    _: KW_ONLY
    momentum: DecayRate = 0.95
    nesterov: Flag = True
    ns_steps: Annotated[int, checks.count] = 5
    scaling: Annotated[str, checks.one_of(*SCALINGS)] = BY_CONVENTION
    weight_decay: NonNegative = BY_CONVENTION
    rest: Annotated[AdamW, instance(AdamW, words="an AdamW")] = BY_CONVENTION
    rest_scale: NonNegative = BY_CONVENTION
    convention: Convention = "pytorch"
    _defaults: ClassVar = {
        "pytorch": {"scaling": "original", "weight_decay": 0.1, "rest": AdamW()},
        "keras": {
            "scaling": "match_rms_adamw",
            "weight_decay": 0.004,
            "rest": AdamW(convention="keras"),
        },
    }

    def __post_init__(self) -> None:
        if self.rest_scale is None:
            alike = self.convention == "keras" or self.scaling == "match_rms_adamw"
            self._store("rest_scale", 1.0 if alike else 0.015)
        super().__post_init__()
        if self.convention == "keras" and self.scaling != "match_rms_adamw":
            rule = "scaling must be 'match_rms_adamw' in Keras, which has no other"
            raise ValueError(f"{rule}, received {self.scaling!r}")
        rest = self.rest
        usual = rest.bias_correction and rest.decay_vectors and not rest.amsgrad
        if rest.convention != self.convention or not usual:
            rule = (
                f"rest must be an AdamW of convention {self.convention!r} with bias correction, "
                "without AMSGrad and with decay_vectors"
            )
            raise ValueError(f"{rule}, received {rest!r}")

    @property
    def decoupled(self) -> bool:
        """Always, as an orthogonal matrix would forget the size of weight decay."""
        return True

    def start(self, w: Any) -> MuonState:
        """Return the state before the first step from ``w``, a matrix.

        Raises:
            ValueError: ``w`` is no matrix.
        """
        shape = np.shape(w)
        if len(shape) != 2:
            rule = "w must be a matrix under Muon; other weights are for its rest"
            raise ValueError(f"{rule}, received one of shape {shape}")
        return MuonState(self, shape, np.zeros(shape))

    def scale(self, rows: int, columns: int) -> float:
        """Return the scale s of a matrix's steps.

        Args:
            rows: Its rows A; in torch as many as a layer's outputs.
            columns: Its columns B.
        """
        if self.scaling == "original":
            return math.sqrt(max(1.0, rows / columns))
        return 0.2 * math.sqrt(max(rows, columns))

    def _update(self, grad: np.ndarray, state: Any, lr: float) -> tuple[np.ndarray, MuonState]:
        fresh = (1.0 if self.convention == "keras" else 1 - self.momentum) * grad
        m = self.momentum * state.m + fresh
        direction = self.momentum * m + fresh if self.nesterov else m
        length = float(np.linalg.norm(direction))
        length = length + EPS if self.convention == "keras" else max(length, EPS)
        update = newton_schulz(direction / length, steps=self.ns_steps)
        return lr * self.scale(*grad.shape) * update, replace(state, m=m)


def newton_schulz(matrix: Any, *, steps: int = 5) -> np.ndarray:
    r"""Return a matrix with the same singular vectors, and singular values near 1.

    A step is :math:`X \leftarrow aX + b\,XX^TX + c\,XX^TXX^TX`, with the coefficients of
    `NEWTON_SCHULZ`. It sends each singular value σ to
    :math:`a\sigma + b\sigma^3 + c\sigma^5`, so that those from 0.002 on are between 0.68 and
    1.21 after five steps: orthogonal but for that, without the cost of a decomposition.

    Args:
        matrix: A matrix whose singular values are at most 1, as those of one divided by its
            Frobenius norm.
        steps: Iterations, a positive integer.

    Raises:
        ValueError: It is no matrix, or the steps break their rule.

    Example:
        >>> np.linalg.svd(newton_schulz([[0.8, 0.0], [0.3, 0.1]]))[1].round(2)
        array([0.99, 0.68])
    """
    x = checks.array("matrix", matrix, "a matrix of numbers")
    if x.ndim != 2:
        raise ValueError(f"matrix must have two axes, received one of shape {x.shape}")
    steps, (a, b, c) = checks.count("steps", steps), NEWTON_SCHULZ
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x  # the products are then of the smaller side
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x
