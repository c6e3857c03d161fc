"""Make recorded runs again, and say whether the same comes out."""

from __future__ import annotations

import datetime
import json
import math
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lrlab.studies import store
from lrlab.studies.execution import execute
from lrlab.studies.study import Run
from lrlab.training import METRICS, History
from lrlab.utils import parse_json, read_text, write_text

EQUAL, CLOSE, DIFFERENT, FAILED = "equal", "close", "different", "failed"
TOLERANCE = 1e-3  # of a loss, relative; and of an accuracy, two images in a thousand
NOTES = "repeated.json"  # beside the folders of the studies


@dataclass(frozen=True)
class Repeat:
    """What came of making a recorded run again.

    Attributes:
        run: The run.
        word: "equal" to the last bit; "close", within the tolerance of floats that were added up in
            another order; "different"; or "failed", and ``why`` says why.
        epoch: The first epoch, counted from 0, in which a value differs; None if none does.
        deviation: The largest difference of a loss, relative, or of an accuracy.
        why: Why there is nothing to compare, else "".
        provenance: Where and with what the run was made again.
    """

    run: Run
    word: str
    epoch: int | None = None
    deviation: float = 0.0
    why: str = ""
    provenance: dict[str, str] | None = None

    def __str__(self) -> str:
        told = f"{self.run.study}/{self.run.name} {self.word}"
        if self.why:
            return f"{told}: {self.why}"
        if self.epoch is None:
            return told
        return f"{told}: from epoch {self.epoch} on, by up to {self.deviation:.1e}"


def repeat(
    runs: Iterable[Run],
    *,
    sample: int | None = None,
    seed: int | None = None,
    results: Path | str | None = None,
    workers: int | None = None,
    device: str = "auto",
    log: Callable[[str], None] | None = None,
) -> list[Repeat]:
    """Make recorded runs again, elsewhere, and compare them with their records.

    Args:
        runs: The runs; those without a record are left out.
        sample: How many of them, drawn at random; None for all.
        seed: Of the drawing; None for another one each time.
        results: Folder of the records, see `lrlab.studies.folder`; nothing in it is changed.
        workers: See `lrlab.studies.execute`.
        device: See `lrlab.studies.execute`.
        log: See `lrlab.studies.execute`.

    Raises:
        ValueError: See `lrlab.studies.execute`.
        lrlab.studies.RecordError: A record cannot be used.
        lrlab.data.DataError: A data set cannot be had.
    """
    runs = list(runs)
    absent = store.missing(runs, results)
    recorded = [run for run in runs if run not in absent]
    if sample is not None:
        recorded = random.Random(seed).sample(recorded, min(sample, len(recorded)))
    with tempfile.TemporaryDirectory() as folder:
        report = execute(recorded, results=folder, workers=workers, device=device, log=log)
        why = {outcome.run: outcome.error or "" for outcome in report.failed}
        found = []
        for run in recorded:
            before, after = store.read(run, results), store.read(run, folder)
            if before is None or after is None:
                reason = why.get(run) or report.ended or "its record was removed meanwhile"
                found.append(Repeat(run, FAILED, why=reason))
            else:
                found.append(compare(run, before, after))
    return found


def compare(run: Run, before: History, after: History) -> Repeat:
    """Compare two histories of a run, curve by curve and epoch by epoch."""
    if (old := before.provenance["data"]) != (new := after.provenance["data"]):
        why = f"the images are others ({new}) than those of the record ({old})"
        return Repeat(run, FAILED, why=why, provenance=after.provenance)
    if before.epochs != after.epochs:
        why = f"it ended after {after.epochs} epochs, the record after {before.epochs}"
        return Repeat(run, DIFFERENT, why=why, provenance=after.provenance)
    largest, first = 0.0, None
    for epoch in range(before.epochs):
        for metric in METRICS:
            one, other = getattr(before, metric)[epoch], getattr(after, metric)[epoch]
            if not _same(one, other):
                first = epoch if first is None else first
                largest = max(largest, _deviation(one, other, metric))
    if first is None and (before.lr_changes != after.lr_changes or _unlike(before, after)):
        first, largest = before.epochs - 1, math.inf
    word = EQUAL if first is None else CLOSE if largest <= TOLERANCE else DIFFERENT
    return Repeat(run, word, first, largest, provenance=after.provenance)


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _deviation(one: float, other: float, metric: str) -> float:
    scale = 2.0 if metric == "test_accuracy" else abs(one)
    difference = abs(one - other) / scale if scale else math.inf
    return difference if math.isfinite(difference) else math.inf


def _unlike(before: History, after: History) -> bool:
    """Whether something that the record measured came out otherwise."""
    old, new = (json.loads(json.dumps(one.measured)) for one in (before, after))
    return bool({key: new.get(key) for key in old} != old)


def note(repeats: Iterable[Repeat], results: Path | str | None = None) -> Path:
    """Note for each study when, where and how often runs were made again, and what came out.

    Args:
        repeats: What was found; what failed is not noted.
        results: Folder of the records.

    Returns:
        The file, which `notes` reads.

    Raises:
        lrlab.studies.RecordError: It cannot be read or written.
    """
    known = notes(results)
    by_study: dict[str, list[Repeat]] = {}
    for one in repeats:
        if one.word != FAILED:
            by_study.setdefault(one.run.study, []).append(one)
    today = datetime.date.today().isoformat()
    for study, several in by_study.items():
        provenance = several[0].provenance or {}
        counts = Counter(one.word for one in several)
        known[study] = {
            "date": today,
            "device": provenance.get("device", ""),
            "torch": provenance.get("torch", ""),
            **{word: counts[word] for word in (EQUAL, CLOSE, DIFFERENT)},
        }
    file = store.folder(results) / NOTES
    try:
        write_text(file, json.dumps(known, indent=1, sort_keys=True) + "\n")
    except OSError as error:
        raise store.RecordError(f"cannot write {file}: {error.strerror or error}") from error
    return file


def notes(results: Path | str | None = None) -> dict[str, dict[str, Any]]:
    """Return what `note` has kept, by study; nothing if there is no such file.

    Raises:
        lrlab.studies.RecordError: The file cannot be used.
    """
    for place in store.places(results):
        file = place / NOTES
        try:
            known = parse_json(read_text(file))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise store.RecordError(f"cannot use {file}: {error}. Move it away") from error
        if isinstance(known, dict) and all(isinstance(one, dict) for one in known.values()):
            return known
        raise store.RecordError(f"cannot use {file}: it holds no table of tables. Move it away")
    return {}
