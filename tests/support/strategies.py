"""What tests draw from with Hypothesis: rates, factors, durations and moments."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

GRID = 32

rates = st.just(0.0) | st.floats(1e-6, 10)
positive_rates = st.floats(1e-6, 10)
factors = st.just(1.0) | st.floats(0.01, 1)
grid_durations = st.integers(1, 20 * GRID).map(lambda k: k / GRID)
grid_times = st.integers(0, 60 * GRID).map(lambda k: k / GRID)
free_durations = st.floats(0.05, 20) | st.integers(1, 20)
free_times = st.floats(0, 60) | st.integers(0, 60)


def examples(count: int) -> settings:
    """So many examples, the same ones in every run, however long each takes."""
    return settings(max_examples=count, deadline=None, derandomize=True)
