"""Every optimizer with two values for each parameter, and its path under given gradients."""

import numpy as np

from lrlab.optimizers import SGD, AdaDelta, AdaGrad, Adam, AdamW, Momentum, RMSProp

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
SAMPLES = {
    SGD: DECAY,
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
}
SAMPLES = {
    cls: options | (DECAY | CONVENTION if cls is not SGD else {})
    for cls, options in SAMPLES.items()
}
# One of each whose parameters show in what a few steps do to a network.
TELLING = {
    SGD: {"weight_decay": 0.1},
    Momentum: {"momentum": 0.5, "nesterov": True},
    AdaGrad: {"initial_accumulator": 0.01},
    RMSProp: {"rho": 0.8, "centered": True, "momentum": 0.5},
    AdaDelta: {"rho": 0.8, "eps": 0.01},
    Adam: {"beta2": 0.9, "amsgrad": True},
    AdamW: {"weight_decay": 0.5},
}
GRADS = np.random.default_rng(5).normal(0.5, 1, (20, 2, 3))
LRS = np.linspace(0.2, 0.01, 20)
W = np.full((2, 3), 2.0)
REMEMBERING = [cls for cls in SAMPLES if cls is not SGD]


def sample(cls, **changes):
    return cls(**({name: values[0] for name, values in SAMPLES[cls].items()} | changes))


def telling(convention):
    """Each optimizer of `TELLING`, of that convention."""
    for cls, options in TELLING.items():
        yield cls(**options) if cls is SGD else cls(**options, convention=convention)


def variants(*classes):
    """Each optimizer as it is by default, and with each parameter changed, in both conventions."""
    for cls in classes:
        for convention in CONVENTIONS if cls is not SGD else [None]:
            own = {} if cls is SGD else {"convention": convention}
            yield cls(**own)
            for name, (_, value) in SAMPLES[cls].items():
                if name != "convention" and (convention, name) != ("keras", "dampening"):
                    yield cls(**own, **{name: value})


def follow(optimizer, w, grads, lrs):
    """The path under given gradients, of shape (steps + 1, ...), and the last state."""
    path, state = [np.asarray(w, dtype=float)], optimizer.start(w)
    for grad, lr in zip(grads, lrs, strict=True):
        w, state = optimizer.step(path[-1], grad, state, lr)
        path.append(w)
    return np.array(path), state
