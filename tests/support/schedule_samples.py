"""Every schedule of lrlab: what draws it, and a sample of it.

The strategies draw compositions of compositions, too. Durations come in two kinds. On a grid of
1/32 epoch, sums and differences of moments are exact, so that an oracle in exact arithmetic and the
code agree about which side of a boundary a moment lies on. Free durations are any floats, for the
properties that have to hold whatever the rounding.
"""

from __future__ import annotations

from hypothesis import strategies as st

from lrlab import schedules as s
from lrlab.schedules import Held, Joined, Scaled, Warmup, hold, join, scale, warmup
from tests.support.strategies import factors, free_durations, positive_rates, rates


def moments(durations: st.SearchStrategy, count: int) -> st.SearchStrategy:
    """Increasing moments."""
    distinct = st.lists(durations, min_size=count, max_size=count, unique_by=float)
    return distinct.map(sorted)


def simple_schedules(durations: st.SearchStrategy) -> dict[type, st.SearchStrategy]:
    """For each class the strategy that draws its schedules."""
    lr, final_lr = rates, rates
    return {
        s.Constant: st.builds(s.Constant, lr),
        s.StepDecay: st.builds(s.StepDecay, lr, gamma=factors, step_epochs=durations),
        s.MultiStepDecay: st.builds(
            s.MultiStepDecay,
            lr,
            gamma=factors,
            milestones=st.integers(1, 5).flatmap(lambda count: moments(durations, count)),
        ),
        s.ExponentialDecay: st.builds(s.ExponentialDecay, lr, gamma=factors),
        s.PolynomialDecay: st.builds(
            s.PolynomialDecay,
            lr,
            total_epochs=durations,
            power=st.floats(0.1, 8),
            final_lr=final_lr,
        ),
        s.LinearDecay: st.builds(s.LinearDecay, lr, total_epochs=durations, final_lr=final_lr),
        s.CosineDecay: st.builds(s.CosineDecay, lr, total_epochs=durations, final_lr=final_lr),
        s.CyclicCosine: st.builds(
            s.CyclicCosine,
            lr,
            cycle_epochs=durations,
            cycle_mult=st.sampled_from([1, 1.25, 1.5, 2, 3]),
            final_lr=final_lr,
        ),
        s.Geometric: st.builds(
            s.Geometric, positive_rates, total_epochs=durations, final_lr=positive_rates
        ),
        s.InverseTimeDecay: st.builds(
            s.InverseTimeDecay,
            lr,
            rate=st.just(0) | st.floats(1e-3, 100),
            power=st.floats(0.1, 8),
            final_lr=final_lr,
        ),
        s.InverseSqrtDecay: st.builds(
            s.InverseSqrtDecay, lr, timescale_epochs=durations, final_lr=final_lr
        ),
        s.Triangular: st.builds(
            s.Triangular,
            lr,
            max_lr=rates,
            up_epochs=durations,
            down_epochs=st.none() | durations,
            cycle_gamma=factors,
            gamma=factors,
        ),
        s.Recurrence: st.builds(s.Recurrence, st.floats(0, 3), rule=st.just("sin"))
        | st.builds(
            s.Recurrence,
            st.floats(0, 0.99) | st.just(1.0),  # a rounded rate next to 1 may never fall
            rule=st.just("power"),
            exponent=st.floats(1, 2),
        ),
        s.OneCycle: st.builds(
            s.OneCycle,
            lr,
            total_epochs=durations,
            warmup_fraction=st.floats(0.05, 0.95),
            initial_div=st.floats(1, 100),
            final_div=st.floats(1, 1e5),
            shape=st.sampled_from(["cosine", "linear"]),
        )
        | st.builds(
            s.OneCycle,
            lr,
            total_epochs=durations,
            warmup_fraction=st.floats(0.05, 0.45),
            initial_div=st.floats(1, 100),
            shape=st.sampled_from(["cosine", "linear"]),
            three_phase=st.just(True),
        ),
        s.WarmupStableDecay: st.builds(
            s.WarmupStableDecay,
            lr,
            warmup_epochs=durations,
            stable_epochs=durations,
            decay_epochs=durations,
            final_lr=final_lr,
            shape=st.sampled_from(["linear", "1-sqrt"]),
        ),
    }


