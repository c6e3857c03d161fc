"""The record of a run: what it notes, how it is written, what it refuses."""

import errno
import json
import math
import os
from dataclasses import replace

import numpy as np
import pytest

from lrlab import ExponentialDecay, LinearDecay, ReduceOnPlateau
from lrlab.optimizers import Adam
from lrlab.training.history import History, note_change
from lrlab.training.recipe import Recipe, Watch
from tests.support.histories import follow, make_history


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_lr_is_the_rate_of_each_epochs_first_update(per):
    assert make_history(per=per).lr == [0.8, 0.4]


def test_only_changes_of_the_rate_are_stored():
    assert make_history().lr_changes == [(0.0, 0.8), (1.0, 0.4)]
    assert len(make_history(per="step").lr_changes) == 6


def test_a_change_is_one_from_the_rate_before():
    changes = []
    for t, lr in enumerate([0.1, 0.1, 0.2, 0.2, 0.1]):
        note_change(changes, t, lr)
    assert changes == [(0, 0.1), (2, 0.2), (4, 0.1)]


def test_what_follows_from_the_recipe():
    history = make_history(steps=3, epochs=2)
    assert (history.epochs, history.steps_per_epoch) == (2, 3)
    assert history.schedule == history.recipe.schedule == ExponentialDecay(0.8, gamma=0.5)
    history.train_images += 1
    assert history.steps_per_epoch == 4, "the short batch"


def test_the_rate_in_force_is_that_of_the_latest_update():
    history = make_history()
    history.lr_changes = [(5.0, 0.5), (6.0, 0.6)]
    assert history.used_lr(np.array([5.0, 5.5, 7.0])).tolist() == [0.5, 0.5, 0.6]
    assert history.used_lr(np.array([6 - 1e-13])).tolist() == [0.6], "an update's own rounding"
    with pytest.raises(ValueError, match="t must not lie before the first update on record"):
        history.used_lr(np.array([4.9]))


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_a_thinned_record_keeps_one_rate_an_epoch(per):
    history = make_history(LinearDecay(0.1, total_epochs=4), per=per, epochs=4)
    rates = list(history.lr)
    assert not history.thinned
    history.thin()
    assert history.thinned
    assert history.lr == rates
    assert history.lr_changes == list(enumerate(rates))


# --- whose record it is ---------------------------------------------------------------------------


def test_a_longer_run_is_the_same_run():
    history = make_history(epochs=2)
    assert history.identity() == make_history(epochs=5).identity()
    assert json.dumps(history.identity())


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": Recipe(LinearDecay(0.8, total_epochs=3), epochs=2)},
        {"recipe": make_history().recipe.seeded(1)},
        {"recipe": replace(make_history().recipe, optimizer=Adam())},
        {"recipe": replace(make_history().recipe, watch=Watch(ReduceOnPlateau(0.8)))},
        {"network": "AlexNet"},
        {"dataset": "others"},
        {"train_images": 5},
        {"provenance": {"device": "none", "data": "other"}},
    ],
)
def test_everything_else_makes_another_run(change):
    assert replace(make_history(), **change).identity() != make_history().identity()


def test_the_same_run_may_be_made_elsewhere():
    elsewhere = replace(make_history(), provenance={"device": "gpu", "data": "fingerprint"})
    assert elsewhere.identity() == make_history().identity()


# --- JSON -----------------------------------------------------------------------------------------

WATCHED = Recipe(
    LinearDecay(0.8, total_epochs=9), epochs=2, per="step", optimizer=Adam(), clip_norm=1.0,
    watch=Watch(ReduceOnPlateau(0.8, mode="max"), metric="test_accuracy"), seed=7,
)  # fmt: skip


@pytest.mark.parametrize("recipe", [make_history().recipe, WATCHED])
def test_json_round_trip_keeps_every_value(recipe):
    history = follow(recipe)
    history.measured = {"members": {"accuracy": [0.5, 0.25]}}
    copy = History.from_json(history.to_json())
    assert copy == history
    assert copy.recipe == recipe
    history.thin()
    assert History.from_json(history.to_json()) == history != copy


