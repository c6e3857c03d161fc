"""The figures of plateau policies: what is drawn is what the policy does."""

import math
from itertools import accumulate, pairwise

import numpy as np
import pytest

from lrlab import plots
from lrlab.plateau import ReduceOnPlateau, expected_cuts

pytestmark = pytest.mark.usefixtures("clean_plots")

POLICY = ReduceOnPlateau(0.5, convention="pytorch", factor=0.5, patience=1, cooldown=1, min_delta=0)
METRICS = [1.0, 0.8, 0.9, 0.85, 0.85, 0.7, 0.75, 0.72]
CUT = "#D55E00"


def words(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


def arrows(figure) -> list[tuple]:
    """Tail and head of each arrow."""
    notes = [text for text in figure.axes[0].texts if getattr(text, "arrow_patch", None)]
    return [(note.xyann, note.xy) for note in notes]


def places(figure) -> dict[str, tuple[float, float]]:
    return {text.get_text(): text.get_position() for text in figure.axes[0].texts}


def test_state_machine_says_what_the_policy_does():
    figure = plots.state_machine(POLICY, title="Two")
    assert figure.axes[0].get_title(loc="left") == "Two"
    shown = words(figure)
    assert {"watching", "cooling down", "after 1 epoch", "bad epoch:\nwait + 1"} <= set(shown)
    assert "2nd bad epoch in a row:\ncut, rate × 0.5" in shown
    assert "good epoch:\nnew best, wait = 0" in shown
    assert "good epoch: new best\nbad epoch: not counted" in shown


def test_state_machine_counts_as_the_convention_does():
    policy = ReduceOnPlateau(0.5, factor=0.1, patience=3, cooldown=4)
    shown = words(plots.state_machine(policy, title=""))
    assert "3rd bad epoch in a row:\ncut, rate × 0.1" in shown
    assert "after 3 epochs" in shown


def test_state_machine_leads_from_watching_to_cooling_down_and_back():
    figure = plots.state_machine(POLICY, title="")
    place = places(figure)
    left, right = place["watching"], place["cooling down"]
    assert left[0] < right[0]
    straight = [ends for ends in arrows(figure) if abs(ends[0][0] - ends[1][0]) > 0.2]
    (there, back) = straight
    for tail, head in straight:
        assert tail[1] == head[1]
        assert left[0] < min(tail[0], head[0]) < max(tail[0], head[0]) < right[0]
    assert there[0][0] < there[1][0]
    assert back[0][0] > back[1][0]
    # The words of an arrow lie on its side of the other.
    (cut,) = (y for text, (_, y) in place.items() if "cut, rate" in text)
    assert cut > there[0][1] > back[0][1] > place["after 1 epoch"][1]
    loops = [ends for ends in arrows(figure) if ends not in straight]
    centres = sorted(((tail[0] + head[0]) / 2, tail[1] > 0.5) for tail, head in loops)
    assert centres == [(left[0], False), (left[0], True), (right[0], False)]


def test_state_machine_has_one_state_without_cooldown():
    figure = plots.state_machine(ReduceOnPlateau(0.5, patience=1), title="")
    shown = words(figure)
    assert not any("cooling" in text or "after" in text for text in shown)
    assert "bad epoch: wait + 1\n1st bad epoch in a row:\ncut, rate × 0.1, wait = 0" in shown
    assert len(arrows(figure)) == 2
    assert places(figure)["watching"] == (0.5, 0.5)


@pytest.mark.parametrize(
    ("patience", "ordinal"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"),
     (21, "21st"), (112, "112th")],
)  # fmt: skip
def test_ordinals(patience: int, ordinal: str):
    shown = words(plots.state_machine(ReduceOnPlateau(1.0, patience=patience), title=""))
    assert any(f"\n{ordinal} bad epoch" in text for text in shown)


def drawn(figure) -> dict[str, dict[float, float]]:
    """For each kind of epoch the metrics drawn, by the time of the dot."""
    lines = [line for line in figure.axes[0].lines if not line.get_label().startswith("_")]
    points = {line.get_label(): line.get_xydata().tolist() for line in lines}
    return {name: {t: m for t, m in xy if not math.isnan(m)} for name, xy in points.items()}


def test_watched_marks_each_epoch_by_what_it_was():
    figure = plots.watched(POLICY, METRICS, title="Eight")
    assert drawn(figure) == {
        "good": {1: 1.0, 2: 0.8, 6: 0.7},
        "bad": {3: 0.9, 4: 0.85, 7: 0.75, 8: 0.72},
        "not counted": {5: 0.85},
    }
    above, below = figure.axes
    assert above.get_title(loc="left") == "Eight"
    assert below.get_yscale() == "log"
    assert below.get_ylabel() == "learning rate"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "best so far",
        *drawn(figure),
    ]


