"""What the chapters' cells need: the size of a live computation, and results as one shows them.

A chapter trains networks while the reader watches. With a GPU it can afford the documents' own
sizes; without one it has to make do with fewer images and epochs. :func:`pick` decides in one
place, and the environment variable ``LRLAB_SCALE`` (``quick`` or ``full``) overrules it.

Some results differ from machine to machine. :func:`about` shows such a number behind the sign
``≈`` and raises when it leaves the range that the chapter's text relies on. nbval, which executes
the chapters and compares the outputs, ignores the number behind the sign (``book/nbval.cfg``), and
nothing else. :func:`table` shows several results together.
"""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from lrlab.utils import checks

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["about", "approximate", "pick", "table"]

T = TypeVar("T")


def pick(*, quick: T, full: T) -> T:
    """Return the value that belongs to the current scale.

    ``LRLAB_SCALE`` decides when it is set (an empty value counts as not set). Otherwise the scale
    is full when PyTorch or TensorFlow, whichever is already imported, sees a GPU, and else quick.
    No framework is imported to find out.

    Args:
        quick: Value for a machine without a GPU, and for CI.
        full: Value for a machine with a GPU.

    Returns:
        ``quick`` or ``full``.

    Raises:
        ValueError: If ``LRLAB_SCALE`` is neither ``quick`` nor ``full``.

    Example:
        >>> import os
        >>> from unittest import mock
        >>> with mock.patch.dict(os.environ, LRLAB_SCALE="quick"):
        ...     pick(quick=2, full=30)
        2
    """
    return full if _full() else quick


def _full() -> bool:
    scale = os.environ.get("LRLAB_SCALE") or ("full" if _sees_gpu() else "quick")
    if scale not in ("quick", "full"):
        raise ValueError(f"LRLAB_SCALE must be 'quick' or 'full', received {scale!r}")
    return scale == "full"


def _sees_gpu() -> bool:
    # sys.modules instead of an import: a framework that the chapter does not use is neither
    # needed nor loaded (seconds, and GPU memory in TensorFlow's case).
    torch = sys.modules.get("torch")
    with warnings.catch_warnings():  # a build of torch for GPUs warns where there is no driver
        warnings.filterwarnings("ignore", "CUDA initialization", UserWarning)
        if torch and (torch.cuda.is_available() or torch.backends.mps.is_available()):
            return True
    tensorflow = sys.modules.get("tensorflow")
    return bool(tensorflow and tensorflow.config.list_physical_devices("GPU"))


def about(
    value: float, low: float, high: float, *, label: str = "", unit: str = "", digits: int = 2
) -> None:
    """Print a number that differs from machine to machine, and check that it is in its range.

    Args:
        value: The number.
        low: The least value that agrees with the text around it.
        high: The greatest such value.
        label: What the number is; printed before it.
        unit: Its unit; printed after it.
        digits: How many significant digits to show.

    Raises:
        ValueError: The value is not finite or lies outside ``[low, high]``, or ``low`` is above
            ``high``.

    Example:
        >>> about(0.2345, 0.2, 0.3, label="test loss", unit="nats")
        test loss ≈ 0.23 nats
        >>> about(0.31, 0.2, 0.3, label="test loss")
        Traceback (most recent call last):
        ...
        ValueError: test loss must be a finite real number in [0.2, 0.3], received 0.31
    """
    number = approximate(value, low, high, digits=digits, name=label or "value")
    print(*(part for part in (label, number, unit) if part))


def approximate(
    value: float, low: float, high: float, *, digits: int = 2, name: str = "value"
) -> str:
    """Return a number as `about` prints it, for a cell of a `table` or the middle of a sentence.

    Args:
        value: The number.
        low: The least value that is allowed.
        high: The greatest value that is allowed.
        digits: How many significant digits to show.
        name: What the error message calls the value.

    Returns:
        The sign ``≈`` and the number.

    Raises:
        ValueError: The value is not finite or lies outside ``[low, high]``, or ``low`` is above
            ``high``.

    Example:
        >>> approximate(48_120, 40_000, 60_000)
        '≈ 48,000'
    """
    if not low <= high:
        raise ValueError(f"low must not be above high, received low={low!r}, high={high!r}")
    value = value.item() if hasattr(value, "item") else value  # arrays and tensors of one number
    number = checks.number(name, value, f"in [{low}, {high}]", lambda x: low <= x <= high)
    return f"≈ {_significant(number, checks.count('digits', digits))}"