def test_the_plain_values_say_their_format_and_their_recipe():
    values = make_history().to_dict()
    assert values["format"] == 2
    assert values["recipe"] == make_history().recipe.to_config()
    assert History.from_dict(values) == make_history()
    assert values["format"] == 2, "what was given is not changed"


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["train_loss", "test_loss"])
def test_a_loss_that_is_not_finite_stops_the_run_and_survives_json(loss, name):
    history = make_history()
    history.recipe = replace(history.recipe, epochs=3)
    history.record_lr(2.0, 0.2)
    values = {"train_loss": 1.0, "test_loss": 1.0, "test_accuracy": 0.1, "seconds": 0.1}
    history.record_epoch(**{**values, name: loss})
    assert history.stopped == "diverged: the loss is no longer finite in epoch 2"
    text = history.to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    copy = History.from_json(text)
    assert repr(copy) == repr(history)


def test_a_finite_loss_does_not_stop_the_run():
    assert follow(make_history().recipe, train_loss=[1e300, 1e308]).stopped is None


def test_what_is_not_finite_may_stand_anywhere():
    history = make_history()
    history.measured = {"a": [math.nan, {"b": math.inf}]}
    assert json.loads(history.to_json())["measured"] == {"a": ["nan", {"b": "inf"}]}
    (nan, infinity) = History.from_json(history.to_json()).measured["a"]
    assert math.isnan(nan)
    assert infinity == {"b": math.inf}


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "3", '{"foreign": 1}', '{"recipe'])
def test_text_that_is_no_record_is_refused(text):
    with pytest.raises(ValueError, match="this is no record of a run"):
        History.from_json(text)


CURVES = ("lr", "train_loss", "test_loss", "test_accuracy", "seconds")
NO_NUMBERS = ("123", "0.5", "nan ", True, None, [], {}, [0.5], 10**400)


def refused(change, message):
    """Whether these two epochs' values, changed, are refused with the message."""
    with pytest.raises(ValueError, match=f"^this is no record of a run: .*{message}"):
        History.from_dict({**make_history().to_dict(), **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 1}, "format must be 2, received 1"),
        ({"format": 3}, "format must be 2, received 3"),
        ({"recipe": {"class": "Recipe"}}, "config does not fit Recipe"),
        ({"recipe": None}, "config must be a dict"),
        ({"foreign": 1}, "no record has .'foreign'"),
        ({"network": 3}, "network must be text, received 3"),
        ({"dataset": None}, "dataset must be text"),
        ({"train_images": 0}, "train_images must be a positive integer"),
        ({"train_images": True}, "train_images must be a positive integer"),
        ({"train_images": 2.0}, "train_images must be a positive integer"),
        ({"train_images": 10**8 + 1}, "train_images must be 100000000 or less"),
        ({"provenance": []}, "provenance must be a table that has 'data'"),
        ({"provenance": {"device": "cpu"}}, "provenance must be a table that has 'data'"),
        ({"provenance": {"data": "x", "torch": 2.5}}, "provenance.torch must be text"),
        ({"lr_changes": [[1.0]]}, r"lr_changes\[0\] must be a time and a rate"),
        ({"lr_changes": ["12"]}, r"lr_changes\[0\] must be a time and a rate"),
        ({"lr_changes": [[0, True]]}, r"lr_changes\[0\]\[1\] must be a finite real number"),
        ({"lr_changes": [[-1, 0.8], [1, 0.4]]}, r"lr_changes\[0\]\[0\] must be a finite real"),
        ({"lr_changes": [[0, 0.8], [1, 0.4], [1, 0.2]]}, "lr_changes must be in the order of time"),
        ({"lr_changes": [[0, 0.8]]}, "lr must be the rates of lr_changes"),
        ({"lr_changes": [[0.5, 0.8], [1, 0.4]]}, "t must not lie before the first update"),
        ({"lr": [0.8, 0.7]}, "lr must be the rates of lr_changes"),
        ({"stopped": 1}, "stopped must be text"),
        ({"thinned": 1}, "thinned must be True or False, received 1"),
        ({"measured": None}, "measured must be a table"),
        ({"test_loss": [1.0, "nan"]}, "goes on after a loss that is not finite"),
        ({"test_loss": ["inf", 1.0], "stopped": "lost"}, "goes on after a loss that is not finite"),
        ({name: [0.5] * 3 for name in CURVES}, "it holds 3 of 2 epochs"),
    ],
)
def test_values_that_are_no_record_are_refused(change, message):
    refused(change, message)


@pytest.mark.parametrize("name", CURVES)
def test_a_curve_holds_a_number_for_each_epoch_and_nothing_else(name):
    for value in NO_NUMBERS:
        refused({name: [0.5, value]}, rf"{name}\[1\] must be a finite real number")
    for values in ("12", 0.1, None, {"0": 1, "1": 2}):
        refused({name: values}, f"{name} must be a list, received")
    refused({name: make_history().to_dict()[name][:1]}, r"different lengths, \[1, 2\]")


