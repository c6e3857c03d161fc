"""Records of runs: one JSON file a run, in one folder a study.

A file's name follows from its run (`Run.name`), and its content has to be that run's: a record
that is broken, foreign, or made under another configuration is named in a `RecordError` and never
used.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from lrlab.studies.study import Images, Run, Study, slug
from lrlab.training import FORMAT, History, lr_deviation
from lrlab.utils import differences, remove_abandoned, write_text

CHECKOUT = Path(__file__).resolve().parents[2]
SHIPPED = Path(__file__).resolve().parents[1] / "recorded"  # in an installed package
TOLERANCE = 1e-12  # of the peak: how far a used rate may be from the intended one
ROUNDED = 3  # decimals of the seconds, which are of no use to the millisecond


class RecordError(ValueError):
    """A record cannot be written, read or used; the message names the file and the remedy."""


class Found(NamedTuple):
    """What the folder of a study holds: its records by label, and what is wrong with the rest."""

    histories: dict[str, list[History]]
    problems: list[str]


def folder(results: Path | str | None = None) -> Path:
    """Return the folder that holds a folder for each study.

    Args:
        results: That folder; by default ``book/results`` of the checkout that lrlab lies in, or
            where lrlab is installed elsewhere ``results`` in the working directory.
    """
    if results is not None:
        return Path(results).expanduser()
    book = CHECKOUT / "book"
    return book / "results" if book.is_dir() else Path("results")


def readable(results: Path | str | None) -> Path:
    """The folder to read from: where nothing has been recorded, the records that came along."""
    place = folder(results)
    return SHIPPED if results is None and SHIPPED.is_dir() and not place.exists() else place


def path(run: Run, results: Path | str | None = None) -> Path:
    """Return the file of a run's record, which need not exist."""
    return folder(results) / run.study / f"{run.name}.json"


def save(run: Run, history: History, results: Path | str | None = None) -> Path:
    """Write the record of a finished run, whole or not at all.

    Rates that changed within epochs are left out, after the check that they were the intended
    ones. The recipe stands in the record once, in the run's setting.

    Args:
        run: What was run.
        history: What came of it.
        results: See `folder`.

    Returns:
        The file.

    Raises:
        ValueError: The rates that were used are not the ones that were intended.
        RecordError: The file cannot be written.
    """
    deviation = lr_deviation(history)
    if not deviation <= TOLERANCE:
        raise ValueError(f"the used rates differ from the intended ones by {deviation:.1e}")
    if run.recipe.per == "step":
        history.thin()
    history.seconds = [round(seconds, ROUNDED) for seconds in history.seconds]
    values = history.to_dict()
    number = values.pop("format")
    del values["recipe"]
    record = {"format": number, "run": run.to_config(), "history": values}
    file = path(run, results)
    try:
        write_text(file, json.dumps(record, allow_nan=False) + "\n")
    except OSError as error:
        raise _cannot_write(file, error) from error
    return file


def read(run: Run, results: Path | str | None = None) -> History | None:
    """Return a run's record, or None if there is none yet.

    Raises:
        RecordError: There is a file, and it is not the record of this run.
    """
    file = path(run, results)
    try:
        record = _record(file.read_text(encoding="utf-8"))
        made = Run.from_config(record["run"])
        values = {**record["history"], "recipe": made.recipe.to_config()}
        history = History.from_dict({**values, "format": record["format"]})
        _check_whole(history)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RecordError(f"cannot read {file}: {error.strerror or error}") from error
    except ValueError as error:
        raise RecordError(f"cannot use {file}: {error}. {_REMOVE}") from error
    if made != run:
        unlike = differences(made.to_config(), run.to_config())
        raise RecordError(
            f"{file} does not belong to the present configuration: {'; '.join(unlike)}. {_REMOVE}"
        )
    return history


def _record(text: str) -> dict[str, Any]:
    """The tables of a record: its run and its history."""
    record = json.loads(text)
    if not isinstance(record, dict):
        raise ValueError("it holds no tables")
    if (number := record.get("format")) != FORMAT:
        raise ValueError(f"its format must be {FORMAT}, received {number!r}; format 1 said none")
    for name in ("run", "history"):
        if not isinstance(record.get(name), dict):
            raise ValueError(f"it has no table {name!r}")
    return record


def missing(runs: Iterable[Run], results: Path | str | None = None) -> list[Run]:
    """Return the runs that have no record yet.

    Raises:
        RecordError: Records that exist cannot be used; all of them are named.
    """
    absent, problems = [], []
    for run in runs:
        try:
            if read(run, results) is None:
                absent.append(run)
        except RecordError as error:
            problems.append(str(error))
    refuse(problems)
    return absent


def find(study: Study, results: Path | str | None = None) -> Found:
    """Look through a study's folder, whatever is in it.

    Args:
        study: The study.
        results: See `folder`.

    Returns:
        For each label of the study the histories, by seed, more seeds than the study's included;
        and a line for each file that is not one of these.
    """
    results = readable(results)
    place = results / study.name
    labels = {slug(setting.label): setting for setting in study.settings}
    found = Found({setting.label: [] for setting in study.settings}, [])
    runs = []
    for file in place.glob("[!.]*.json"):
        match = re.fullmatch(r"(.+)-seed-(0|[1-9]\d*)", file.stem)
        if match and match[1] in labels:
            runs.append(Run(study.name, labels[match[1]], int(match[2])))
        else:
            found.problems.append(f"{file} belongs to no setting of {study.name}. {_REMOVE}")
    seen: dict[Images, tuple[Run, str | None]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        try:
            history = read(run, results)
        except RecordError as error:
            found.problems.append(str(error))
            continue
        if history is None:  # removed a moment ago
            continue
        data = history.provenance.get("data")
        first, fingerprint = seen.setdefault(run.setting.data, (run, data))
        if data == fingerprint:
            found.histories[run.setting.label].append(history)
        else:
            found.problems.append(
                f"{path(run, results)} was made from other data ({data}) than "
                f"{path(first, results).name} ({fingerprint}). {_REMOVE}"
            )
    return found


def prepare(runs: Iterable[Run], results: Path | str | None = None) -> None:
    """Make sure, before hours of work, that the records of runs can be written.

    The folders are made, and what a kill left half-written in them is removed.

    Raises:
        RecordError: A folder cannot be made or written to.
    """
    for place in {path(run, results).parent for run in runs}:
        try:
            place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=place) as probe:
                probe.write(b"x" * 4096)
        except OSError as error:
            raise _cannot_write(place, error) from error
        remove_abandoned(place)


_REMOVE = "Move it away, or delete it and the run is made anew"


def _check_whole(history: History) -> None:
    if not isinstance(history.provenance, dict):
        raise ValueError("its provenance is no table")
    curves = (history.lr, history.train_loss, history.test_loss, history.test_accuracy)
    lengths = {len(values) for values in curves}
    if len(lengths) > 1:
        raise ValueError(f"its curves have different lengths, {sorted(lengths)}")
    epochs = history.recipe.epochs
    if history.epochs != epochs and history.stopped is None:
        raise ValueError(f"it holds {history.epochs} of {epochs} epochs")


def refuse(problems: list[str]) -> None:
    """Raise a `RecordError` that names all problems, if there are any."""
    if problems:
        raise RecordError("\n".join(problems))


def _cannot_write(file: Path, error: OSError) -> RecordError:
    return RecordError(
        f"cannot write {file}: {error.strerror or error}. Records that are already there are "
        "kept. Make room, or name another folder with --results"
    )
