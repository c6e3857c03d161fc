"""What cells use: the size of a live computation, numbers in a range, tables."""

import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from lrlab.notebook import about, approximate, pick, table
from lrlab.statistics import Interval

# --- pick ----------------------------------------------------------------------------------------


def fake_torch(cuda=False, mps=False):
    return SimpleNamespace(
        cuda=SimpleNamespace(is_available=lambda: cuda),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
    )


def fake_tensorflow(gpus=()):
    devices = {"GPU": list(gpus), "CPU": ["cpu:0"]}
    return SimpleNamespace(config=SimpleNamespace(list_physical_devices=lambda kind: devices[kind]))


def scale():
    return pick(quick="quick", full="full")


@pytest.fixture
def bare(monkeypatch):
    """Neither the variable nor a framework: other tests may have imported the real ones."""
    monkeypatch.delenv("LRLAB_SCALE", raising=False)
    for framework in ("torch", "tensorflow"):
        monkeypatch.delitem(sys.modules, framework, raising=False)


@pytest.mark.usefixtures("bare")
def test_quick_without_any_framework():
    assert scale() == "quick"


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("torch", "tensorflow", "expected"),
    [
        (fake_torch(), None, "quick"),
        (fake_torch(cuda=True), None, "full"),
        (fake_torch(mps=True), None, "full"),
        (None, fake_tensorflow(), "quick"),
        (None, fake_tensorflow(["gpu:0"]), "full"),
        (fake_torch(), fake_tensorflow(), "quick"),
        (fake_torch(), fake_tensorflow(["gpu:0"]), "full"),
    ],
)
def test_full_when_an_imported_framework_sees_a_gpu(monkeypatch, torch, tensorflow, expected):
    # None in sys.modules is also what Python keeps for an import that is blocked.
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    assert scale() == expected


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("value", ["quick", "full"])
@pytest.mark.parametrize("gpu", [False, True])
def test_environment_overrules_the_hardware(monkeypatch, value, gpu):
    monkeypatch.setenv("LRLAB_SCALE", value)
    monkeypatch.setitem(sys.modules, "torch", fake_torch(cuda=gpu))
    assert scale() == value


@pytest.mark.usefixtures("bare")
def test_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("LRLAB_SCALE", "")
    assert scale() == "quick"
    monkeypatch.setitem(sys.modules, "torch", fake_torch(cuda=True))
    assert scale() == "full"


@pytest.mark.parametrize("value", ["Full", "fast", " quick", "1"])
def test_any_other_value_is_refused(monkeypatch, value):
    monkeypatch.setenv("LRLAB_SCALE", value)
    with pytest.raises(ValueError, match=f"must be 'quick' or 'full', received '{value}'"):
        scale()


def test_pick_returns_the_value_itself(monkeypatch):
    quick, full = [], None  # false both: the choice must not go by truth
    monkeypatch.setenv("LRLAB_SCALE", "quick")
    assert pick(quick=quick, full=full) is quick
    monkeypatch.setenv("LRLAB_SCALE", "full")
    assert pick(quick=quick, full=full) is full


def test_neither_frameworks_nor_pandas_are_imported():
    code = (
        "import sys; from lrlab.notebook import about, pick; "
        "pick(quick=1, full=2); about(1, 0, 2); "
        "print({'torch', 'tensorflow', 'keras', 'pandas'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["≈ 1.0", "set()"]


# --- about ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (0.2345, 2, "0.23"),
        (0.2, 2, "0.20"),
        (-0.0456, 1, "-0.05"),
        (0, 3, "0.00"),
        (9.94, 2, "9.9"),
        (9.96, 2, "10"),
        (48_120, 2, "48,000"),
        (1_234_567, 4, "1,235,000"),
        (1e-4, 2, "0.00010"),
        (9.9e-5, 2, "9.9e-05"),
        (2.5e9, 1, "2e+09"),
        (np.float32(0.5), 2, "0.50"),
        (np.array(7), 1, "7"),
    ],
)
def test_significant_digits(value, digits, shown):
    assert approximate(value, -1, 3e9, digits=digits) == f"≈ {shown}"


def test_about_prints_the_label_before_and_the_unit_after(capsys):
    about(12.34, 10, 20, label="time", unit="s", digits=3)
    about(12.34, 10, 20, unit="s")
    about(12.34, 10, 20, label="time")
    about(12.34, 10, 20)
    assert capsys.readouterr().out.splitlines() == ["time ≈ 12.3 s", "≈ 12 s", "time ≈ 12", "≈ 12"]


@pytest.mark.parametrize("value", [2, 3, 2.5])
def test_both_ends_of_the_range_belong_to_it(value):
    assert approximate(value, 2, 3).startswith("≈ ")


