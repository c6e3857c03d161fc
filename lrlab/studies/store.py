"""Records of runs: one JSON file a run, in one folder a study.

A file's name follows from its run (`Run.name`), and its content has to be that run's: a record
that is broken, foreign, or made under another configuration is named in a `RecordError` and never
used. Records that came along with an installed package are used where the reader has none.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from lrlab.studies.study import Images, Run, Setting, Study, slug
from lrlab.training import FORMAT, History, lr_deviation
from lrlab.utils import checks, differences, parse_json, read_text, remove_abandoned, write_text

CHECKOUT = Path(__file__).resolve().parents[2]
SHIPPED = Path(__file__).resolve().parents[1] / "recorded"  # in an installed package
TOLERANCE = 1e-12  # of the peak: how far a used rate may be from the intended one
ROUNDED = 3  # decimals of the seconds, which are of no use to the millisecond
TOLD = 500  # letters of what is wrong with a record


class RecordError(ValueError):
    """Records cannot be written, read or used; each problem names a file and the remedy."""

    def __str__(self) -> str:
        return "\n".join(checks.printable(problem) for problem in self.args)


class Found(NamedTuple):
    """What there is of a study: its records by label, and what is wrong with the rest."""

    histories: dict[str, list[History]]
    problems: list[str]


def folder(results: Path | str | None = None) -> Path:
    """Return the folder that holds a folder for each study, and in which records are written.

    Args:
        results: That folder; by default ``book/results`` of the checkout that lrlab lies in, or
            where lrlab is installed elsewhere ``results`` in the working directory.

    Raises:
        RecordError: The text names no folder, such as ``"~nobody"``.
    """
    if results is None:
        book = CHECKOUT / "book"
        return Path("results") if SHIPPED.is_dir() or not book.is_dir() else book / "results"
    try:
        if not str(results) or "\0" in str(results):
            raise ValueError("there is no such name")
        return Path(results).expanduser()
    except (TypeError, ValueError, RuntimeError) as error:
        raise RecordError(
            f"results must name a folder, received {results!r} ({error}). Write out its whole path"
        ) from error


def places(results: Path | str | None = None) -> tuple[Path, ...]:
    """Return the folders in which a run's record is looked for; the first one that has it counts.

    They are the folder of `folder` and then, where no other was asked for, that of the records
    that came along with an installed package.

    Args:
        results: See `folder`.
    """
    own = folder(results)
    return (own, SHIPPED) if results is None and SHIPPED.is_dir() else (own,)


def beside(results: Path | str | None) -> bool:
    """Whether ``results`` in the working directory is looked at though nobody has named it.

    It may be somebody else's, so what is not ours in it is no problem.
    """
    return len(places(results)) > 1


def path(run: Run, results: Path | str | None = None) -> Path:
    """Return the file that the record of a run is written to, which need not exist."""
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
        ValueError: The history is not the run's, or the rates that were used are not the ones that
            were intended.
        RecordError: The file cannot be written.
    """
    _check_whole(run, history)
    if run.recipe.per == "step":
        history.thin()
    history.seconds = [round(seconds, ROUNDED) for seconds in history.seconds]
    values = history.to_dict()
    number = values.pop("format")
    del values["recipe"]
    record = {"format": number, "run": run.to_config(), "history": _short(values)}
    file = path(run, results)
    try:
        write_text(file, json.dumps(record, allow_nan=False, separators=(",", ":")) + "\n")
    except OSError as error:
        raise _cannot("write", file, error) from error
    return file


def _short(values: Any) -> Any:
    """The same values, with the whole ones among the floats, such as steps, as integers."""
    if isinstance(values, dict):
        return {key: _short(value) for key, value in values.items()}
    if isinstance(values, list):
        return [_short(value) for value in values]
    return int(values) if isinstance(values, float) and values.is_integer() else values


def read(run: Run, results: Path | str | None = None) -> History | None:
    """Return a run's record, or None if there is none yet.

    Raises:
        RecordError: There is a file, and it is not the record of this run.
    """
    for place in places(results):
        if history := _read(run, place / run.study / f"{run.name}.json"):
            return history
    return None


def _read(run: Run, file: Path) -> History | None:
    """A run's record from a file, or None if there is no such file."""
    try:
        record = parse_json(read_text(file))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _cannot("read", file, error) from error
    except ValueError as error:
        raise _unusable(file, error) from error
    return _history(run, record, file)


def _history(run: Run, record: Any, file: Path) -> History:
    """The history that a run's record holds."""
    try:
        _check_tables(record)
        made = _made(record["run"])
    except Exception as error:  # what a hostile config raises has no narrower class
        raise _unusable(file, error) from error
    if made != run:
        unlike = "; ".join(differences(made.to_config(), run.to_config()))
        raise RecordError(
            f"{file} does not belong to the present configuration: "
            f"{checks.printable(unlike, TOLD)}. {_REMOVE}"
        )
    try:
        history = History.from_dict({"format": FORMAT, "recipe": run.recipe, **record["history"]})
        _check_whole(run, history)
    except ValueError as error:
        raise _unusable(file, error) from error
    return history


def _made(config: dict[str, Any]) -> Run:
    """The run of a config; the settings, which seeds have in common, are made once."""
    setting = config.get("setting")
    if not isinstance(setting, dict):
        return Run.from_config(config)
    return Run.from_config({**config, "setting": _setting(json.dumps(setting))})