@pytest.mark.parametrize("name", CURVES)
def test_a_number_is_in_its_range(name):
    impossible = [-1e-9, math.inf, -math.inf, math.nan, "inf", "nan"]
    if name.endswith("loss"):  # what is not finite is a matter of `stopped`
        impossible = [-1e-9]
    if name == "test_accuracy":
        impossible += [1 + 1e-9, 7, 85.0]
    for value in impossible:
        refused({name: [value, 0.5]}, rf"{name}\[0\] must be a finite real number")
    if name != "lr":  # which has to agree with lr_changes
        possible = {**make_history().to_dict(), name: [0, 1]}
        assert getattr(History.from_dict(possible), name) == [0.0, 1.0]


@pytest.mark.parametrize("kind", [OverflowError, RecursionError, AttributeError, MemoryError])
def test_a_config_of_a_recipe_may_raise_anything(monkeypatch, kind):
    def hostile(_):
        raise kind("what was that?")

    monkeypatch.setattr(Recipe, "from_config", hostile)
    refused({}, "what was that?")


@pytest.mark.parametrize("name", make_history().to_dict())
def test_a_record_without_one_of_its_values_is_refused(name):
    values = make_history().to_dict()
    del values[name]
    with pytest.raises(ValueError, match=f"this is no record of a run: .*{name}"):
        History.from_dict(values)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"seconds": [0.1', '"seconds": [NaN', "JSON has no number NaN"),
        ('"test_loss": [2.0', '"test_loss": [-Infinity', "JSON has no number -Infinity"),
        ('"stopped"', '"lr": [], "stopped"', "a table has more than one 'lr'"),
        ('"device"', '"data": "x", "device"', "a table has more than one 'data'"),
        ('"measured": {', '"measured": {"a": ' + "[" * 100_000, "it is nested too deeply"),
        ('"train_images": ', '"train_images": ' + "9" * 5_000, "limit"),
        ('"test_accuracy": [0.5', '"test_accuracy": [1e999', "test_accuracy.0. must be a finite"),
    ],
    ids=lambda text: text[:30],
)
def test_json_that_says_two_things_or_none_is_refused(old, new, message):
    text = make_history().to_json()
    assert text.count(old) == 1
    with pytest.raises(ValueError, match=f"^this is no record of a run: .*{message}"):
        History.from_json(text.replace(old, new))


ODD = "a\x1b[2Jb\n\x9b\u202ec\x00"
SHOWN = r"a\x1b[2Jb\n\x9b\u202ec\x00"


def test_a_terminal_obeys_no_text_of_a_record():
    history = make_history()
    history.network = history.dataset = history.stopped = ODD
    history.provenance = {"data": ODD, ODD: "gpu"}
    history.measured = {ODD: [ODD, {"a": ODD}], "b": "nan"}
    read = History.from_json(history.to_json())
    assert {read.network, read.dataset, read.stopped} == {SHOWN}
    assert read.provenance == {"data": SHOWN, SHOWN: "gpu"}
    assert read.measured.pop("b") != 0
    assert read.measured == {SHOWN: [SHOWN, {"a": SHOWN}]}
    for change in ({ODD: 1}, {"recipe": {"class": "Recipe", ODD: 1}}, {"lr": [ODD, ODD]}):
        with pytest.raises(ValueError, match="this is no record of a run") as caught:
            History.from_dict({**make_history().to_dict(), **change})
        assert str(caught.value).isprintable()


def test_what_is_wrong_is_told_briefly():
    with pytest.raises(ValueError, match="no record") as caught:
        History.from_dict({**make_history().to_dict(), "lr": "x" * 10**6})
    assert len(str(caught.value)) < 700


def test_load_names_the_broken_file(tmp_path):
    path = tmp_path / "run-3.json"
    make_history().save(path)
    path.write_text(path.read_text()[:40])
    with pytest.raises(ValueError, match=rf"^{path}: this is no record of a run"):
        History.load(path)


def test_save_names_the_file_and_the_remedy(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device\. .* make room there.*run\.json"):
        make_history().save(tmp_path / "run.json")
    with pytest.raises(FileNotFoundError, match=r"run\.json"):
        History.load(tmp_path / "run.json")


def test_saving_twice_replaces_the_record_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "results" / "run.json"
    make_history().save(path)
    second = make_history(epochs=4)
    second.save(path)
    assert History.load(path) == second
    assert [entry.name for entry in path.parent.iterdir()] == ["run.json"]
