"""Lines: a schedule and an optimizer keep theirs, and no two share one."""

import re
from contextlib import suppress

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from lrlab import Constant, CosineDecay, StepDecay, join, plots, schedules, warmup
from lrlab.optimizers import TWINS
from lrlab.plots.style import dark_shades, styled
from lrlab.schedules import Schedule, scale

pytestmark = pytest.mark.usefixtures("clean_plots")


def contrast_to_white(color) -> float:
    """The ratio of luminances, as the accessibility guidelines define it."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05)


def test_every_line_is_that_of_one_schedule():
    at_the_door = [thing for thing in vars(schedules).values() if isinstance(thing, type)]
    kinds = {kind.__name__ for kind in at_the_door if issubclass(kind, Schedule)}
    classes = kinds - {"Schedule", "Held", "Joined", "Scaled", "Warmup"} | {"other"}
    assert set(plots.LINES) <= classes  # a schedule without a line of its own is grey
    assert len(set(plots.LINES.values())) == len(plots.LINES)


def test_every_line_is_that_of_one_optimizer():
    names = {cls.__name__.replace("Momentum", "momentum") for cls in TWINS}
    assert names >= set(plots.OPTIMIZER_LINES)
    lines = list(plots.OPTIMIZER_LINES.values())
    for kind in ("linestyle", "marker"):  # in a curve without markers, and in points without lines
        assert len({(line["color"], line[kind]) for line in lines}) == len(lines)


def test_a_composition_takes_the_line_of_its_last_piece():
    cosine = CosineDecay(0.1, total_epochs=5)
    for composed in (warmup(cosine, 2), scale(cosine, 2), join([Constant(1), cosine], at=[3])):
        assert plots.line_of(composed) == plots.line_of(cosine)


def test_schedules_of_one_class_keep_the_colour_and_differ_in_style():
    steps = {str(g): StepDecay(1, gamma=g, step_epochs=1) for g in (0.5, 0.4, 0.3)}
    lines = plots.rates(steps, 3, title="").axes[0].lines
    assert len({line.get_color() for line in lines}) == 1
    assert len({line.get_linestyle() for line in lines}) == 3


def test_a_schedule_of_the_readers_own_is_grey():
    class Own(Schedule):
        def _rates(self, t):
            return t

    assert plots.line_of(Own())["color"] == "#777777"


@pytest.mark.parametrize("number", [1, 2, 3, 5, 8])
def test_dark_shades_can_be_told_from_white_and_from_one_another(number):
    lines = dark_shades(number)
    assert all(contrast_to_white(line["color"]) > 2 for line in lines)
    assert contrast_to_white(lines[-1]["color"]) > 3
    assert len({(line["color"], line["linestyle"]) for line in lines}) == number


def test_the_door_says_of_each_figure_whether_it_is_a_theme_or_a_cells_helper():
    themes, helpers = plots.__doc__.split("Themes")[1].split("The helpers")
    named = [re.findall(r"`(\w+)`", text.split("`LINES`")[0]) for text in (themes, helpers)]
    functions = sorted(set(plots.__all__) - {"LINES", "OPTIMIZER_LINES", "line_of"})
    assert sorted(named[0] + named[1]) == functions


FIGURES = {
    "lines": lambda: plots.rates({"c": CosineDecay(0.2, total_epochs=6)}, 6, title="Lines"),
    "bars on a log axis": lambda: plots.sensitivity(
        [0.1, 1], {"a": [[1, 4], [9, 9]]}, ylabel="loss", title="Bars", log=True
    ),
}


def pixels(figure):
    figure.canvas.draw()
    return np.array(figure.canvas.buffer_rgba())


@pytest.mark.parametrize("kind", FIGURES)
@pytest.mark.parametrize(
    "owners",
    ["dark_background", {"font.family": "serif", "xtick.color": "red", "legend.fontsize": 30}],
    ids=["dark", "of one's own"],
)
def test_a_style_of_the_readers_own_changes_no_figure(kind, owners):
    expected = pixels(FIGURES[kind]())
    with mpl.style.context(owners):
        before = dict(mpl.rcParams)
        figure = FIGURES[kind]()
        assert dict(mpl.rcParams) == before
        assert np.array_equal(pixels(figure), expected)


def test_what_a_first_figure_makes_interactive_stays_so_even_after_an_error():
    with mpl.rc_context({"interactive": False}):
        with suppress(ZeroDivisionError), styled():
            mpl.interactive(True)
            raise ZeroDivisionError
        assert mpl.is_interactive()
