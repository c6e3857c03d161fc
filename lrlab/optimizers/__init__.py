r"""Optimizers as pure functions of weights, gradient, state and rate.

An optimizer is an immutable set of hyperparameters. ``state = optimizer.start(w)`` gives what it
has to remember, ``w, state = optimizer.step(w, grad, state, lr)`` is one update, and
``optimizer.evaluated(w, state)`` gives the weights at which to evaluate. Nothing is changed in
place, so any step can be repeated and any path branched.

PyTorch and Keras give the same names to slightly different updates. ``convention="pytorch"``, the
default, or ``"keras"`` selects whose: the defaults, the place of ε, how the rate enters the
velocity, and whether weight decay goes through the gradient. A parameter left None takes the
default of its convention, and the repr shows it. `twin` names the framework's own class.

The arithmetic is float64 under both. Keras by default rounds weights, memory and rate to float32;
with TensorFlow it does so to some hyperparameters even where the rest is float64: momentum in
``SGD``, the powers of the betas, weight decay, and the initial accumulator.

Example:
    >>> import numpy as np
    >>> optimizer = SGD()
    >>> w = np.array([1.0, -2.0])
    >>> state = optimizer.start(w)
    >>> w, state = optimizer.step(w, 2 * w, state, lr=0.25)
    >>> w
    array([ 0.5, -1. ])
    >>> RMSProp().eps, RMSProp(convention="keras").eps
    (1e-08, 1e-07)
    >>> Optimizer.from_config(AdaGrad().to_config()) == AdaGrad()
    True
"""

from lrlab.optimizers.adam import Adam, AdamState, AdamW
from lrlab.optimizers.adaptive import (
    AdaDelta,
    AdaDeltaState,
    AdaGrad,
    AdaGradState,
    RMSProp,
    RMSPropState,
)
from lrlab.optimizers.base import Optimizer, OptimizerState
from lrlab.optimizers.lion import Lion, LionState
from lrlab.optimizers.muon import NEWTON_SCHULZ, Muon, MuonState, newton_schulz
from lrlab.optimizers.schedule_free import (
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
    ScheduleFreeState,
)
from lrlab.optimizers.sgd import SGD, Momentum, MomentumState
from lrlab.optimizers.twins import TWINS, twin

__all__ = [
    "NEWTON_SCHULZ",
    "SGD",
    "TWINS",
    "AdaDelta",
    "AdaDeltaState",
    "AdaGrad",
    "AdaGradState",
    "Adam",
    "AdamState",
    "AdamW",
    "Lion",
    "LionState",
    "Momentum",
    "MomentumState",
    "Muon",
    "MuonState",
    "Optimizer",
    "OptimizerState",
    "RMSProp",
    "RMSPropState",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "ScheduleFreeState",
    "newton_schulz",
    "twin",
]