@cache
def _setting(config: str) -> Setting:
    return Setting.from_config(json.loads(config))


def _check_tables(record: Any) -> None:
    if not isinstance(record, dict):
        raise ValueError("it holds no tables")
    if (number := record.get("format")) != FORMAT:
        raise ValueError(f"its format must be {FORMAT}, received {number!r}; format 1 said none")
    for name in ("run", "history"):
        if not isinstance(record.get(name), dict):
            raise ValueError(f"it has no table {name!r}")
    if foreign := sorted(record.keys() - {"format", "run", "history"}):
        raise ValueError(f"no record has {foreign}")


def missing(runs: Iterable[Run], results: Path | str | None = None) -> list[Run]:
    """Return the runs that have no record yet.

    Raises:
        RecordError: Records that exist cannot be used; all of them are named.
    """
    absent, problems = [], []
    runs = list(runs)
    files: dict[str, dict[str, Path]] = {}
    for study in dict.fromkeys(run.study for run in runs):
        files[study], unreadable = _files(study, results)
        problems += unreadable
    for run in runs:
        try:
            file = files[run.study].get(run.name)
            if file is None or _read(run, file) is None:
                absent.append(run)
        except RecordError as error:
            problems.append(str(error))
    refuse(problems)
    return absent


def find(study: Study, results: Path | str | None = None) -> Found:
    """Look for the records of a study, whatever else is in its folders.

    Args:
        study: The study.
        results: See `places`.

    Returns:
        For each label of the study the histories, by seed, more seeds than the study's included;
        and a line for each file that is not one of these and each folder that cannot be read.
    """
    labels = {slug(setting.label): setting for setting in study.settings}
    files, problems = _files(study.name, results)
    found = Found({setting.label: [] for setting in study.settings}, problems)
    runs = []
    for name, file in files.items():
        match = re.fullmatch(r"(.+)-seed-(0|[1-9][0-9]{0,17})", name)
        if match and match[1] in labels:
            runs.append(Run(study.name, labels[match[1]], int(match[2])))
        elif not beside(results):
            found.problems.append(
                checks.printable(f"{file} belongs to no setting of {study.name}. {_REMOVE}")
            )
    seen: dict[Images, tuple[Path, str]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        try:
            history = _read(run, files[run.name])
        except RecordError as error:
            found.problems.append(str(error))
            continue
        if history is None:  # removed a moment ago
            continue
        data = history.provenance["data"]
        first, fingerprint = seen.setdefault(run.setting.data, (files[run.name], data))
        if data == fingerprint:
            found.histories[run.setting.label].append(history)
        else:
            found.problems.append(
                checks.printable(
                    f"{files[run.name]} was made from other data ({data}) than {first.name} "
                    f"({fingerprint}). {_REMOVE}"
                )
            )
    return found


def _files(study: str, results: Path | str | None) -> tuple[dict[str, Path], list[str]]:
    """A study's JSON files by name, the first place's before others, and what cannot be read."""
    files: dict[str, Path] = {}
    problems = []
    for place in places(results):
        try:
            entries = sorted(os.listdir(place / study))
        except FileNotFoundError:
            continue
        except OSError as error:
            if not (beside(results) and isinstance(error, NotADirectoryError)):
                inside = os.path.isdir(place) and os.access(place, os.X_OK)
                problems.append(str(_cannot("read", place / study if inside else place, error)))
            continue
        for entry in entries:
            if entry.endswith(".json") and not entry.startswith("."):
                files.setdefault(entry.removesuffix(".json"), place / study / entry)
    return files, problems


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
            raise _cannot("write", place, error) from error
        remove_abandoned(place)


_REMOVE = "Move it away, or delete it and the run is made anew"


def _check_whole(run: Run, history: History) -> None:
    setting = run.setting
    images = setting.data.per_epoch or setting.data.limit or history.train_images
    wanted = (setting.network.name, setting.data.name, images)
    if (made := (history.network, history.dataset, history.train_images)) != wanted:
        raise ValueError(f"it must be of {wanted}, received {made}")
    epochs = setting.recipe.epochs
    if history.epochs != epochs and history.stopped is None:
        raise ValueError(f"it holds {history.epochs} of {epochs} epochs")
    if not history.epochs:
        raise ValueError("it holds no epoch")
    deviation = lr_deviation(history)
    if not deviation <= TOLERANCE:
        raise ValueError(f"the used rates differ from the intended ones by {deviation:.1e}")


def refuse(problems: list[str]) -> None:
    """Raise a `RecordError` that names all problems, if there are any."""
    if problems:
        raise RecordError(*dict.fromkeys(problems))


def _unusable(file: Path, error: Exception) -> RecordError:
    return RecordError(f"cannot use {file}: {checks.printable(error, TOLD)}. {_REMOVE}")


def _cannot(do: str, file: Path, error: OSError) -> RecordError:
    """The error of a file or folder of records that one cannot ``"read"`` or ``"write"``."""
    remedy = {
        "read": "Make it readable",
        "write": "Records that are already there are kept. Make room, get the right to write there",
    }[do]
    return RecordError(
        f"cannot {do} {file}: {error.strerror or error}. {remedy}, or name another folder with "
        "--results"
    )
