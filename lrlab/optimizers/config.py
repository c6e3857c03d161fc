"""Update rules as plain values, for records, and which of them a framework can train with.

Example:
    >>> from lrlab.optimizers import AdaGrad
    >>> to_config(AdaGrad())
    {'class': 'AdaGrad', 'eps': 1e-10, 'initial_accumulator': 0.0, 'weight_decay': 0.0, \
'convention': 'pytorch'}
    >>> from_config(to_config(AdaGrad())) == AdaGrad()
    True
"""

from __future__ import annotations

from typing import Any

from lrlab.optimizers.adam import Adam, AdamW
from lrlab.optimizers.adaptive import AdaDelta, AdaGrad, RMSProp
from lrlab.optimizers.base import CONVENTIONS, Rule
from lrlab.optimizers.sgd import SGD, Momentum
from lrlab.utils import checks

RULES = {cls.__name__: cls for cls in (SGD, Momentum, AdaGrad, RMSProp, AdaDelta, Adam, AdamW)}


def to_config(rule: Rule) -> dict[str, Any]:
    """Return the class name and every parameter of a rule as a plain dict that JSON can hold.

    Raises:
        ValueError: It is no rule of `lrlab.optimizers`.
    """
    if type(rule) not in RULES.values():
        raise ValueError(f"optimizer must be a rule of lrlab.updates, received {rule!r}")
    return {"class": type(rule).__name__, **vars(rule)}


def from_config(config: dict[str, Any]) -> Rule:
    """Rebuild the rule that `to_config` described.

    Raises:
        ValueError: The config names no known rule or does not fit its parameters.
    """
    if not isinstance(config, dict):
        raise ValueError(f"config must be a dict as to_config() gives it, received {config!r}")
    parameters = dict(config)
    name = parameters.pop("class", None)
    if name not in RULES:
        raise ValueError(f"config must name a rule out of {', '.join(RULES)}, received {name!r}")
    try:
        return RULES[name](**parameters)
    except TypeError as error:
        raise ValueError(f"config does not fit {name}: {error}") from error


def for_training(rule: Rule, framework: str, *, momentum: float = 0.0) -> dict[str, Any]:
    """Return the config of a rule that a framework can train with.

    Args:
        rule: A rule of `lrlab.optimizers`.
        framework: ``"pytorch"`` or ``"keras"``; the rule has to be of this convention.
        momentum: The momentum asked for beside the rule, which has to be 0: a rule brings its own.

    Raises:
        ValueError: It is no such rule, or belongs to the other framework; no framework has Adam
            without its correction; or there is a momentum besides.

    Example:
        >>> for_training(SGD(), "keras")
        {'class': 'SGD', 'weight_decay': 0.0}
    """
    checks.choice("framework", framework, CONVENTIONS)
    config = to_config(rule)
    if config.get("convention", framework) != framework:
        text = f"optimizer must be of convention {framework!r} here"
        raise ValueError(f"{text}, received {rule!r}")
    if not config.get("bias_correction", True):
        text = "optimizer must have bias_correction, which no framework lets one leave out"
        raise ValueError(f"{text}, received {rule!r}")
    if momentum:
        text = "momentum must be 0 beside an optimizer, which brings its own"
        raise ValueError(f"{text}, received {momentum!r}")
    return config
