"""lrlab.scale: the environment decides, then a GPU seen by a framework in use, else quick."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from lrlab import notebook as scale


def fake_torch(cuda=False, mps=False):
    return SimpleNamespace(
        cuda=SimpleNamespace(is_available=lambda: cuda),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
    )


def fake_tensorflow(gpus=()):
    devices = {"GPU": list(gpus), "CPU": ["cpu:0"]}
    return SimpleNamespace(config=SimpleNamespace(list_physical_devices=lambda kind: devices[kind]))


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """Neither the variable nor a framework: other tests may have imported the real ones."""
    monkeypatch.delenv("LRLAB_SCALE", raising=False)
    for framework in ("torch", "tensorflow"):
        monkeypatch.delitem(sys.modules, framework, raising=False)


def test_quick_without_any_framework():
    assert scale.current() == "quick"


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
        (fake_torch(cuda=True), fake_tensorflow(), "full"),
    ],
)
def test_full_when_an_imported_framework_sees_a_gpu(monkeypatch, torch, tensorflow, expected):
    # None in sys.modules is also what Python keeps for an import that is blocked.
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    assert scale.current() == expected


@pytest.mark.parametrize("value", ["quick", "full"])
@pytest.mark.parametrize("gpu", [False, True])
def test_environment_overrules_the_hardware(monkeypatch, value, gpu):
    monkeypatch.setenv("LRLAB_SCALE", value)
    monkeypatch.setitem(sys.modules, "torch", fake_torch(cuda=gpu))
    assert scale.current() == value


def test_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("LRLAB_SCALE", "")
    assert scale.current() == "quick"
    monkeypatch.setitem(sys.modules, "torch", fake_torch(cuda=True))
    assert scale.current() == "full"


@pytest.mark.parametrize("value", ["Full", "fast", " quick", "1"])
def test_any_other_value_is_refused(monkeypatch, value):
    monkeypatch.setenv("LRLAB_SCALE", value)
    message = f"LRLAB_SCALE must be 'quick' or 'full', received '{value}'"
    with pytest.raises(ValueError, match=message):
        scale.current()
    with pytest.raises(ValueError, match=message):
        scale.pick(quick=1, full=2)


def test_pick_returns_the_value_itself(monkeypatch):
    quick, full = [], None  # false both: the choice must not go by truth
    monkeypatch.setenv("LRLAB_SCALE", "quick")
    assert scale.pick(quick=quick, full=full) is quick
    monkeypatch.setenv("LRLAB_SCALE", "full")
    assert scale.pick(quick=quick, full=full) is full


def test_pick_takes_keywords_only():
    with pytest.raises(TypeError):
        scale.pick(1, 2)


def test_no_framework_is_imported():
    code = (
        "import sys; from lrlab import scale; scale.current(); "
        "print({'torch', 'tensorflow', 'keras'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_real_torch_answers(monkeypatch):
    monkeypatch.undo()  # the real module back, in case another test imported it
    monkeypatch.delenv("LRLAB_SCALE", raising=False)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    torch = pytest.importorskip("torch")
    sees_gpu = torch.cuda.device_count() > 0 or torch.backends.mps.is_available()
    assert scale.current() == ("full" if sees_gpu else "quick")
