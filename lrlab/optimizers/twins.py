"""Each optimizer's twin in PyTorch and in Keras: the class that makes the same steps."""

from __future__ import annotations

from typing import Any

from lrlab.optimizers.adam import Adam, AdamW
from lrlab.optimizers.adaptive import AdaDelta, AdaGrad, RMSProp
from lrlab.optimizers.base import Optimizer
from lrlab.optimizers.lion import Lion
from lrlab.optimizers.muon import Muon
from lrlab.optimizers.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from lrlab.optimizers.sgd import SGD, Momentum
from lrlab.utils import FRAMEWORKS, checks

_START = {"initial_accumulator": "initial_accumulator_value"}
_EPSILON = {"eps": "epsilon"}
_BETAS = {"beta1": "betas", "beta2": "betas"}  # one parameter in torch, a pair
_BETA = {"beta1": "beta_1", "beta2": "beta_2"}
_REST = {
    "rest.beta1": "adam_beta_1",
    "rest.beta2": "adam_beta_2",
    "rest.eps": "epsilon",
    "rest.weight_decay": "adam_weight_decay",
    **dict.fromkeys(
        [
            "rest.class",
            "rest.convention",
            "rest.amsgrad",
            "rest.bias_correction",
            "rest.decay_vectors",
        ],
        "",
    ),
}
_ALIKE = {"r": "", "weight_lr_power": ""}  # all steps weigh alike

#: The class in a framework, and the parameters that it calls otherwise; it lacks those named "".
#: Where torch has no such class, `lrlab.pytorch` has it.
TWINS: dict[type[Optimizer], dict[str, tuple[str, dict[str, str]]]] = {
    SGD: {"pytorch": ("SGD", {}), "keras": ("SGD", {})},
    Momentum: {"pytorch": ("SGD", {}), "keras": ("SGD", {"dampening": ""})},
    AdaGrad: {"pytorch": ("Adagrad", _START), "keras": ("Adagrad", _START | _EPSILON)},
    RMSProp: {"pytorch": ("RMSprop", {"rho": "alpha"}), "keras": ("RMSprop", _EPSILON)},
    AdaDelta: {"pytorch": ("Adadelta", {}), "keras": ("Adadelta", _EPSILON)},
    Adam: {"pytorch": ("Adam", _BETAS), "keras": ("Adam", _BETA | _EPSILON)},
    AdamW: {
        "pytorch": ("AdamW", _BETAS | {"decay_vectors": ""}),
        "keras": ("AdamW", _BETA | _EPSILON | {"decay_vectors": ""}),
    },
    ScheduleFreeSGD: {"pytorch": ("ScheduleFreeSGD", {})},
    ScheduleFreeAdamW: {
        "pytorch": ("ScheduleFreeAdamW", _BETAS),
        "keras": ("ScheduleFreeAdamW", _BETA | _EPSILON | _ALIKE),
    },
    Lion: {"pytorch": ("Lion", _BETAS), "keras": ("Lion", _BETA)},
    Muon: {
        "pytorch": (
            "Muon",
            {"scaling": "adjust_lr_fn", "rest_scale": "", **dict.fromkeys(_REST, "")},
        ),
        "keras": ("Muon", {"scaling": "", "rest_scale": "adam_lr_ratio", **_REST}),
    },
}


def twin(optimizer: Optimizer, framework: str) -> tuple[str, dict[str, Any]]:
    """Return the name of a framework's class that does what an optimizer does, and its arguments.

    Args:
        optimizer: An optimizer of this room.
        framework: ``"pytorch"`` or ``"keras"``; the optimizer has to be of this convention.

    Returns:
        The class name, in ``keras.optimizers``, or ``lrlab.pytorch`` or else ``torch.optim``, and
        all arguments but the rate, under the names that the framework has for them.

    Raises:
        ValueError: It is no such optimizer, belongs to the other framework, or is one that the
            framework lacks; or it leaves out the bias correction, which both frameworks always
            make.

    Example:
        >>> twin(RMSProp(rho=0.9), "pytorch")[0]
        'RMSprop'
        >>> twin(Adam(beta2=0.99), "pytorch")[1]["betas"]
        (0.9, 0.99)
        >>> twin(SGD(), "keras")
        ('SGD', {'weight_decay': 0.0})
    """
    checks.choice("framework", framework, tuple(FRAMEWORKS))
    if type(optimizer) not in TWINS:
        known = ", ".join(cls.__name__ for cls in TWINS)
        rule = f"optimizer must be one of lrlab.optimizers ({known})"
        raise ValueError(f"{rule}, received {checks.shown(optimizer)}")
    if framework not in TWINS[type(optimizer)]:
        rule = f"optimizer must be one that {FRAMEWORKS[framework].title} has"
        raise ValueError(f"{rule}, received {optimizer!r}")
    parameters = optimizer.to_config()
    if parameters.pop("convention", framework) != framework:
        rule = f"optimizer must be of convention {framework!r} here"
        raise ValueError(f"{rule}, received {optimizer!r}")
    if not parameters.pop("bias_correction", True):
        rule = "optimizer must have bias_correction, which no framework lets one leave out"
        raise ValueError(f"{rule}, received {optimizer!r}")
    del parameters["class"]
    class_name, names = TWINS[type(optimizer)][framework]
    if isinstance(rest := parameters.pop("rest", None), dict):
        parameters |= {f"rest.{name}": value for name, value in rest.items()}
    arguments: dict[str, Any] = {}
    for name, value in parameters.items():
        if theirs := names.get(name, name):
            arguments[theirs] = (arguments[theirs], value) if theirs in arguments else value
    return class_name, arguments
