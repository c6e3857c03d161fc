"""Records of runs that nobody made."""

from lrlab import ExponentialDecay
from lrlab.training import History


def make_history(schedule=None, per="epoch", steps=3, epochs=2, late=0):
    """A run that followed its schedule, or followed it ``late`` epochs too late."""
    schedule = schedule or ExponentialDecay(0.8, gamma=0.5)
    config = {"schedule": schedule.to_config(), "per": per, "steps_per_epoch": steps}
    history = History(config, {"device": "none"})
    for epoch in range(epochs):
        for step in range(steps):
            t = epoch + step / steps if per == "step" else epoch
            history.record_lr(epoch + step / steps, schedule(max(t - late, 0)))
        history.record_epoch(train_loss=1.0, test_loss=2.0, test_accuracy=0.5, seconds=0.1)
    return history
