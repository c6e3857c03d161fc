"""The records of a small study that nobody made, and an editor for them."""

import json

from lrlab import Constant, LinearDecay, Recipe
from lrlab.studies import Images, Run, Setting, Study, store
from tests.support.histories import follow_run

EPOCHS, STEPS = 3, 4
CURVES = ("lr", "train_loss", "test_loss", "test_accuracy", "seconds")
FASHION = Images(limit=STEPS * 128)
FALLING = LinearDecay(0.1, total_epochs=EPOCHS)


def make_run(label="fixed", schedule=None, seed=0, study="s", data=FASHION, **recipe):
    recipe = Recipe(schedule or Constant(0.1), **{"epochs": EPOCHS, **recipe})
    return Run(study, Setting(label, recipe, data=data), seed)


def save(run, results, data="fingerprint", factor=1.0):
    """The record of a run that nobody made; its rates are off by the factor."""
    history = follow_run(
        run, lambda t: factor * run.recipe.schedule(t),
        provenance={"device": "none", "data": data}, seconds=[0.123456] * run.recipe.epochs,
    )  # fmt: skip
    return store.save(run, history, results)


def edit(file, change):
    """Change the values of a record as somebody with an editor could."""
    values = json.loads(file.read_text())
    change(values)
    file.write_text(json.dumps(values))


STUDY = Study("s", "", [make_run().setting, make_run("b", Constant(0.2)).setting], seeds=[0, 1])


def save_all(results):
    return [save(run, results) for run in STUDY.runs()]
