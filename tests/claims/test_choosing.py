"""The numbers of chapter 12, computed once more from the files themselves."""

import json
from statistics import mean

import pytest

from lrlab.claims import CLAIMS
from lrlab.studies import folder

PROBLEMS = ("LeNet", "AlexNet", "decoder")
SEEDS = range(20, 25)


def score(problem, loss, accuracy):
    return loss / 0.02 if problem == "decoder" else 100 * (1 - accuracy)


def ends(problem, epochs, schedule, after=None):
    """Error or loss in margins, by seed: on test examples, or on held-out ones after a share."""
    found = {}
    for file in (folder() / f"which-{problem}-{epochs}").glob("*.json"):
        record = json.loads(file.read_text())
        if record["run"]["setting"]["label"].startswith(f"{schedule}, lr "):
            history = record["history"]
            assert history["stopped"] is None
            value = history["measured"]["test"]
            if after:
                at = int(after * epochs) - 1
                value = {"loss": history["test_loss"][at], "accuracy": history["test_accuracy"][at]}
            found[record["run"]["seed"]] = score(problem, **value)
    return found


def average(first, second, cells, half=1, after=None):
    pairs = [(ends(p, n, first, after), ends(p, n // half, second, after)) for p, n in cells]
    return {seed: mean(one[seed] - other[seed] for one, other in pairs) for seed in SEEDS}


NINE = [(problem, epochs) for problem in PROBLEMS for epochs in (4, 8, 16)]
LONGER = [(problem, epochs) for problem, epochs in NINE if epochs > 4]


@pytest.mark.parametrize(
    ("claim", "found"),
    [
        ("L12.2", lambda: average("constant", "linear", NINE)),
        ("L12.3", lambda: average("cosine", "linear", NINE)),
        ("L12.4", lambda: average("cosine", "trapezoid", NINE)),
        ("L12.6", lambda: average("steps", "one cycle", LONGER, half=2)),
    ],
)
def test_a_difference_is_the_mean_of_the_cells(claim, found):
    (trial,) = CLAIMS[claim].trials
    assert trial.effect().differences == pytest.approx(found())


def test_early_stops_are_averaged_too():
    (trial,) = CLAIMS["L12.5"].trials
    stops = [average("cosine", "restarts", NINE, after=part) for part in (0.25, 0.5, 0.75)]
    wanted = {seed: mean(stop[seed] for stop in stops) for seed in SEEDS}
    assert trial.effect().differences == pytest.approx(wanted)


def test_the_reference_of_a_cell_is_the_best_of_its_trials():
    (trial,) = CLAIMS["L12.1"].trials
    behind = []
    for problem, epochs in NINE:
        best = {}
        for file in (folder() / f"which-{problem}-{epochs}-choosing").glob("*.json"):
            record = json.loads(file.read_text())
            schedule = record["run"]["setting"]["label"].split(", lr ")[0]
            history = record["history"]
            if history["stopped"] is None:
                value = score(problem, history["test_loss"][-1], history["test_accuracy"][-1])
                best[schedule] = min(best.get(schedule, value), value)
        behind.append((problem, epochs, min(best, key=best.get)))
    wanted = {
        seed: mean(ends(p, n, best)[seed] - ends(p, n, "linear")[seed] for p, n, best in behind)
        for seed in SEEDS
    }
    assert trial.effect().differences == pytest.approx(wanted)
