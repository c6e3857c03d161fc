"""The command: what it prints, and the status it ends with."""

import re
import shlex
import subprocess
import sys
import tomllib

import joblib
import pytest

from lrlab import __main__ as module
from lrlab import cli
from lrlab.statistics import mean_interval
from lrlab.studies import STUDIES, Report, Run, execution, store
from tests.conftest import ROOT
from tests.support import tiny_study as tiny
from tests.support.histories import follow_run

pytestmark = pytest.mark.usefixtures("tiny_images")


@pytest.fixture
def lrlab(tmp_path, capsys):
    """Call the command on the tiny studies; returns its status and what it printed."""

    def call(*arguments):
        status = cli.main([*arguments, "--results", str(tmp_path)], tiny.STUDIES)
        return status, *capsys.readouterr()

    return call


def record(tmp_path, run: Run, **last):
    """A record without a run; its last epoch's values are given."""
    made = {"device": f"device {run.seed % 2}", "torch": "9.9", "data": "d"}
    last = {"train_loss": 1.0, "test_loss": 2.0, "test_accuracy": 0.25, **last}
    curves = {name: [0.9] * (run.recipe.epochs - 1) + [value] for name, value in last.items()}
    history = follow_run(run, provenance=made, **curves)
    store.save(run, history, tmp_path)
    return history


# --- run ------------------------------------------------------------------------------------------


def test_run_makes_what_is_missing_and_reports_failures(lrlab, tmp_path):
    status, out, err = lrlab("run", "faulty", "--workers", "1", "--device", "cpu")
    assert status == 1
    assert "runs made: 2, already there: 0" in out
    assert re.search(r"^faulty/blobs-seed-0 failed: ValueError", err, re.M)
    assert "runs failed: 1, not made: 0. The same command tries again" in err
    assert len(list(tmp_path.rglob("*.json"))) == 2


def test_run_of_what_is_there_does_nothing(lrlab, tmp_path):
    for run in tiny.TINY.runs():
        record(tmp_path, run)
    assert lrlab("run", "tiny") == (0, f"runs made: 0, already there: 12, in {tmp_path}\n", "")


def test_dry_run_only_says_what_it_would_do(lrlab, tmp_path):
    record(tmp_path, tiny.TINY.runs()[0])
    status, out, _ = lrlab("run", "tiny", "--dry-run", "--seeds", "2")
    assert status == 0
    assert out.splitlines() == [
        "tiny/lr-0.01-seed-0", "tiny/falling-seed-0", "tiny/lr-0.1-seed-1",
        "tiny/lr-0.01-seed-1", "tiny/falling-seed-1", f"5 of 6 runs to make, in {tmp_path}",
    ]  # fmt: skip
    assert len(list(tmp_path.rglob("*.json"))) == 1


def test_run_names_a_broken_record(lrlab, tmp_path):
    record(tmp_path, tiny.TINY.runs()[0])
    file = tmp_path / "tiny" / "lr-0.1-seed-0.json"
    file.write_text(file.read_text()[:100])
    status, _, err = lrlab("run", "tiny")
    assert status == 1
    assert f"lrlab: cannot use {file}" in err


def test_run_names_a_missing_data_set(lrlab, tmp_path, monkeypatch):
    monkeypatch.setenv("LRLAB_DATA", str(tmp_path / "nowhere"))
    status, _, err = lrlab("run", "tiny", "--seeds", "1", "--workers", "1")
    assert status == 1
    assert "nowhere, which is not a folder" in err


def test_ctrl_c_says_how_to_go_on(lrlab, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "execute", interrupted)
    status, _, err = lrlab("run", "t*y", "--seeds", "3")
    assert status == 130
    results = shlex.quote(str(tmp_path))
    assert err.splitlines()[-1] == f"  lrlab run 't*y' --seeds 3 --results {results}"


def test_run_says_at_once_what_to_install(lrlab, tmp_path, monkeypatch):
    def no_torch():
        raise ImportError("there is no PyTorch here. Install it: pip install torch")

    monkeypatch.setattr(execution, "_pytorch", no_torch)
    status, out, err = lrlab("run", "tiny")
    assert (status, out) == (1, "")
    assert err == "lrlab: there is no PyTorch here. Install it: pip install torch\n"
    assert lrlab("run", "tiny", "--dry-run")[0] == lrlab("list")[0] == lrlab("show", "tiny")[0] == 0


