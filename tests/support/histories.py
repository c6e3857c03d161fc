"""Records of runs that nobody made."""

from lrlab import ExponentialDecay, Recipe
from lrlab.training import History

USUAL = {"train_loss": 1.0, "test_loss": 2.0, "test_accuracy": 0.5, "seconds": 0.1}
NOWHERE = {"device": "none", "data": "fingerprint"}


def follow(recipe, used=None, *, steps=3, epochs=None, provenance=NOWHERE, **curves):
    """A run that did what its recipe says, or used the rate ``used(t)`` where it set one.

    ``epochs`` are those that it finished, by default all; ``curves`` have a value for each.
    """
    used = used or recipe.schedule
    images = steps * recipe.batch_size
    history = History(recipe, "LeNet", "images", images, dict(provenance))
    for epoch in range(recipe.epochs if epochs is None else epochs):
        for step in range(steps):
            t = epoch + step / steps
            history.record_lr(t, used(t if recipe.per == "step" else epoch))
        own = {name: values[epoch] for name, values in curves.items()}
        history.record_epoch(**{**USUAL, **own})
    return history


def follow_run(run, used=None, **options):
    """The same for a run of a study, with the network and on the images that it asks for."""
    wanted = run.setting
    images = wanted.data.limit or 512
    history = follow(run.recipe, used, steps=run.recipe.steps_per_epoch(images), **options)
    history.network, history.dataset = wanted.network.name, wanted.data.name
    history.train_images = images
    return history


def make_history(schedule=None, *, per="epoch", steps=3, epochs=2, late=0):
    """A run that followed its schedule, or followed it ``late`` epochs too late."""
    schedule = schedule or ExponentialDecay(0.8, gamma=0.5)
    recipe = Recipe(schedule, epochs=max(epochs, 1), per=per)
    return follow(recipe, lambda t: schedule(max(t - late, 0)), steps=steps, epochs=epochs)
