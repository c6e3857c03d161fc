"""Networks that something wraps: their snapshots, their runs, and messages that name the prefix."""

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from lrlab import CyclicCosine
from lrlab.data import load
from lrlab.pytorch.fitting import fit
from lrlab.pytorch.loop import Observer
from lrlab.pytorch.snapshots import load_snapshot
from lrlab.training import Recipe, SnapshotError, Snapshots, snapshot_paths

DIGITS = load("digits", 90, test_limit=40)


def network(seed=0, hidden=4):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [nn.Linear(64, hidden), nn.BatchNorm1d(hidden), nn.Linear(hidden, 10)]
        return nn.Sequential(nn.Flatten(), *layers)


def compiled(model):
    return torch.compile(model, backend="eager")


def partly_compiled(model):
    """As large networks are: layer by layer."""
    model[1] = compiled(model[1])
    return model


class Classifier(nn.Module):
    """A wrapper of the reader's own."""

    def __init__(self, model):
        super().__init__()
        self.model = model


WRAPPERS = {
    "bare": lambda model: model,
    "compiled": compiled,
    "partly compiled": partly_compiled,
    "parallel": nn.DataParallel,
    "averaged": AveragedModel,
    "compiled average of parallel": lambda model: compiled(AveragedModel(nn.DataParallel(model))),
    "own": Classifier,
}


MODULE = {"parallel", "averaged", "compiled average of parallel"}


def inside(model):
    """The parameters and statistics, whatever their names."""
    return [value for name, value in model.state_dict().items() if name[-10:] != "n_averaged"]


def assert_same_bits(one, other):
    assert all(torch.equal(a, b) for a, b in zip(inside(one), inside(other), strict=True))


@pytest.mark.parametrize("theirs", WRAPPERS)
@pytest.mark.parametrize("ours", WRAPPERS)
def test_any_wrapper_loads_what_any_other_has_saved(tmp_path, ours, theirs):
    saved, model, path = WRAPPERS[theirs](network(1)), WRAPPERS[ours](network(2)), tmp_path / "a.pt"
    torch.save(saved.state_dict(), path)
    if (ours == "own") is not (theirs == "own") and MODULE & {ours, theirs}:
        with pytest.raises(SnapshotError, match=r"no \S*mod\S*1\.weight, .* and 1\d more"):
            load_snapshot(path, model)  # nothing says that the two prefixes mean the same
        saved = network(2)
    else:
        assert load_snapshot(path, model) is model
    assert_same_bits(model, saved)


def test_an_average_keeps_its_count(tmp_path):
    saved, model = AveragedModel(network(1)), AveragedModel(network(2))
    saved.update_parameters(network(1))
    torch.save(saved.state_dict(), tmp_path / "a.pt")
    load_snapshot(tmp_path / "a.pt", model)
    assert int(model.n_averaged) == 1
    torch.save(network(3).state_dict(), tmp_path / "a.pt")
    load_snapshot(tmp_path / "a.pt", model)
    assert int(model.n_averaged) == 1
    assert_same_bits(model, network(3))


OTHERS = {
    "one layer less": (
        lambda: nn.DataParallel(network()[:3]).state_dict(),
        r"no 3.weight, no 3.bias \('module.' in front of names is no matter\)$",
    ),
    "one layer more": (
        lambda: compiled(AveragedModel(network().append(nn.Linear(10, 2)))).state_dict(),
        r"a _orig_mod.module.4.weight that this network does not have, a _orig_mod.module.4.bias "
        r"that this network does not have \('module.' in front of names is no matter\)$",
    ),
    "the loss as well": (
        lambda: Classifier(network()).state_dict() | {"loss.weight": torch.ones(2)},
        r"a loss.weight that this network does not have \('model.' in front of names is no ma",
    ),
    "another size": (
        lambda: compiled(network(hidden=5)).state_dict(),
        r"_orig_mod.1.weight of shape \(5, 64\), not \(4, 64\), .* and 4 more$",
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_the_message_names_the_prefix_and_what_differs_behind_it(tmp_path, kind):
    state, message = OTHERS[kind]
    torch.save(state(), tmp_path / "a.pt")
    model = network(2)
    with pytest.raises(SnapshotError, match=r"a\.pt is of another network: " + message):
        load_snapshot(tmp_path / "a.pt", model)
    assert_same_bits(model, network(2))


# --- runs ----------------------------------------------------------------------------------------


class Ends(Observer):
    def after_epoch(self, training):
        if training.epoch == 1:
            raise KeyboardInterrupt


def run(folder, model, observers=()):
    recipe = Recipe(CyclicCosine(0.2, cycle_epochs=2), epochs=4, batch_size=40)
    history = fit(model, DIGITS, recipe, snapshots=Snapshots(folder), observers=observers)
    return model, history


@pytest.mark.parametrize(
    ("first", "then"), [("compiled", "bare"), ("bare", "parallel"), ("averaged", "averaged")]
)
def test_a_run_goes_on_with_whatever_is_wrapped_around_its_network(tmp_path, first, then):
    whole, reference = run(tmp_path / "whole", network(1))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", WRAPPERS[first](network(1)), [Ends()])
    model, history = run(tmp_path / "cut", WRAPPERS[then](network(2)))
    assert_same_bits(model, whole)
    assert history.train_loss == reference.train_loss
    assert history.network == "Sequential"
    for path in snapshot_paths(tmp_path / "cut", ".pt"):
        other = tmp_path / "whole" / path.name
        assert path.read_bytes() == other.read_bytes(), "the names are those of the network inside"
