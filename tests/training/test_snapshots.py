"""Which epochs leave a snapshot, how the files are called, and what may be wrong with a folder."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab import Constant, CosineDecay, CyclicCosine
from lrlab.training.snapshots import (
    SnapshotError,
    checked_ends,
    cycle_ends,
    snapshot_path,
    snapshot_paths,
)
from tests.support.strategies import examples


@given(st.integers(1, 12), st.integers(1, 3), st.integers(1, 60))
@examples(100)
def test_a_cycle_ends_before_each_restart_of_the_rate(cycle, mult, epochs):
    """Counted from the rates alone: a cycle is over where the next epoch begins at the top."""
    schedule = CyclicCosine(0.1, cycle_epochs=cycle, cycle_mult=mult)
    rates = schedule(np.arange(epochs + 1))
    ends = tuple(e for e in range(1, epochs + 1) if rates[e] == rates[0])
    if ends:
        assert cycle_ends(schedule, epochs) == ends
    else:
        with pytest.raises(
            ValueError, match=f"complete a cycle of {cycle} epochs, received {epochs}$"
        ):
            cycle_ends(schedule, epochs)


@pytest.mark.parametrize(("epochs", "ends"), [(39, (20,)), (40, (20, 40)), (41, (20, 40))])
def test_only_complete_cycles_count(epochs, ends):
    assert cycle_ends(CyclicCosine(0.1, cycle_epochs=20), epochs) == ends


@pytest.mark.parametrize(
    ("schedule", "epochs", "message"),
    [
        (Constant(0.1), 5, r"schedule must be a CyclicCosine to have cycles, received Constant\("),
        (CosineDecay(0.1, total_epochs=5), 5, "schedule must be a CyclicCosine"),
        (CyclicCosine(0.1, cycle_epochs=2.5), 5, "cycle_epochs must be a whole .* received 2.5"),
        (CyclicCosine(0.1, cycle_epochs=2, cycle_mult=1.5), 5, "cycle_mult must be .* 1.5"),
        (CyclicCosine(0.1, cycle_epochs=6, cycle_mult=2), 5, "cycle of 6 epochs, received 5"),
        (CyclicCosine(0.1, cycle_epochs=2), 0, "epochs must be a positive integer, received 0"),
    ],
)
def test_a_run_without_cycles_is_refused(schedule, epochs, message):
    with pytest.raises(ValueError, match=message):
        cycle_ends(schedule, epochs)


def test_ends_are_increasing_and_within_the_run():
    assert checked_ends([1, 3, 4], 4) == (1, 3, 4)
    assert checked_ends(np.array([2]), 2) == (2,)


@pytest.mark.parametrize("ends", [(), (5,), (3, 2), (2, 2)])
def test_other_ends_are_refused(ends):
    message = "ends must be one or more increasing integers from 1 to 4, received"
    with pytest.raises(ValueError, match=message):
        checked_ends(ends, 4)


@pytest.mark.parametrize("end", [0, 1.5, True])
def test_an_end_is_a_number_of_epochs(end):
    with pytest.raises(ValueError, match="ends must be a positive integer, received"):
        checked_ends((end,), 4)


def test_a_snapshot_is_counted_from_one(tmp_path):
    assert snapshot_path(tmp_path, 12, ".pt") == tmp_path / "snapshot-12.pt"
    with pytest.raises(ValueError, match="number must be a positive integer, received 0"):
        snapshot_path(tmp_path, 0, ".pt")


def write(folder, *names):
    for name in names:
        (folder / name).write_bytes(b"")


def test_snapshots_come_in_the_order_in_which_they_were_made(tmp_path):
    numbers = range(1, 12)  # where 10 is before 2 in the order of the alphabet
    write(tmp_path, *(f"snapshot-{k}.pt" for k in reversed(numbers)))
    strangers = (
        "snapshot-1.keras",
        ".snapshot-12.x.part.pt",
        "snapshot-12.pt.bak",
        "snapshot-013.pt",
    )
    write(tmp_path, *strangers, "resume.pt", "snapshot-best.pt")
    found = snapshot_paths(str(tmp_path), ".pt")
    assert [path.name for path in found] == [f"snapshot-{k}.pt" for k in numbers]
    assert {path.parent for path in found} == {tmp_path}
    assert [path.name for path in snapshot_paths(tmp_path, ".keras")] == ["snapshot-1.keras"]


def test_a_suffix_is_no_pattern(tmp_path):
    write(tmp_path, "snapshot-1xpt")
    with pytest.raises(SnapshotError, match="no file snapshot-K"):
        snapshot_paths(tmp_path, ".pt")


def test_a_folder_without_snapshots_is_named(tmp_path):
    with pytest.raises(SnapshotError, match=r"nowhere is not a folder, so it holds no snapshots"):
        snapshot_paths(tmp_path / "nowhere", ".pt")
    write(tmp_path, "resume.pt", "snapshot-1.keras")
    with pytest.raises(
        SnapshotError, match=rf"{tmp_path.name} holds no file snapshot-K\.pt: no cy"
    ):
        snapshot_paths(tmp_path, ".pt")
    with pytest.raises(SnapshotError, match=r"resume\.pt is not a folder"):
        snapshot_paths(tmp_path / "resume.pt", ".pt")


@pytest.mark.parametrize(
    ("there", "absent"), [((2,), "1"), ((1, 3), "2"), ((2, 5), "1, 3, 4"), ((1, 2, 10), "3, 4, 5,")]
)
def test_a_snapshot_that_is_missing_in_between_is_named(tmp_path, there, absent):
    write(tmp_path, *(f"snapshot-{k}.pt" for k in there))
    message = rf"{tmp_path.name} holds snapshot {there[-1]} but not {absent}"
    with pytest.raises(SnapshotError, match=message):
        snapshot_paths(tmp_path, ".pt")


def test_the_error_is_one_of_values():
    assert issubclass(SnapshotError, ValueError)


def test_the_cycles_are_those_of_the_document():
    schedule = CyclicCosine(0.1, cycle_epochs=20)
    ends = cycle_ends(schedule, 60)
    assert ends == (20, 40, 60)
    for end in ends:
        last = 0.05 * (1 + math.cos(math.pi * 19 / 20))
        assert schedule(end - 1) == pytest.approx(last, rel=1e-12)
