/**
 * The plateau policies of lrlab once more: the rate that answers to a metric.
 *
 * A policy is what `ReduceOnPlateau.to_config()` gives, as JSON. A test compares the states with
 * lrlab's in a browser, for thousands of random policies and metrics, NaN and infinities among them.
 */
(() => {
  "use strict";
  const lrlab = (globalThis.lrlab = globalThis.lrlab || {});

  const { fround } = Math; // the nearest number in float32; beyond its range an infinity

  const FLOAT32_TINY = 2 ** -126;

  /** What Keras compares: float32, where TensorFlow takes numbers below 1.2e-38 for 0. */
  function compared(value) {
    const single = fround(value);
    return Math.abs(single) < FLOAT32_TINY ? 0 : single;
  }

  // The frameworks' ways, under the names that lrlab's conventions have.
  const CONVENTIONS = {
    keras: {
      /** P = max(p, 1) */
      cutsAfter: (patience) => Math.max(patience, 1),

      /** C = max(c − 1, 0) */
      skippedEpochs: (cooldown) => Math.max(cooldown - 1, 0),

      /** The first metric is the best whatever it is. */
      firstBest: () => null,

      /** m + δ < b, or m − δ > b, in float32 */
      isBetter: (policy, metric, best) => (policy.mode === "min"
        ? compared(metric + policy.min_delta) < compared(best)
        : compared(metric - policy.min_delta) > compared(best)),

      kept: fround,

      /** max(γη, η_min) in float32 */
      cut: (policy, lr) => {
        const lower = Math.max(lr * policy.factor, policy.min_lr);
        return lower < lr ? fround(lower) : lr;
      },
    },

    pytorch: {
      /** P = p + 1 */
      cutsAfter: (patience) => patience + 1,

      /** C = c */
      skippedEpochs: (cooldown) => cooldown,

      firstBest: (mode) => (mode === "min" ? Infinity : -Infinity),

      /** m < b − δ, or m > b + δ; with a relative threshold δb in place of δ */
      isBetter: (policy, metric, best) => {
        const delta = policy.mode === "min" ? -policy.min_delta : policy.min_delta;
        const bar = policy.threshold_mode === "rel" ? best * (1 + delta) : best + delta;
        return policy.mode === "min" ? metric < bar : metric > bar;
      },

      kept: (lr) => lr,

      /** max(γη, η_min), unless the cut would be ε at most */
      cut: (policy, lr) => {
        const lower = Math.max(lr * policy.factor, policy.min_lr);
        return lr - lower > policy.eps ? lower : lr;
      },
    },
  };

  /** The state before the first epoch. */
  function start(policy) {
    const { kept, firstBest } = CONVENTIONS[policy.convention];
    const best = firstBest(policy.mode);
    return { lr: kept(policy.lr), best, wait: 0, cooldown_left: 0, spell: 0 };
  }

  /** The rate that a spell without improvement raises it to; the same where it raises none. */
  function raised(policy, lr, spell, metric) {
    const due = policy.raise_after !== null && spell > 0 && spell % policy.raise_after === 0;
    if (!due || !Number.isFinite(metric)) return lr;
    return CONVENTIONS[policy.convention].kept(Math.min(lr * policy.raise_factor, policy.lr));
  }

  /** The state after an epoch that ended with a metric. */
  function update(policy, state, metric) {
    const convention = CONVENTIONS[policy.convention];
    const good = state.best === null || convention.isBetter(policy, metric, state.best);
    const next = {
      lr: state.lr,
      best: good ? metric : state.best,
      wait: good || state.cooldown_left > 0 ? 0 : state.wait + 1,
      cooldown_left: Math.max(state.cooldown_left - 1, 0),
      spell: good ? 0 : state.spell + 1,
    };
    const higher = raised(policy, state.lr, next.spell, metric);
    const rises = higher > state.lr;
    if (rises || next.wait >= convention.cutsAfter(policy.patience)) {
      next.lr = rises ? higher : convention.cut(policy, state.lr);
      next.wait = 0;
      next.cooldown_left = convention.skippedEpochs(policy.cooldown);
    }
    return next;
  }

  /** The states before the first epoch and after each. */
  function states(policy, metrics) {
    const all = [start(policy)];
    for (const metric of metrics) all.push(update(policy, all.at(-1), metric));
    return all;
  }

  lrlab.plateau = { CONVENTIONS, states };
})();