def test_options_reach_execute(lrlab, tmp_path, monkeypatch):
    seen = {}

    def spy(runs, **options):
        seen.update(options, runs=runs)
        return Report(present=0)

    monkeypatch.setattr(cli, "execute", spy)
    assert lrlab("run", "tiny", "--seeds", "7", "--workers", "3", "--device", "cuda")[0] == 0
    assert (seen["workers"], seen["device"], seen["results"]) == (3, "cuda", str(tmp_path))
    assert {run.seed for run in seen["runs"]} == set(range(7))
    assert lrlab("run", "tiny", "faulty")[0] == 0
    assert (seen["workers"], seen["device"]) == (None, "auto")
    assert len(seen["runs"]) == 12 + 3


# --- list -----------------------------------------------------------------------------------------


def test_list_counts_records(lrlab, tmp_path):
    for run in tiny.TINY.runs()[:4]:
        record(tmp_path, run)
    status, out, _ = lrlab("list")
    assert status == 0
    lines = [re.split("  +", line) for line in out.splitlines()]
    assert lines == [
        ["study", "settings", "seeds", "recorded", "what it is"],
        ["tiny", "3", "4", "4/12", "for tests"],
        ["faulty", "3", "1", "0/3", "one setting cannot be run, one diverges"],
        ["endless", "4", "1", "0/4", "two runs finish, two never do"],
        ["blinks", "1", "3", "0/3", "three runs, as short as can be"],
        [f"records: {tmp_path}"],
    ]
    assert "tiny" not in lrlab("list", "faulty")[1]


def test_list_names_what_does_not_belong(lrlab, tmp_path):
    record(tmp_path, tiny.TINY.runs()[0])
    (tmp_path / "tiny" / "stranger-seed-0.json").write_text("{}")
    (tmp_path / "old-study").mkdir()
    status, out, err = lrlab("list")
    assert status == 1
    assert "1/12" in out
    assert "stranger-seed-0.json belongs to no setting of tiny" in err
    assert "old-study belongs to no study" in err


@pytest.mark.parametrize("command", [["list"], ["show", "tiny"]])
def test_one_bad_record_is_named_and_the_others_are_used(lrlab, tmp_path, command):
    runs = [run for run in tiny.TINY.runs() if run.setting.label == "lr 0.1"]
    for run in runs:
        record(tmp_path, run)
    bad = store.path(runs[0], tmp_path)
    bad.write_text(bad.read_text().replace('"test_loss":[0.9', '"test_loss":["0.9"'))
    odd = store.path(runs[1], tmp_path)
    odd.write_text(odd.read_text().replace('"device":"device 1","torch":"9.9",', ""))
    evil = store.path(runs[2], tmp_path)
    evil.write_text(evil.read_text().replace('"device 0"', r'"\u001b[2Jevil\r"'))
    (tmp_path / "tiny" / "\x1b[31m-seed-0.json").touch()
    status, out, err = lrlab(*command)
    assert status == 1
    assert f"lrlab: {tmp_path}/tiny/\\x1b[31m-seed-0.json belongs to no setting of tiny" in err
    assert f"cannot use {bad}: this is no record of a run: test_loss[0] must be a finite" in err
    assert "\x1b" not in out + err
    assert "\r" not in out + err
    if command == ["list"]:
        assert "3/12" in out
    else:
        assert re.search("^lr 0.1 +3 ", out, re.M)
        assert out.splitlines()[-3:] == [
            "made on (not told), torch (not told)",
            r"made on \x1b[2Jevil\r, torch 9.9",
            "made on device 1, torch 9.9",
        ]


def test_an_installed_package_shows_its_records_beside_the_readers(tmp_path, monkeypatch, capsys):
    shipped, work = tmp_path / "recorded", tmp_path / "work"
    (work / "results" / "strangers").mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setattr(store, "SHIPPED", shipped)
    runs = tiny.TINY.runs()
    for run in runs[:-1]:
        record(shipped, run)
    assert cli.main(["list"], tiny.STUDIES) == 0
    out = capsys.readouterr().out
    assert "11/12" in out
    assert out.endswith(f"records: results, then {shipped}\n")
    assert cli.main(["run", "tiny", "--dry-run"], tiny.STUDIES) == 0
    assert capsys.readouterr().out == ("tiny/falling-seed-3\n1 of 12 runs to make, in results\n")
    record(None, runs[-1], test_accuracy=0.125)
    assert cli.main(["run", "tiny"], tiny.STUDIES) == cli.main(["show", "tiny"], tiny.STUDIES) == 0
    assert "already there: 12, in results, then" in capsys.readouterr().out
    assert (work / "results" / "tiny" / "falling-seed-3.json").exists()


# --- show -----------------------------------------------------------------------------------------


