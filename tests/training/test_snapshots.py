"""Which epochs leave a snapshot, how the files are called, and what may be wrong with a folder."""

import warnings

import numpy as np
import pytest

from lrlab import Constant, CosineDecay, CyclicCosine
from lrlab.training.snapshots import (
    SnapshotError,
    Snapshots,
    snapshot_path,
    snapshot_paths,
    warn_of_rest,
)

FLAT = Constant(0.1)


def test_ends_are_increasing_and_within_the_run():
    assert Snapshots("s", ends=(1, 3, 4)).ends_of(FLAT, 4) == (1, 3, 4)
    assert Snapshots("s", ends=np.array([2])).ends_of(FLAT, 2) == (2,)


@pytest.mark.parametrize("ends", [(), (5,), (3, 2), (2, 2)])
def test_other_ends_are_refused(ends):
    message = "ends must be one or more increasing integers from 1 to 4, received"
    with pytest.raises(ValueError, match=message):
        Snapshots("s", ends=ends).ends_of(FLAT, 4)


@pytest.mark.parametrize("end", [0, 1.5, True])
def test_an_end_is_a_number_of_epochs(end):
    with pytest.raises(ValueError, match="ends must be a positive integer, received"):
        Snapshots("s", ends=(end,)).ends_of(FLAT, 4)


def test_without_ends_those_of_the_cycles():
    cycles = CyclicCosine(0.1, cycle_epochs=2, cycle_mult=2)
    for epochs, ends in ((1, ()), (2, (2,)), (5, (2,)), (6, (2, 6)), (9, (2, 6))):
        if ends:
            assert Snapshots("s").ends_of(cycles, epochs) == ends
            assert Snapshots("s", ends=(1,)).ends_of(cycles, epochs) == (1,)
        else:
            with pytest.raises(ValueError, match="epochs"):
                Snapshots("s").ends_of(cycles, epochs)
    for other in (FLAT, CosineDecay(0.1, total_epochs=4)):
        with pytest.raises(ValueError, match="CyclicCosine"):
            Snapshots("s").ends_of(other, 4)


def test_a_cycle_that_is_not_completed_is_warned_of():
    message = "the last 2 of 7 epochs begin a cycle that is not completed, and leave no snapshot"
    with pytest.warns(UserWarning, match=message):
        warn_of_rest((3, 5), 7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_rest((3, 5), 5)


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
