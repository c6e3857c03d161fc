"""Rewrite the records of book/results from format 1 to format 2, once, and prove each one equal.

    python -m tools.records_to_format_2

In format 1 a record's ``config`` merged the configurations of the run and of its training. In
format 2 the run is one value of `lrlab.studies`, with its recipe. For every record three things are
compared: what the old config says with what the new run says, key by key; the old lists with
those that are read back; and the run that is read back with the one of the catalogue.
"""

import json

from lrlab.optimizers import SGD, Momentum
from lrlab.studies import STUDIES, find, folder
from lrlab.studies.store import path, read, save
from lrlab.studies.study import Run
from lrlab.training import History

LISTS = ("lr", "train_loss", "test_loss", "test_accuracy", "seconds", "lr_changes")


def as_before(run: Run, train_images: int) -> dict:
    """The config that format 1 had for a run."""
    recipe, setting = run.recipe, run.setting
    plain = isinstance(recipe.optimizer, SGD) or (
        recipe.optimizer == Momentum(momentum=getattr(recipe.optimizer, "momentum", 0.0))
        and not (run.study.startswith("optimizer-"))
    )
    config = {
        "model": setting.network.name,
        "dataset": setting.data.name,
        "train_images": train_images,
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "steps_per_epoch": recipe.steps_per_epoch(train_images),
        "schedule": recipe.schedule.to_config(),
        "per": recipe.per,
        "momentum": getattr(recipe.optimizer, "momentum", 0.0) if plain else 0.0,
        "optimizer": "sgd" if plain else recipe.optimizer.to_config(),
        "seed": run.seed,
        "study": run.study,
        "label": setting.label,
        "init": setting.network.init,
        "limit": setting.data.limit,
    }
    younger = {
        "width": (setting.network.width, 1.0),
        "clip_norm": (recipe.clip_norm, None),
        "snapshots": (setting.snapshots.number if setting.snapshots else 0, 0),
        "fresh": (setting.snapshots.fresh if setting.snapshots else False, False),
        "validation": (setting.data.held_out, 0),
    }
    return config | {name: value for name, (value, neutral) in younger.items() if value != neutral}


def convert(run: Run) -> None:
    """Rewrite the record of a run, after comparing it with what was read back."""
    file = path(run)
    text = file.read_text(encoding="utf-8")
    old = json.loads(text)
    config = old["config"]
    expected = as_before(run, config["train_images"])
    if config.get("width") == 1.0:
        del config["width"]
    # Parts that start afresh were fitted one by one, so their config had the length of a part.
    assert config == expected, (file, config, expected)
    history = History(
        run.recipe, config["model"], config["dataset"], config["train_images"], old["provenance"]
    )
    for name in (*LISTS, "stopped", "thinned", "measured"):
        setattr(history, name, old.get(name, getattr(history, name)))
    decoded = History.from_dict(history.to_dict())
    save(run, decoded)
    again = read(run)
    for name in (*LISTS, "stopped", "thinned", "measured", "provenance"):
        was = old.get(name, getattr(history, name))
        now = json.loads(json.dumps(again.to_dict()[name]))
        assert now == was, (file, name, was, now)
    assert again.recipe == run.recipe


def main() -> None:
    """Convert every record that the catalogue knows, and count them."""
    files = sorted(folder().rglob("*.json"))
    done = 0
    for study in STUDIES.values():
        for setting in study.settings:
            for seed in range(100):
                run = Run(study.name, setting, seed)
                if path(run).exists():
                    convert(run)
                    done += 1
        assert not find(study).problems
    assert done == len(files), (done, len(files))
    print(f"{done} records rewritten, each equal to what it was")


if __name__ == "__main__":
    main()