def test_show_gives_means_and_intervals(lrlab, tmp_path):
    for run in tiny.TINY.runs():
        accuracy = 0.8 + 0.01 * run.seed
        record(tmp_path, run, test_accuracy=accuracy, train_loss=run.seed + 1.0, test_loss=0.5)
    status, out, _ = lrlab("show", "tiny")
    assert status == 0
    lines = out.splitlines()
    assert lines[:2] == ["tiny: for tests", "It decides: nothing"]
    row = next(re.split("  +", line) for line in lines if line.startswith("lr 0.01"))
    expected = [mean_interval([1, 2, 3, 4]), mean_interval([0.5] * 4)]
    expected.append(mean_interval([0.80, 0.81, 0.82, 0.83]))
    assert row == ["lr 0.01", "4", *(interval.format(4) for interval in expected)]
    assert lines[-2:] == ["made on device 0, torch 9.9", "made on device 1, torch 9.9"]


def test_show_counts_what_stopped_early_and_does_not_average_it(lrlab, tmp_path):
    runs = [run for run in tiny.TINY.runs() if run.setting.label == "lr 0.1"]
    record(tmp_path, runs[0], test_accuracy=0.9)
    history = record(tmp_path, runs[1], test_loss=float("nan"))
    assert history.stopped
    out = lrlab("show", "tiny")[1].splitlines()
    rows = {row[0]: row[1:] for row in (re.split("  +", line) for line in out)}
    assert rows["lr 0.1"] == ["2", "1.0000", "2.0000", "0.9000", "1"]
    assert rows["falling"] == ["0", "-", "-", "-"]


def test_show_of_several_keeps_them_apart(lrlab):
    out = lrlab("show", "*")[1]
    assert re.search(r"\n\nfaulty: one setting", out)
    assert out.count("It decides: ") == 1, "only a study that does says so"


def test_show_tells_what_was_written_down_before_the_runs(capsys):
    assert cli.main(["show", "D3"]) == 0
    shown = capsys.readouterr().out
    assert STUDIES["D3"].decides in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 120


# --- the command line -----------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "list", "show"])
def test_an_unknown_name_is_a_misuse(capsys, command):
    assert cli.main([command, "D2-cosin"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("lrlab: there is no study 'D2-cosin'. Did you mean D2-cosine")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["run"],
        ["show"],
        ["fly"],
        *(
            ["run", "x", option, value]
            for option in ("--seeds", "--workers")
            for value in ("0", "-1", "1.5", "1e3", "", "x", "99999999999", "9" * 5_000)
        ),
        ["run", "x", "--seeds", "1001"],
    ],
    ids=lambda arguments: " ".join(arguments)[:30],
)
def test_a_command_line_that_makes_no_sense_is_a_misuse(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: lrlab" in capsys.readouterr().err


def test_the_highest_numbers_that_make_sense(lrlab):
    most = str(4 * joblib.cpu_count())
    assert lrlab("run", "tiny", "--dry-run", "--seeds", "1000", "--workers", most)[0] == 0


@pytest.mark.parametrize("command", ["run", "list", "show"])
@pytest.mark.parametrize(
    ("results", "told"),
    [
        ("~nobody-of-this-name/x", "results must name a folder, received '~nobody-of-this-name/x'"),
        ("", "results must name a folder, received ''"),
        (str(ROOT / "Makefile"), f"cannot read {ROOT / 'Makefile'}: Not a directory. Make it read"),
    ],
)
def test_a_folder_that_is_none_is_named_in_one_line(capsys, command, results, told):
    assert cli.main([command, "tiny", "--results", results], tiny.STUDIES) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"lrlab: {told}")


@pytest.mark.parametrize("command", ["", "run", "list", "show"])
def test_help_is_whole(command, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert len(capsys.readouterr().out) > 200


INTERRUPTED = """
import importlib.abc, runpy, signal, sys

class Strike(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1]:
            signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)  # also where this test runs under nohup
sys.meta_path.insert(0, Strike())
runpy.run_module("lrlab", run_name="__main__")
"""


@pytest.mark.parametrize("where", ["lrlab.cli", "lrlab.studies", "joblib"])
def test_ctrl_c_while_the_command_is_imported_ends_it_in_a_word(where):
    program = [sys.executable, "-c", INTERRUPTED, where]
    run = subprocess.run(program, cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "\nStopped.\n")


def test_the_module_is_the_command():
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert entry["project"]["scripts"] == {"lrlab": f"{module.__name__}:{module.main.__name__}"}
    run = subprocess.run(
        [sys.executable, "-m", "lrlab", "list", "D2-*"], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 10


def test_help_imports_nothing_heavy():
    program = (
        "import sys\nfrom lrlab.cli import main\n"
        "try:\n    main(['list', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted(sys.modules.keys() & {'torch', 'keras', 'scipy', 'sklearn', 'matplotlib',"
        " 'pandas', 'requests'}))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.splitlines()[-1] == "[]", run.stderr
