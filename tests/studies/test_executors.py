"""Many runs in one program: the same records, whatever can be trained together and what cannot."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from lrlab import Constant, pytorch
from lrlab.optimizers import Adam, Momentum
from lrlab.studies import batched, executors, store
from lrlab.studies.execution import execute, train
from lrlab.studies.study import Images, Parts, Run
from tests.support.tiny_study import contents, quick, setting

pytestmark = pytest.mark.usefixtures("tiny_images")


make = partial(execute, device="cpu", executor=batched)


def run(label, seed=0, **options):
    return Run(
        "mixed", setting(label, Constant(0.1), **{"epochs": 1, "images": 50, **options}), seed
    )


@pytest.fixture
def programs(monkeypatch):
    """How many models each call of `fit_many` had."""
    sizes, own = [], pytorch.fit_many

    def spy(models, *arguments, **options):
        sizes.append(len(models))
        return own(models, *arguments, **options)

    monkeypatch.setattr(pytorch, "fit_many", spy)
    return sizes


def test_runs_of_several_studies_share_a_program_and_each_has_its_record(tmp_path, programs):
    runs = [run("a"), run("a", 1), run("momentum", optimizer=Momentum()), quick(batch_size=25)]
    report = make(runs, results=tmp_path)
    assert programs == [4]
    assert [outcome.run for outcome in report.outcomes] == runs
    assert report.failed == []
    for one in runs:
        history, alone = store.read(one, tmp_path), train(one, "cpu")
        np.testing.assert_allclose(history.test_loss, alone.test_loss, rtol=1e-5)
        assert history.lr == alone.lr
    assert make(runs, results=tmp_path).present == 4


def test_what_differs_in_network_images_epochs_or_batch_has_a_program_of_its_own(programs):
    runs = [run("a"), run("longer", epochs=2), run("larger", batch_size=50), run("b", images=40)]
    assert [outcome.run for outcome in batched(runs, "cpu")] == runs
    assert programs == [1, 1, 1, 1]


def test_what_cannot_be_trained_together_is_made_alone(tmp_path, programs):
    held_out = Images("digits16", limit=50, held_out=20)
    runs = [
        run("a"), run("adam", optimizer=Adam()), run("b"),
        run("parts", images=held_out, snapshots=Parts(1)),
    ]  # fmt: skip
    report = make(runs, results=tmp_path)
    assert sorted(outcome.run.name for outcome in report.outcomes) == sorted(r.name for r in runs)
    assert report.failed == []
    assert programs == [2]


def test_a_program_has_at_most_so_many_runs(monkeypatch, programs):
    monkeypatch.setattr(executors, "TOGETHER", 2)
    assert len(list(batched([run("a", seed) for seed in range(5)], "cpu"))) == 5
    assert programs == [2, 2, 1]


def test_a_program_that_is_not_whole_is_made_again_as_a_whole(tmp_path, monkeypatch, programs):
    """Four networks end with other bits than two of them; what is recorded stays as it is."""
    runs = [run("a", seed) for seed in range(4)] + [run("alone", optimizer=Adam())]
    make(runs, results=tmp_path / "whole")
    whole = contents(tmp_path / "whole")
    make(runs[:1] + runs[4:], results=tmp_path / "parts")
    before = contents(tmp_path / "parts")
    report = make(runs, results=tmp_path / "parts")
    assert (report.present, [outcome.run for outcome in report.outcomes]) == (2, runs[1:4])
    assert programs == [4, 1, 4]
    parts = contents(tmp_path / "parts")
    assert before.items() <= parts.items()
    assert {name: parts[name] for name in parts if name not in before}.items() <= whole.items()


def test_a_program_that_fails_leaves_the_others(tmp_path):
    small = run("too small", images=Images("blobs", limit=50))
    report = make([small, run("a")], results=tmp_path)
    assert [outcome.error is None for outcome in report.outcomes] == [False, True]
    assert "ValueError" in report.outcomes[0].error


def test_no_program_is_started_when_a_record_cannot_be_written(tmp_path, monkeypatch, programs):
    def full(*_):
        raise store.RecordError("no room")

    monkeypatch.setattr(store, "save", full)
    report = make([run("a"), replace(run("b"), seed=3), run("c", epochs=2)], results=tmp_path)
    assert report.ended == "a record could not be written"
    assert (len(programs), report.unmade) == (1, 2)
