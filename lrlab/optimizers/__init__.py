r"""Update rules as pure functions: what an optimiser does with a gradient and a rate.

A rule is an immutable set of hyperparameters. ``state = rule.start(w)`` gives what it has to
remember, ``w, state = rule.step(w, grad, state, lr)`` one update; nothing is changed in place,
so any step can be repeated and any path branched.

PyTorch and Keras give the same names to slightly different updates. ``convention="pytorch"``, the
default, or ``"keras"`` selects whose: the defaults, the place of ε, how the rate enters the
velocity, and whether weight decay goes through the gradient. A parameter left None takes the
default of its convention, and the repr shows it.

The arithmetic is float64 under both. Keras by default rounds weights, memory and rate to float32;
with TensorFlow it does so to some hyperparameters even where the rest is float64: momentum in
``SGD``, the powers of the betas, weight decay, and the initial accumulator.

Example:
    >>> rule = SGD()
    >>> w = np.array([1.0, -2.0])
    >>> state = rule.start(w)
    >>> w, state = rule.step(w, 2 * w, state, lr=0.25)
    >>> w
    array([ 0.5, -1. ])
    >>> RMSProp().eps, RMSProp(convention="keras").eps
    (1e-08, 1e-07)
"""

from lrlab.optimizers import sgd
from lrlab.optimizers.adam import Adam, AdamState, AdamW
from lrlab.optimizers.adaptive import (
    AdaDelta,
    AdaDeltaState,
    AdaGrad,
    AdaGradState,
    RMSProp,
    RMSPropState,
)
from lrlab.optimizers.base import RememberingRule, Rule, RuleState
from lrlab.optimizers.config import RULES, for_training, from_config, to_config
from lrlab.optimizers.sgd import SGD, Momentum, MomentumState

__all__ = [
    "RULES",
    "SGD",
    "AdaDelta",
    "AdaDeltaState",
    "AdaGrad",
    "AdaGradState",
    "Adam",
    "AdamState",
    "AdamW",
    "Momentum",
    "MomentumState",
    "RMSProp",
    "RMSPropState",
    "RememberingRule",
    "Rule",
    "RuleState",
    "for_training",
    "from_config",
    "sgd",
    "to_config",
]
