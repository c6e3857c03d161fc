"""Which epochs leave a snapshot, how the files are called, and what may be wrong with a folder."""

import shutil
import warnings
import zipfile

import numpy as np
import pytest

from lrlab import Constant, CosineDecay, CyclicCosine
from lrlab.training.archives import sealed
from lrlab.training.snapshots import (
    RunFolder,
    SnapshotError,
    Snapshots,
    check_snapshot,
    snapshot_path,
    snapshot_paths,
)

FLAT = Constant(0.1)
CYCLES = CyclicCosine(0.1, cycle_epochs=2)


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


def run_folder(path, *, epochs=4, ends=None, config=None, schedule=CYCLES):
    config = {"seed": 1} if config is None else config
    kept = Snapshots(path, ends=ends)
    return RunFolder(kept, config, schedule=schedule, epochs=epochs, suffix=".pt")


def test_a_cycle_that_is_not_completed_is_warned_of(tmp_path):
    message = "the last 1 of 5 epochs begin a cycle that is not completed, and leave no snapshot"
    with pytest.warns(UserWarning, match=message):
        run_folder(tmp_path, epochs=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run_folder(tmp_path, epochs=4)
        run_folder(tmp_path, epochs=5, ends=(2,))


def test_a_snapshot_is_counted_from_one(tmp_path):
    assert snapshot_path(tmp_path, 12, ".pt") == tmp_path / "snapshot-12.pt"
    with pytest.raises(ValueError, match="number must be a positive integer, received 0"):
        snapshot_path(tmp_path, 0, ".pt")


def write(folder, *names):
    """Archives that say nothing of a run."""
    for name in names:
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("weights", "1 2 3")


def test_snapshots_come_in_the_order_in_which_they_were_made(tmp_path):
    numbers = range(1, 12)  # where 10 is before 2 in the order of the alphabet
    write(tmp_path, *(f"snapshot-{k}.pt" for k in reversed(numbers)))
    strangers = (
        "snapshot-1.keras",
        ".snapshot-12.pt.0123abcd.part",
        "snapshot-12.pt.bak",
        "snapshot-013.pt",
    )
    write(tmp_path, *strangers, "snapshot-best.pt")
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


# --- whose the files of a folder are -------------------------------------------------------------


def save(folder, path, done):
    with sealed(path, folder.described(done)) as partial:
        write(partial.parent, partial.name)


def finished(path, *, config=None, weights="a1", done=4, **options):
    """What a run leaves behind after so many epochs."""
    folder = run_folder(path, config=config, **options)
    folder.begin(weights)
    for epoch in range(1, done + 1):
        for snapshot in folder.snapshots(epoch):
            save(folder, snapshot, epoch)
    save(folder, folder.resume, done)
    return path


def test_a_run_finds_its_own_state_again(tmp_path):
    assert run_folder(tmp_path / "new").state() == {}
    folder = run_folder(finished(tmp_path))
    state = folder.state()
    assert {key: state[key] for key in ("epoch", "ends", "config")} == folder.described(4)
    assert folder.config == {"seed": 1, "initial_weights": "a1"}
    assert folder.snapshots(4) == [tmp_path / "snapshot-2.pt"]
    assert folder.snapshots(3) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": {"seed": 2}}, "seed was 1 and is 2"),
        ({"config": {}}, "seed was 1 and is None"),
        ({"ends": (1, 4)}, r"ends was \[2, 4\] and is \[1, 4\]"),
        ({"epochs": 3, "ends": (2,)}, "4 epochs are finished and 3 asked for"),
    ],
    ids=str,
)
def test_a_run_does_not_go_on_with_anothers_state(tmp_path, changes, message):
    with pytest.raises(SnapshotError, match=rf"resume\.pt belongs to another run: .*{message}"):
        run_folder(finished(tmp_path), **changes).state()


def test_what_json_cannot_hold_is_refused_before_a_run_begins(tmp_path):
    """Such as the array of a schedule of the reader's own."""
    for value in (np.zeros(2), {1, 2}, float("nan"), print):
        with pytest.raises(ValueError, match="schedule must have parameters that JSON can hold"):
            run_folder(tmp_path, config={"schedule": value})


def readers(folder):
    """All that looks at a snapshot of a folder."""
    return {
        "the folder": lambda: snapshot_paths(folder, ".pt"),
        "the file": lambda: [check_snapshot(folder / f"snapshot-{k}.pt") for k in (1, 2)],
        "the run": lambda: run_folder(folder).state(),
    }


@pytest.mark.parametrize("reader", readers(None))
def test_the_snapshots_of_one_run_pass(tmp_path, reader):
    readers(finished(tmp_path))[reader]()
    shutil.move(tmp_path / "snapshot-1.pt", tmp_path / "best.pt")
    check_snapshot(tmp_path / "best.pt")


@pytest.mark.parametrize("reader", readers(None))
@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        ({"config": {"seed": 2}}, "seed was 2 and is 1"),
        ({"weights": "b2"}, "initial_weights was 'b2' and is 'a1'"),
        ({"config": {"seed": 1, "network": "Net"}}, "network was 'Net' and is None"),
    ],
    ids=str,
)
def test_a_snapshot_of_another_run_is_noticed(tmp_path, reader, theirs, message):
    finished(tmp_path / "ours")
    other = finished(tmp_path / "theirs", **theirs)
    shutil.copy(other / "snapshot-2.pt", tmp_path / "ours")
    message = rf"snapshot-2\.pt is of another run than resume\.pt: .*{message}"
    with pytest.raises(SnapshotError, match=message):
        readers(tmp_path / "ours")[reader]()


def test_without_a_state_the_snapshots_are_compared_with_one_another(tmp_path):
    finished(tmp_path / "ours")
    (tmp_path / "ours" / "resume.pt").unlink()
    assert len(snapshot_paths(tmp_path / "ours", ".pt")) == 2
    shutil.copy(finished(tmp_path / "theirs", weights="b2") / "snapshot-2.pt", tmp_path / "ours")
    with pytest.raises(
        SnapshotError, match=r"snapshot-2\.pt is of another run than snapshot-1\.pt"
    ):
        snapshot_paths(tmp_path / "ours", ".pt")
    write(tmp_path / "ours", "snapshot-2.pt")
    with pytest.raises(
        SnapshotError, match=r"than snapshot-1\.pt: lrlab did not save it\. Take it"
    ):
        snapshot_paths(tmp_path / "ours", ".pt")


@pytest.mark.parametrize("reader", readers(None))
@pytest.mark.parametrize(
    ("found", "name"), [("snapshot-1", "snapshot-2"), ("resume", "snapshot-1")]
)
def test_a_file_under_anothers_name_is_noticed(tmp_path, reader, found, name):
    finished(tmp_path)
    shutil.copy(tmp_path / f"{found}.pt", tmp_path / f"{name}.pt")
    message = rf"{name}\.pt was saved as {found}\.pt: it is another file under this name"
    with pytest.raises(SnapshotError, match=message):
        readers(tmp_path)[reader]()


def test_a_snapshot_is_no_state_to_go_on_from(tmp_path):
    finished(tmp_path)
    shutil.copy(tmp_path / "snapshot-2.pt", tmp_path / "resume.pt")
    with pytest.raises(SnapshotError, match=r"resume\.pt was saved as snapshot-2\.pt"):
        run_folder(tmp_path).state()
    write(tmp_path, "resume.pt")
    with pytest.raises(SnapshotError, match=r"resume\.pt is no state of a run that lrlab saved"):
        run_folder(tmp_path).state()