def any_schedule(
    durations: st.SearchStrategy = free_durations, without: tuple[type, ...] = ()
) -> st.SearchStrategy:
    """Any schedule: of one of the classes, or composed in every way, several levels deep."""
    simple = [one for cls, one in simple_schedules(durations).items() if cls not in without]

    clocks = st.sampled_from(["own", "common"])

    def composed(inner: st.SearchStrategy) -> st.SearchStrategy:
        joined = st.integers(2, 3).flatmap(
            lambda count: st.builds(
                join,
                st.lists(inner, min_size=count, max_size=count),
                at=moments(durations, count - 1),
                clock=clocks,
            )
        )
        powers = st.just(1.0) | st.floats(0.1, 8)
        warmed_up = st.builds(warmup, inner, durations, begin_lr=rates, power=powers, clock=clocks)
        scaled = st.builds(scale, inner, st.floats(0.1, 10) | inner)
        return joined | warmed_up | scaled | st.builds(hold, inner, durations)

    return st.recursive(st.one_of(simple), composed, max_leaves=4)


# One schedule of each class as class: {parameter: (its value, another value)}. The first parameter
# is the one that may be given by position.
_NAP = s.Constant(0.1)
_STEPS = s.StepDecay(0.5, gamma=0.5, step_epochs=2)
SAMPLES = {
    s.Constant: {"lr": (0.1, 0.2)},
    s.StepDecay: {"lr": (0.1, 0.2), "gamma": (0.5, 0.25), "step_epochs": (3, 4)},
    s.MultiStepDecay: {"lr": (0.1, 0.2), "gamma": (0.5, 0.25), "milestones": ((2, 5), (2, 6))},
    s.ExponentialDecay: {"lr": (0.1, 0.2), "gamma": (0.9, 0.8)},
    s.PolynomialDecay: {
        "lr": (0.1, 0.2),
        "total_epochs": (8, 9),
        "power": (2, 3),
        "final_lr": (0.01, 0.02),
    },
    s.LinearDecay: {"lr": (0.1, 0.2), "total_epochs": (8, 9), "final_lr": (0.01, 0.02)},
    s.CosineDecay: {"lr": (0.1, 0.2), "total_epochs": (8, 9), "final_lr": (0.01, 0.02)},
    s.CyclicCosine: {
        "lr": (0.1, 0.2),
        "cycle_epochs": (2, 2.5),
        "cycle_mult": (1, 2),
        "final_lr": (0.01, 0.02),
    },
    s.Geometric: {"lr": (0.1, 0.2), "total_epochs": (8, 9), "final_lr": (0.01, 0.02)},
    s.InverseTimeDecay: {
        "lr": (0.1, 0.2),
        "rate": (0.5, 1),
        "power": (1, 2),
        "final_lr": (0.01, 0.02),
    },
    s.InverseSqrtDecay: {
        "lr": (0.1, 0.2),
        "timescale_epochs": (1, 2),
        "final_lr": (0.01, 0.02),
    },
    s.Triangular: {
        "lr": (0.1, 0.2),
        "max_lr": (0.5, 0.6),
        "up_epochs": (2, 3),
        "down_epochs": (None, 1),
        "cycle_gamma": (1, 0.5),
        "gamma": (1, 0.9),
    },
    s.Recurrence: {"lr": (0.1, 0.2), "rule": ("power", "sin"), "exponent": (1.0001, 1.01)},
    s.OneCycle: {
        "max_lr": (0.1, 0.2),
        "total_epochs": (8, 9),
        "warmup_fraction": (0.25, 0.5),
        "initial_div": (25, 10),
        "final_div": (1e4, 10),
        "shape": ("cosine", "linear"),
        "three_phase": (False, True),
    },
    s.WarmupStableDecay: {
        "lr": (0.1, 0.2),
        "warmup_epochs": (2, 3),
        "stable_epochs": (3, 4),
        "decay_epochs": (3, 4),
        "final_lr": (0.01, 0.02),
        "shape": ("linear", "1-sqrt"),
    },
    Warmup: {
        "schedule": (_STEPS, _NAP),
        "epochs": (3, 2.5),
        "begin_lr": (0.01, 0.02),
        "power": (1, 2),
        "clock": ("own", "common"),
    },
    Joined: {
        "schedules": ((_NAP, _STEPS), (_STEPS, _NAP)),
        "at": ((3,), (4,)),
        "clock": ("own", "common"),
    },
    Scaled: {"schedule": (_STEPS, _NAP), "factor": (2, _STEPS)},
    Held: {
        "schedule": (s.LinearDecay(0.5, total_epochs=8), _NAP),
        "step_epochs": (3, 2.5),
    },
}


def sample(cls: type, **changes: object) -> s.Schedule:
    """The schedule of SAMPLES of that class, with some parameters changed."""
    first, *others = ({name: values[0] for name, values in SAMPLES[cls].items()} | changes).items()
    return cls(first[1], **dict(others))
