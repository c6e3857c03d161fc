/**
 * The schedules of lrlab once more: the rate of a config at a moment.
 *
 * A config is what `Schedule.to_config()` gives, as JSON: the name of a class and its parameters,
 * with configs inside the composed ones. Time t is counted in epochs from 0. A test compares every
 * formula with lrlab's in a browser, at thousands of moments of random configs.
 */
(() => {
  "use strict";
  const lrlab = (globalThis.lrlab = globalThis.lrlab || {});

  // Slack of a moment against a boundary, as in lrlab: 0.3 / 0.1 is just below 3.
  const SLACK = 1 + 1e-10;

  // Epochs whose rates a recurrence computes one after the other.
  const STEPWISE = 10000;

  const clip = (x) => Math.min(Math.max(x, 0), 1);

  /** How many whole periods are over at t: ⌊t / period⌋. */
  const wholePeriods = (t, period) =>
    Math.floor(Math.min((t / period) * SLACK, Number.MAX_VALUE));

  /** Which part of the running period is over, in [0, 1]. */
  const partOfPeriod = (t, period) =>
    clip(Math.min(t / period, Number.MAX_VALUE) - wholePeriods(t, period));

  /** How many of the increasing moments lie at or before t. */
  const reached = (t, moments) => moments.filter((moment) => moment <= t * SLACK).length;

  /** `start` at weight 1, `end` at weight 0. */
  const between = (start, end, weight) => start * weight + end * (1 - weight);

  /** Half a cosine from 1 to 0 while u goes from 0 to 1: (1 + cos πu) / 2. */
  const halfCosine = (u) => (1 + Math.cos(Math.PI * clip(u))) / 2;

  /** base^exponent, where JavaScript has NaN for 1^∞ and IEEE 754 and Python have 1. */
  const power = (base, exponent) => (base === 1 ? 1 : base ** exponent);

  /**
   * Restarts: u of cycle i, which lasts c·mⁱ epochs and begins at c·(mⁱ − 1)/(m − 1).
   * @param {number} t Epochs.
   * @param {number} length Epochs c of the first cycle.
   * @param {number} mult Factor m.
   */
  function partOfCycle(t, length, mult) {
    if (mult === 1) return partOfPeriod(t, length);
    const growth = Math.log(mult);
    const start = (cycle) => Math.expm1(cycle * growth) / Math.expm1(growth);
    const cycles = t / length; // time in units of the first cycle
    let cycle = Math.floor(Math.log1p(cycles * Math.expm1(growth)) / growth);
    // At a restart the logarithm may fall short by a rounding; the sum itself decides.
    if (cycles * SLACK >= start(cycle + 1)) cycle += 1;
    return (cycles - start(cycle)) / Math.exp(cycle * growth);
  }

  /** η_{e+1} = sin η_e; far out, where a loop would not end, by the sum of A(x) as in lrlab. */
  function sines(lr, epochs) {
    let rate = lr;
    for (let e = 0; e < Math.min(epochs, STEPWISE); e += 1) rate = Math.sin(rate);
    let quotient = 1; // of the squares: how many times smaller they get in the epochs that are left
    for (let round = 0; round < 4; round += 1) {
      const others = 0.6 * Math.log(quotient) + (79 / 1050) * rate ** 2 * (1 - 1 / quotient);
      quotient = 1 + (rate ** 2 / 3) * (Math.max(epochs - STEPWISE, 0) + others);
    }
    return rate / Math.sqrt(quotient);
  }

  /** One cycle as what it is made of: two or three phases, each half a cosine or a line. */
  function phases(c) {
    const first = c.max_lr / c.initial_div;
    const last = first / c.final_div;
    const [rise, total] = [c.warmup_fraction, c.total_epochs];
    const corners = c.three_phase ? [first, c.max_lr, first, last] : [first, c.max_lr, last];
    const parts = c.three_phase ? [rise, rise, 1 - 2 * rise] : [rise, 1 - rise];
    const way = c.shape === "cosine" ? "CosineDecay" : "LinearDecay";
    const schedules = parts.map((part, i) => (
      { class: way, lr: corners[i], total_epochs: part * total, final_lr: corners[i + 1] }));
    const at = [rise * total, 2 * rise * total].slice(0, parts.length - 1);
    return { class: "Joined", schedules, at, clock: "own" };
  }

  /** For each class its rate: of the config c at the moment t, in epochs. */
  const RATES = {
    /** η */
    Constant: (c) => c.lr,

    /** η γ^⌊t/s⌋ */
    StepDecay: (c, t) => c.lr * power(c.gamma, wholePeriods(t, c.step_epochs)),

    /** η γ^k, k the milestones ≤ t */
    MultiStepDecay: (c, t) => c.lr * c.gamma ** reached(t, c.milestones),

    /** η γ^t */
    ExponentialDecay: (c, t) => c.lr * c.gamma ** t,

    /** η^(1−u) η_T^u, u = min(t/T, 1) */
    Geometric: (c, t) => {
      const u = Math.min(t / c.total_epochs, 1);
      return c.lr ** (1 - u) * c.final_lr ** u;
    },

    /** η_T + (η − η_T)(1 − t/T)^p, then η_T */
    PolynomialDecay: (c, t) =>
      between(c.lr, c.final_lr, (1 - Math.min(t / c.total_epochs, 1)) ** c.power),

    /** η_T + (η − η_T)(1 − t/T), then η_T */
    LinearDecay: (c, t) => between(c.lr, c.final_lr, 1 - Math.min(t / c.total_epochs, 1)),

    /** η_T + (η − η_T)(1 + cos(πt/T))/2, then η_T */
    CosineDecay: (c, t) => between(c.lr, c.final_lr, halfCosine(t / c.total_epochs)),

    /** η_min + (η − η_min)(1 + cos πu)/2, u the part of the running cycle that is over */
    CyclicCosine: (c, t) =>
      between(c.lr, c.final_lr, halfCosine(partOfCycle(t, c.cycle_epochs, c.cycle_mult))),

    /** η_∞ + (η − η_∞)(1 + rt)^(−p) */
    InverseTimeDecay: (c, t) => between(c.lr, c.final_lr, (1 + c.rate * t) ** -c.power),

    /** η_∞ + (η − η_∞)(1 + t/τ)^(−1/2) */
    InverseSqrtDecay: (c, t) =>
      between(c.lr, c.final_lr, 1 / Math.sqrt(1 + t / c.timescale_epochs)),

    /** η + (η_max − η) u cⁱ γ^t, u the height in triangle i */
    Triangular: (c, t) => {
      const [up, down] = [c.up_epochs, c.down_epochs || c.up_epochs];
      const [part, peak] = [partOfPeriod(t, up + down), up / (up + down)];
      const height = Math.min(part / peak, (1 - part) / (1 - peak));
      const lowered = height * power(c.cycle_gamma, wholePeriods(t, up + down)) * c.gamma ** t;
      return between(c.max_lr, c.lr, lowered);
    },

    /** Once an epoch: sin of the last rate, or its power p, so η^(p^e) in epoch e = ⌊t⌋ */
    Recurrence: (c, t) => {
      const epochs = wholePeriods(t, 1);
      return c.rule === "sin" ? sines(c.lr, epochs) : power(c.lr, c.exponent ** epochs);
    },

    /** From η_max/d to η_max at p·T, and down to η_max/(d·d_final) at T, in two or three phases */
    OneCycle: (c, t) => rate(phases(c), t),

    /** η t/w up to w, η, and from the end of the stable part on η_T + (η − η_T)(1 − u or √u) */
    WarmupStableDecay: (c, t) => {
      const begin = c.warmup_epochs + c.stable_epochs;
      if (t < begin) return c.lr * Math.min(t / c.warmup_epochs, 1);
      const done = clip((t - begin) / c.decay_epochs);
      return between(c.lr, c.final_lr, 1 - (c.shape === "linear" ? done : Math.sqrt(done)));
    },

    /** b + (s(0) − b)(t/w)^p up to w, then s(t − w); on the common clock s(t) in both */
    Warmup: (c, t) => {
      const target = rate(c.schedule, c.clock === "common" ? t : Math.max(t - c.epochs, 0));
      if (t >= c.epochs) return target;
      return c.begin_lr + (target - c.begin_lr) * Math.min(t / c.epochs, 1) ** c.power;
    },

    /** s_i(t − a_i) for a_i ≤ t < a_{i+1}; on the common clock s_i(t) */
    Joined: (c, t) => {
      const piece = reached(t, c.at);
      const start = c.clock === "own" ? [0, ...c.at][piece] : 0;
      return rate(c.schedules[piece], Math.max(t - start, 0));
    },

    /** f·s(t), or f(t)·s(t) */
    Scaled: (c, t) =>
      (typeof c.factor === "number" ? c.factor : rate(c.factor, t)) * rate(c.schedule, t),

    /** s(⌊t/h⌋ h) */
    Held: (c, t) => {
      const begun = wholePeriods(t, c.step_epochs) * c.step_epochs;
      return rate(c.schedule, Number.isFinite(begun) ? begun : t);
    },
  };

  /**
   * The learning rate in force.
   * @param {object} config A schedule as `to_config()` describes it.
   * @param {number} t Epochs, at least 0.
   * @returns {number}
   * @throws {RangeError} The class is not known, t is no moment, or the rate is not finite.
   */
  function rate(config, t) {
    if (!Object.hasOwn(RATES, config.class)) throw new RangeError(`no schedule ${config.class}`);
    if (!(t >= 0 && t < Infinity)) {
      throw new RangeError(`t must be finite and at least 0, not ${t}`);
    }
    const found = RATES[config.class](config, t);
    if (!Number.isFinite(found)) throw new RangeError(`the rate at ${t} is ${found}`);
    return found;
  }

  lrlab.schedules = { RATES, phases, rate };
})();
