"""Plateau policies of both conventions, and the states and rates that metrics lead to."""

import itertools
import math

from hypothesis import strategies as st

from lrlab.plateau import PlateauState, ReduceOnPlateau

NAN, INF = math.nan, math.inf


def states(policy: ReduceOnPlateau, metrics: list[float]) -> list[PlateauState]:
    """The state before the first epoch and after each."""
    return list(itertools.accumulate(metrics, policy.update, initial=policy.start()))


def rates(policy: ReduceOnPlateau, metrics: list[float]) -> list[float]:
    """The rate of each epoch, and of the one after the last."""
    return [state.lr for state in states(policy, metrics)]


def keras(lr=1.0, **arguments) -> ReduceOnPlateau:
    return ReduceOnPlateau(lr, **{"factor": 0.5} | arguments)


def pytorch(lr=1.0, **arguments) -> ReduceOnPlateau:
    return keras(lr, **{"convention": "pytorch"} | arguments)


# Rates and factors are powers of two, so that both conventions compute without rounding.
policies = st.builds(
    lambda lr, floor, rise, convention, eps, **others: ReduceOnPlateau(
        2.0**lr,
        convention=convention,
        min_lr=floor * 2.0**lr,
        eps=eps if convention == "pytorch" else 1e-8,
        raise_after=rise and rise + others["patience"],  # at least P in both conventions
        raise_factor=rise and 4.0,
        **others,
    ),
    lr=st.integers(-8, 3),
    floor=st.sampled_from([0, 0.125, 0.3, 1]),
    rise=st.none() | st.integers(1, 6),
    convention=st.sampled_from(["keras", "pytorch"]),
    eps=st.sampled_from([0, 1e-8, 0.1]),
    factor=st.sampled_from([0.25, 0.5]),
    patience=st.integers(0, 3),
    mode=st.sampled_from(["min", "max"]),
    min_delta=st.sampled_from([0, 1e-4, 0.25]),
    cooldown=st.integers(0, 4),
)
metric_lists = st.lists(
    st.sampled_from([NAN, INF, -INF, 0.0, 0.5, 1.0, 1.5]) | st.floats(-2, 2), max_size=25
)
