"""Records of runs: one JSON file a run, in one folder a study.

A file's name follows from its run (`Run.name`), and its content has to be that run's: a record
that is broken, foreign, or made under another configuration is named in a `RecordError` and never
used.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lrlab.studies.catalog import STUDIES
from lrlab.studies.study import Run, Study, slug
from lrlab.training import History
from lrlab.utils import checks, remove_abandoned

CHECKOUT = Path(__file__).resolve().parents[2]
SHIPPED = Path(__file__).resolve().parents[1] / "recorded"  # in an installed package
TOLERANCE = 1e-12  # of the peak: how far a used rate may be from the intended one
METRICS = ("lr", "train_loss", "test_loss", "test_accuracy", "seconds")

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


def _readable(results: Path | str | None) -> Path:
    """The folder to read from: where nothing has been recorded, the records that came along."""
    place = folder(results)
    return SHIPPED if results is None and SHIPPED.is_dir() and not place.exists() else place


def path(run: Run, results: Path | str | None = None) -> Path:
    """Return the file of a run's record, which need not exist."""
    return folder(results) / run.study / f"{run.name}.json"


def save(run: Run, history: History, results: Path | str | None = None) -> Path:
    """Write the record of a finished run, whole or not at all.

    The history receives the run's configuration; rates that changed within epochs are left out,
    after the check that they were the intended ones.

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
    deviation = history.lr_deviation()
    if not deviation <= TOLERANCE:
        raise ValueError(f"the used rates differ from the intended ones by {deviation:.1e}")
    if run.setting.per == "step":
        history.thin()
    history.config = {**history.config, **run.config}
    history.seconds = [round(seconds, ROUNDED) for seconds in history.seconds]
    file = path(run, results)
    try:
        history.save(file)
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
        history = History.from_json(file.read_text(encoding="utf-8"))
        _check_whole(history)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RecordError(f"cannot read {file}: {error.strerror or error}") from error
    except ValueError as error:
        raise RecordError(f"cannot use {file}: {error}. {_REMOVE}") from error
    if differences := _differences(history.config, run.config):
        raise RecordError(
            f"{file} does not belong to the present configuration: {'; '.join(differences)}. "
            f"{_REMOVE}"
        )
    return history


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
    _refuse(problems)
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
    results = _readable(results)
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
    seen: dict[tuple, tuple[Run, str]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        try:
            history = read(run, results)
        except RecordError as error:
            found.problems.append(str(error))
            continue
        if history is None:  # removed a moment ago
            continue
        data = history.provenance.get("data")
        first, fingerprint = seen.setdefault((run.setting.dataset, run.setting.limit), (run, data))
        if data == fingerprint:
            found.histories[run.setting.label].append(history)
        else:
            found.problems.append(
                f"{path(run, results)} was made from other data ({data}) than "
                f"{path(first, results).name} ({fingerprint}). {_REMOVE}"
            )
    return found


def load(
    study: Study | str, results: Path | str | None = None, *, complete: bool = True
) -> dict[str, list[History]]:
    """Return the records of a study, as a chapter uses them.

    Args:
        study: The study, or the name of one in `lrlab.studies.STUDIES`.
        results: See `folder`.
        complete: Insist on every run of the study.

    Returns:
        For each label, in the study's order, the histories by seed; more seeds than the study
        asks for are given too.

    Raises:
        ValueError: There is no study of this name.
        RecordError: A file in the study's folder cannot be used, or a run is missing.
    """
    if isinstance(study, str):
        if study not in STUDIES:
            raise ValueError(f"study must be one of {', '.join(STUDIES)}, received {study!r}")
        study = STUDIES[study]
    results = _readable(results)
    found = find(study, results)
    _refuse(found.problems)
    absent = [run.name for run in study.runs() if not path(run, results).exists()]
    if complete and absent:
        raise RecordError(
            f"{len(absent)} of {len(study.runs())} runs of {study.name} are not recorded in "
            f"{results / study.name}, {absent[0]} for one. "
            f"Make them: lrlab run {study.name}"
        )
    return found.histories


def final_values(
    study: Study | str, metric: str, results: Path | str | None = None
) -> dict[str, np.ndarray]:
    """Return the last value of a metric in every run of a study.

    Args:
        study: The study, or its name.
        metric: Name of a `History` list, such as ``"test_loss"``.
        results: See `folder`.

    Returns:
        For each label the values, a seed each, in the unit of the metric. A run that diverged ends
        with the value of its last epoch, which is not finite for a loss.

    Raises:
        ValueError: There is no such study or metric.
        RecordError: See `load`.
    """
    checks.choice("metric", metric, METRICS)
    return {
        label: np.array([getattr(history, metric)[-1] for history in histories])
        for label, histories in load(study, results).items()
    }


def measured(
    study: Study | str, *keys: str, results: Path | str | None = None
) -> dict[str, np.ndarray]:
    """Return one of the things that were measured when the runs of a study were over.

    Args:
        study: The study, or its name; its settings take snapshots.
        keys: The way through `lrlab.studies.examine`'s table, such as
            ``"members", "accuracy"``.
        results: See `folder`.

    Returns:
        For each label an array whose first axis are the seeds.

    Raises:
        ValueError: There is no such study.
        RecordError: See `load`; or a run has nothing of that name, as one that diverged.
    """
    found = {}
    name = study if isinstance(study, str) else study.name
    for label, histories in load(study, results).items():
        seeds = []
        for history in histories:
            value = history.measured
            for key in keys:
                if not isinstance(value, dict) or key not in value:
                    raise RecordError(
                        f"a run {label!r} of {name} holds no {'/'.join(keys)}; stopped: "
                        f"{history.stopped}"
                    )
                value = value[key]
            seeds.append(value)
        found[label] = np.array(seeds)
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
    if not isinstance(history.config, dict) or not isinstance(history.provenance, dict):
        raise ValueError("its config or its provenance is no table")
    curves = (history.lr, history.train_loss, history.test_loss, history.test_accuracy)
    lengths = {len(values) for values in curves}
    if len(lengths) > 1:
        raise ValueError(f"its curves have different lengths, {sorted(lengths)}")
    epochs = history.config.get("epochs")
    if history.epochs != epochs and history.stopped is None:
        raise ValueError(f"it holds {history.epochs} of {epochs} epochs")


def _differences(recorded: dict, expected: dict) -> list[str]:
    """Name each key whose value is not the expected one."""
    return [
        f"{key} is {recorded.get(key, 'missing')!r}, not {value!r}"
        for key, value in expected.items()
        if key not in recorded or recorded[key] != value
    ]


def _refuse(problems: list[str]) -> None:
    if problems:
        raise RecordError("\n".join(problems))


def _cannot_write(file: Path, error: OSError) -> RecordError:
    return RecordError(
        f"cannot write {file}: {error.strerror or error}. Records that are already there are "
        "kept. Make room, or name another folder with --results"
    )