def test_watched_draws_the_rate_until_after_the_last_epoch():
    figure = plots.watched(POLICY, METRICS, title="")
    stairs = figure.axes[1].patches[0].get_data()
    assert stairs.values.tolist() == [0.5] * 4 + [0.25] * 4 + [0.125]
    assert stairs.edges.tolist() == list(range(10))
    best = figure.axes[0].patches[0].get_data()
    assert best.values.tolist() == [1.0, 0.8, 0.8, 0.8, 0.8, 0.7, 0.7, 0.7]
    assert best.edges.tolist() == list(range(1, 10))


def test_watched_marks_every_change_of_the_rate_in_both_panels():
    policy = ReduceOnPlateau(0.5, factor=0.5, patience=1, raise_after=3, raise_factor=4)
    metrics = [1.0] * 9
    figure = plots.watched(policy, metrics, title="")
    states = list(accumulate(metrics, policy.update, initial=policy.start()))
    changes = [t for t, (a, b) in enumerate(pairwise(states), 1) if a.lr != b.lr]
    assert any(b.lr > a.lr for a, b in pairwise(states)), "the rate never rises"
    for axes in figure.axes:
        marks = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"]
        assert marks == changes
    assert [line.get_color() for line in figure.axes[1].lines] == [CUT] * len(changes)


def test_watched_leaves_gaps_where_a_metric_is_not_finite():
    figure = plots.watched(POLICY, [math.nan, 1.0, math.inf, 0.5], title="")
    assert drawn(figure) == {"good": {2: 1.0, 4: 0.5}, "bad": {}}
    best = figure.axes[0].patches[0].get_data().values
    assert best == pytest.approx([np.nan, 1, 1, 0.5], nan_ok=True)


def test_watched_draws_no_best_before_there_is_one():
    policy = ReduceOnPlateau(0.5)
    assert policy.start().best is None
    figure = plots.watched(policy, [2.0, 1.0], title="")
    assert figure.axes[0].patches[0].get_data().values.tolist() == [2.0, 1.0]


def test_noise_cuts_draws_the_formula_and_what_was_simulated():
    simulated = {0: {1: 26.1, 3: 7.7}, 0.5: {1: 15.1, 3: 2.1}}
    figure = plots.noise_cuts(simulated, 30, title="Noise")
    (axes,) = figure.axes
    assert (axes.get_title(loc="left"), axes.get_yscale()) == ("Noise", "log")
    _, *drawn = axes.lines
    for trend, formula, dots in zip(simulated, drawn[::2], drawn[1::2], strict=True):
        assert list(formula.get_xdata()) == list(dots.get_xdata()) == [1, 3]
        assert list(formula.get_ydata()) == [expected_cuts(30, wait, trend) for wait in (1, 3)]
        assert list(dots.get_ydata()) == list(simulated[trend].values())
        assert formula.get_color() == dots.get_color()
    assert [line.get_label() for line in drawn[::2]] == ["trend 0", "trend 0.5"]
    assert drawn[0].get_color() != drawn[2].get_color()
