"""Every optimizer with two values for each parameter, and its path under given gradients."""

import numpy as np

from lrlab.optimizers import (
    SGD,
    TWINS,
    AdaDelta,
    AdaGrad,
    Adam,
    AdamW,
    Lion,
    Momentum,
    Muon,
    RMSProp,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
)

CONVENTIONS = ("pytorch", "keras")
# For every parameter of every optimizer, two values that lead elsewhere.
CONVENTION = {"convention": CONVENTIONS}
DECAY = {"weight_decay": (0.1, 0.2)}
ADAM = {
    "beta1": (0.9, 0.8),
    "beta2": (0.99, 0.9),
    "eps": (0.01, 0.02),
    "amsgrad": (False, True),
    "bias_correction": (True, False),
}
AVERAGE = {"r": (0.0, 0.5), "weight_lr_power": (0.0, 3.0)}
WITHOUT_CONVENTION = (SGD, ScheduleFreeSGD, Lion)  # the same in both frameworks, or in one alone
NOT_IN_KERAS = {"dampening", "scaling", *AVERAGE}
SAMPLES = {
    SGD: {},
    Momentum: {"momentum": (0.9, 0.8), "dampening": (0.0, 0.5), "nesterov": (False, True)},
    AdaGrad: {"eps": (0.01, 0.02), "initial_accumulator": (0.1, 0.2)},
    RMSProp: {
        "rho": (0.9, 0.8),
        "eps": (0.01, 0.02),
        "momentum": (0.5, 0.6),
        "centered": (False, True),
    },
    AdaDelta: {"rho": (0.9, 0.8), "eps": (0.01, 0.02)},
    Adam: ADAM,
    AdamW: ADAM,
    ScheduleFreeSGD: {"momentum": (0.9, 0.8)} | AVERAGE,
    ScheduleFreeAdamW: {"beta1": (0.9, 0.8), "beta2": (0.99, 0.9), "eps": (0.01, 0.02)} | AVERAGE,
    Lion: {"beta1": (0.9, 0.8), "beta2": (0.99, 0.9)},
    Muon: {  # but for its rest, which is tested with it
        "momentum": (0.95, 0.8),
        "nesterov": (True, False),
        "ns_steps": (5, 3),
        "scaling": ("original", "match_rms_adamw"),
        "rest_scale": (0.75, 0.5),
    },
}
SAMPLES = {
    cls: options | DECAY | ({} if cls in WITHOUT_CONVENTION else CONVENTION)
    for cls, options in SAMPLES.items()
}
# One of each whose parameters show in what a few steps do to a network, but for Muon, which does to
# some weights what its rest does.
TELLING = {
    SGD: {"weight_decay": 0.1},
    Momentum: {"momentum": 0.5, "nesterov": True},
    AdaGrad: {"initial_accumulator": 0.01},
    RMSProp: {"rho": 0.8, "centered": True, "momentum": 0.5},
    AdaDelta: {"rho": 0.8, "eps": 0.01},
    Adam: {"beta2": 0.9, "amsgrad": True},
    AdamW: {"weight_decay": 0.5},
    ScheduleFreeSGD: {"momentum": 0.5, "weight_decay": 0.1},
    ScheduleFreeAdamW: {"beta1": 0.8, "beta2": 0.9, "weight_decay": 0.1},
    Lion: {"beta2": 0.9, "weight_decay": 0.1},
}
GRADS = np.random.default_rng(5).normal(0.5, 1, (20, 2, 3))
LRS = np.linspace(0.2, 0.01, 20)
W = np.full((2, 3), 2.0)
WITH_CONVENTION = [cls for cls in SAMPLES if cls not in WITHOUT_CONVENTION]


def sample(cls, **changes):
    return cls(**({name: values[0] for name, values in SAMPLES[cls].items()} | changes))


def telling(convention):
    """Each optimizer of `TELLING`, of that convention."""
    for cls, options in TELLING.items():
        if convention in TWINS[cls]:
            own = {} if cls in WITHOUT_CONVENTION else {"convention": convention}
            yield cls(**options, **own)


def variants(*classes):
    """Each optimizer as it is by default, and with each parameter changed, in both conventions."""
    for cls in classes:
        for convention in CONVENTIONS if cls not in WITHOUT_CONVENTION else [None]:
            own = {"convention": convention} if convention else {}
            yield cls(**own)
            for name, (_, value) in SAMPLES[cls].items():
                if name != "convention" and (convention != "keras" or name not in NOT_IN_KERAS):
                    yield cls(**own, **{name: value})


def follow(optimizer, w, grads, lrs):
    """The path under given gradients, of shape (steps + 1, ...), and the last state."""
    path, state = [np.asarray(w, dtype=float)], optimizer.start(w)
    for grad, lr in zip(grads, lrs, strict=True):
        w, state = optimizer.step(path[-1], grad, state, lr)
        path.append(w)
    return np.array(path), state