def _significant(number: float, digits: int) -> str:
    rounded = float(f"{number:.{digits - 1}e}")
    if rounded and not 1e-4 <= abs(rounded) < 1e9:
        return f"{rounded:.{digits - 1}e}"
    before_point = math.floor(math.log10(abs(rounded))) + 1 if rounded else 1
    return f"{rounded:,.{max(digits - before_point, 0)}f}"


def table(
    rows: Sequence[Mapping[str, Any]] | Mapping[Any, Mapping[str, Any]] | pd.DataFrame,
    *,
    label: str = "",
    units: Mapping[str, str] | None = None,
    digits: int | Mapping[str, int] = 2,
) -> pd.DataFrame:
    """Return results as a table that a notebook shows when it is the last value of a cell.

    Args:
        rows: One mapping from column to cell for each row; or for the label of each row such a
            mapping; or a data frame, whose named or labelled index becomes the first columns. A
            cell is a number, an interval of `lrlab.statistics`, a text, or a number out of
            `approximate`. A cell that is missing, None or nan shows as a dash.
        label: Heading of the column with the labels.
        units: For a column its unit, which the heading shows in parentheses.
        digits: Decimals of the numbers and intervals that are not integers; or for a column its
            decimals, with 2 for the others.

    Returns:
        A data frame of texts, rounded alike in HTML and in plain text.

    Raises:
        ValueError: ``units`` or ``digits`` names a column that the table lacks, or some decimals
            are no integer of at least 0.

    Example:
        >>> from lrlab.statistics import mean_interval
        >>> table(
        ...     {
        ...         "SGD": {"rate": 0.1, "loss": mean_interval([0.5, 0.52, 0.54])},
        ...         "Adam": {"rate": 0.001, "loss": approximate(0.4321, 0.4, 0.5)},
        ...     },
        ...     label="optimizer",
        ...     units={"loss": "nats"},
        ...     digits={"rate": 3},
        ... )
        optimizer | rate  | loss (nats)
        SGD       | 0.100 | 0.52 [0.47, 0.57]
        Adam      | 0.001 | ≈ 0.43
    """
    frame = _framed(rows, label)
    decimals = digits if isinstance(digits, Mapping) else dict.fromkeys(frame.columns, digits)
    for name, named in (("units", units or {}), ("digits", decimals)):
        if unknown := [column for column in named if column not in frame.columns]:
            raise ValueError(
                f"{name} must name columns out of {list(frame.columns)}, received {unknown}"
            )
    texts = {}
    for place, column in enumerate(frame.columns):
        shown = checks.whole("digits", decimals.get(column, 2))
        heading = f"{column} ({units[column]})" if units and column in units else str(column)
        texts[heading] = [_cell_text(cell, shown) for cell in frame.iloc[:, place]]
    return _table_class()(texts)


def _framed(rows: Any, label: str) -> pd.DataFrame:
    """The rows as a data frame of the cells themselves, whose index is the running number."""
    import pandas as pd

    if isinstance(rows, Mapping):
        labels = pd.Index(list(rows), name=label, dtype=object)
        rows = pd.DataFrame([dict(row) for row in rows.values()], index=labels, dtype=object)
    elif not isinstance(rows, pd.DataFrame):
        return pd.DataFrame([dict(row) for row in rows], dtype=object)
    if isinstance(rows.index, pd.RangeIndex) and rows.index.name is None:
        return rows
    names = [label if name is None else name for name in rows.index.names]
    return rows.reset_index(names=names)


def _cell_text(cell: Any, digits: int) -> str:
    if isinstance(cell, str):
        return cell
    if hasattr(cell, "format"):  # an interval, whose class stands on the same floor as this module
        return str(cell.format(digits))
    if cell is None or cell != cell:
        return "–"
    return f"{cell:.{digits}f}" if isinstance(cell, float) or _is_numpy_float(cell) else str(cell)


def _is_numpy_float(cell: Any) -> bool:
    return getattr(getattr(cell, "dtype", None), "kind", "") == "f"


@cache
def _table_class() -> type[pd.DataFrame]:
    import pandas as pd  # only for those who make a table: it takes half a second

    class Table(pd.DataFrame):
        """A data frame of texts that is shown whole and without the running number."""

        def _repr_html_(self) -> str:
            return str(self.to_html(index=False, border=0))

        def __repr__(self) -> str:
            columns = [[name, *self[name]] for name in self.columns]
            # A column of ≈ numbers is not padded, or a number of another length would move others.
            widths = [0 if "≈" in "".join(texts) else max(map(len, texts)) for texts in columns]
            padded = [
                [text.ljust(width) for text in texts]
                for texts, width in zip(columns, widths, strict=True)
            ]
            return "\n".join(" | ".join(row).rstrip() for row in zip(*padded, strict=True))

    return Table