@pytest.mark.parametrize(
    "value",
    [math.nextafter(2, 0), math.nextafter(3, 4), math.nan, math.inf, -math.inf, True, "2.5", None],
)
def test_what_is_no_number_of_the_range_is_refused(value, capsys):
    message = r"^loss must be a finite real number in \[2, 3\], received "
    with pytest.raises(ValueError, match=message):
        about(value, 2, 3, label="loss")
    with pytest.raises(ValueError, match=r"^value must be"):
        about(value, 2, 3)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("low", "high"), [(3, 2), (math.nan, 3), (2, math.nan)])
def test_a_range_the_wrong_way_round_is_refused(low, high):
    with pytest.raises(ValueError, match=f"low must not be above high, received low={low}, high"):
        about(2.5, low, high)


def test_digits_are_counted_from_one():
    with pytest.raises(ValueError, match="digits must be a positive integer, received 0"):
        about(2.5, 2, 3, digits=0)


# --- tables --------------------------------------------------------------------------------------


def html_cells(frame: pd.DataFrame) -> list[list[str]]:
    """Heading and rows of the HTML, read by another parser than the one that wrote it."""
    from xml.etree import ElementTree

    rows = ElementTree.fromstring(frame._repr_html_()).iter("tr")
    return [[cell.text or "" for cell in row] for row in rows]


def text_cells(frame: pd.DataFrame) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in repr(frame).splitlines()]


INTERVAL = Interval(0.5, 0.1, 0.9)
ROWS = [
    {"rate": 0.12345, "steps": 10, "loss": INTERVAL, "says": "holds"},
    {"rate": np.float32(2), "steps": np.int64(2_000), "loss": None, "says": "≈ 1.5"},
    {"rate": math.nan, "says": "<&>"},
]
SHOWN = [
    ["rate (1/s)", "steps", "loss", "says"],
    ["0.12", "10", "0.50 [0.10, 0.90]", "holds"],
    ["2.00", "2000", "–", "≈ 1.5"],
    ["–", "–", "–", "<&>"],
]


def test_a_table_is_rounded_alike_as_html_and_as_text():
    frame = table(ROWS, units={"rate": "1/s"})
    assert isinstance(frame, pd.DataFrame)
    assert html_cells(frame) == text_cells(frame) == SHOWN


def test_decimals_for_all_columns_or_for_some():
    assert text_cells(table(ROWS, digits=1))[1] == ["0.1", "10", "0.5 [0.1, 0.9]", "holds"]
    some = table(ROWS, digits={"rate": 0, "loss": 3})
    assert text_cells(some)[1] == ["0", "10", "0.500 [0.100, 0.900]", "holds"]
    assert text_cells(table(ROWS, digits={"rate": 4}))[1][2] == INTERVAL.format(2)


def test_labels_are_the_first_column():
    frame = table({"SGD": {"loss": 1.0}, 0.9: {"loss": 2.0}}, label="optimizer")
    assert html_cells(frame) == [["optimizer", "loss"], ["SGD", "1.00"], ["0.90", "2.00"]]


def test_the_index_of_a_data_frame_is_a_column_if_it_says_something():
    frame = pd.DataFrame({"lr": [1, 1, 2], "seed": [0, 1, 0], "loss": [0.1, 0.2, 0.3]})
    assert text_cells(table(frame))[1] == ["1", "0", "0.10"]
    wide = frame.pivot(index="lr", columns="seed", values="loss")
    assert text_cells(table(wide)) == [["lr", "0", "1"], ["1", "0.10", "0.20"], ["2", "0.30", "–"]]
    named = frame.set_index(pd.Index(["a", "b", "c"]))
    assert text_cells(table(named, label="run"))[0] == ["run", "lr", "seed", "loss"]
    assert frame.columns.tolist() == ["lr", "seed", "loss"], "the argument stays as it was"


def test_nothing_is_cut_short():
    frame = table([{"text": "x" * 200, "row": row} for row in range(100)])
    assert html_cells(frame) == text_cells(frame)
    assert len(text_cells(frame)) == 101
    assert text_cells(frame)[-1] == ["x" * 200, "99"]


def test_columns_are_aligned_and_those_of_approximate_numbers_are_not_padded():
    rows = [{"a": "long text", "b": "≈ 9.5", "c": 1}, {"a": "", "b": "≈ 10", "c": 1}]
    assert repr(table(rows)).splitlines() == [
        "a         | b | c",
        "long text | ≈ 9.5 | 1",
        "          | ≈ 10 | 1",
    ]


def test_units_and_digits_of_columns_that_are_not_there():
    with pytest.raises(ValueError, match=r"units must name columns .*'says'\], received \['x'\]"):
        table(ROWS, units={"x": "s"})
    with pytest.raises(ValueError, match=r"digits must name columns .*, received \['x'\]"):
        table(ROWS, digits={"rate": 1, "x": 2})
    with pytest.raises(ValueError, match="digits must be an integer of at least 0, received -1"):
        table(ROWS, digits=-1)
