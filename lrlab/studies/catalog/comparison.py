"""Which schedule: all schedules of the book on three problems and at three budgets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lrlab.studies.catalog.problems import PROBLEMS, SCHEDULES, final
from lrlab.studies.study import Study

BUDGETS = (4, 8, 16)  # epochs
CHOOSING_SEEDS = (10,)
FINAL_SEEDS = (20, 21, 22, 23, 24)
DECIDES = (
    "Every schedule gets the same trials: the seven rates of the grid, a run each (seed 10), and "
    "one further rate, by a factor of 3, where the choice falls on an end. Chosen is the rate "
    "that is best on the held-out examples after the last epoch: by accuracy for LeNet and "
    "AlexNet, by loss for the decoder. The reference of a cell, that is of a problem at a budget,"
    " is the schedule that is best at its chosen rate in these trials. Then every schedule is run"
    " at its chosen rate with five fresh seeds, 20 to 24, and looks at the test examples once, "
    "after the last epoch: accuracy in points, or loss in nats. Each schedule less the reference "
    "of its cell, paired by seed, has a 95 % interval and Holm's for the eleven of the cell; the "
    "margin is 1 point, or 0.02 nats. A schedule loses a cell if the second interval lies on the "
    "worse side of 0; if not, it is as good there if that lies on the better side of the margin "
    "below the reference, and the cell is open if neither. Over the nine cells, how far each is "
    "behind the reference is told in units of the margin, the mean of the cells for each seed, "
    "with a 95 % interval over the seeds. A rate wrong by 3 or by 10, and a run stopped after 25,"
    " 50 or 75 % of its epochs, are told from the trials and from the curves on held-out "
    "examples; they decide nothing."
)
#: What the chapter on transformers asks of one cell, written before its fresh seeds.
DECIDES_DECODER = (
    " In the chapter on transformers, of the decoder after 8 epochs, with the test loss at the "
    "chosen rates: a schedule pays if constant less linear lies above the margin; linear is better "
    "than the cosine if cosine less linear lies above it; 0 is better than a tenth as the last "
    "rate if linear to a tenth less linear lies above it; and the trapezoid is as good as the "
    "cosine if cosine less trapezoid lies above minus the margin. L11.16, L11.17, L11.18, L11.19."
)


def name(problem: str, epochs: int) -> str:
    """Return the name of the study of a cell's fresh seeds."""
    return f"which-{problem}-{epochs}"


def name_of_trials(problem: str, epochs: int) -> str:
    """Return the name of the study of a cell's trials."""
    return f"{name(problem, epochs)}-choosing"


def _rates(usual: float, others: Mapping[str, float] = {}) -> Mapping[str, float]:
    """The usual rate for every schedule but some."""
    return {schedule: others.get(schedule, usual) for schedule in SCHEDULES}


#: What the chapter on choosing a schedule asks of all cells, written when the trials of eight cells
#: and the fresh seeds of one, the decoder after 8 epochs, were known.
DECIDES_CHAPTER = (
    " In the chapter on choosing a schedule, in units of the margin, the mean of the nine cells "
    "for each of the five seeds: linear is enough if it lies less than 1 behind the reference, "
    "L12.1; a decay pays if constant less linear lies above 1, L12.2; linear is better than the "
    "cosine if cosine less linear lies above 1, L12.3; the trapezoid is as good as the cosine "
    "if cosine less trapezoid lies above -1, L12.4; restarts are the better ones to stop early "
    "if on held-out examples cosine less restarts, the mean over 25, 50 and 75 % of the epochs, "
    "lies above 1, L12.5. And one cycle needs half the epochs of steps if, as the mean over the "
    "problems of 4 against 8 and of 8 against 16 epochs, one cycle less steps of twice the "
    "epochs lies below 1, L12.6."
)


#: The peak rates that the trials choose, for each cell by schedule; a test chooses them anew.
CHOSEN: Mapping[tuple[str, int], Mapping[str, float]] = {
    ("LeNet", 4): _rates(0.1),
    ("LeNet", 8): _rates(0.1, {"constant": 0.03, "plateau": 0.03}),
    ("LeNet", 16): _rates(0.1, dict.fromkeys(("constant", "plateau", "cosine", "trapezoid"), 0.03)),
    ("AlexNet", 4): _rates(0.03, {"exponential": 0.1, "one cycle": 0.1}),
    ("AlexNet", 8): _rates(0.03, {"polynomial": 0.1, "cosine": 0.1, "one cycle": 0.1}),
    ("AlexNet", 16): _rates(
        0.1,
        dict.fromkeys(
            ("constant", "inverse root", "linear to a tenth", "cosine", "one cycle"), 0.3
        ),
    ),
    ("decoder", 4): _rates(0.01, {"constant": 0.003, "plateau": 0.003}),
    ("decoder", 8): _rates(0.01, {"constant": 0.003, "plateau": 0.003, "trapezoid": 0.003}),
    ("decoder", 16): _rates(
        0.01,
        dict.fromkeys(
            ("constant", "plateau", "steps", "inverse root", "linear to a tenth", "trapezoid"),
            0.003,
        ),
    ),
}


def studies() -> Iterable[Study]:
    """For each problem and budget the trials of each schedule, and it at its chosen rate."""
    for problem, chosen in PROBLEMS.items():
        for epochs in BUDGETS:
            settings = tuple(
                chosen.way(way, lr, epochs) for way in SCHEDULES for lr in chosen.rates
            )
            text = f"{epochs} epochs of {problem}: twelve schedules at seven peak rates, to choose"
            yield Study(
                name_of_trials(problem, epochs),
                text,
                settings,
                seeds=CHOOSING_SEEDS,
                decides=DECIDES,
            )
    for (problem, epochs), rates in CHOSEN.items():
        settings = tuple(final(PROBLEMS[problem].way(way, lr, epochs)) for way, lr in rates.items())
        text = f"{epochs} epochs of {problem}: twelve schedules at the rates that were chosen"
        decides = DECIDES + DECIDES_DECODER * ((problem, epochs) == ("decoder", 8))
        decides += DECIDES_CHAPTER
        yield Study(name(problem, epochs), text, settings, seeds=FINAL_SEEDS, decides=decides)
