/**
 * The lines of Python that give a schedule's rates: in lrlab and in Keras; torch_lines.js has those
 * of PyTorch.
 *
 * Each function takes a config as the explorer makes it, and the length of the run, and returns a
 * sentence that says what the lines are and the lines themselves. Such a config is one that
 * `Schedule.to_config()` gives, of a class alone; warmed up along a straight line; joined to a
 * second one, each on its own clock; and held. Others, scaled ones among them, have no lines here.
 * The lines are complete but for the reader's own `model`, `train_loader` and `train_data`. A
 * framework's own class is used where it gives the same rates in every step of such a run; the
 * lengths of time in the config have to be whole epochs. Otherwise the lines spell the rate out as
 * a function of time. A test executes what the explorer's copy button gives and compares all rates
 * with lrlab's.
 */
(() => {
  "use strict";
  const lrlab = (globalThis.lrlab = globalThis.lrlab || {});

  // --- Python ------------------------------------------------------------------------------------

  /** A value as Python writes it; numbers without the last bits, in which only rounding is left. */
  function python(value) {
    if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
    if (typeof value === "number") return String(Number(value.toPrecision(15)));
    if (typeof value === "boolean") return value ? "True" : "False";
    return `"${value}"`;
  }

  /** A number as Python writes a float: Keras takes the type of the rates from the first one. */
  const float = (x) => (Number.isInteger(x) ? x.toFixed(1) : python(x));

  /** The line that imports those of some names which a text uses; "" if it uses none. */
  function imports(module, names, text) {
    const used = names.filter((name) => new RegExp(`\\b${name}\\b`).test(text)).sort();
    return used.length ? `from ${module} import ${used.join(", ")}\n` : "";
  }

  // --- lrlab -------------------------------------------------------------------------------------

  // Parameters that lrlab's classes and functions may leave out, with their values then.
  const OPTIONAL = {
    PolynomialDecay: { final_lr: 0 },
    LinearDecay: { final_lr: 0 },
    CosineDecay: { final_lr: 0 },
    CyclicCosine: { cycle_mult: 1, final_lr: 0 },
    InverseTimeDecay: { power: 1, final_lr: 0 },
    InverseSqrtDecay: { timescale_epochs: 1, final_lr: 0 },
    Triangular: { down_epochs: null, cycle_gamma: 1, gamma: 1 },
    Recurrence: { exponent: 1.0001 },
    OneCycle: {
      warmup_fraction: 0.3, initial_div: 25, final_div: 1e4, shape: "cosine", three_phase: false },
    WarmupStableDecay: { final_lr: 0, shape: "linear" },
    Warmup: { begin_lr: 0, power: 1, clock: "own" },
    Joined: { clock: "own" },
  };

  // The functions that make the composed ones, and how many arguments they take by position.
  const FUNCTIONS = {
    Warmup: ["warmup", 2], Joined: ["join", 1], Held: ["hold", 2] };

  // Names of the pieces: two cycles of three phases each, warmed up, joined and held, are ten.
  const ORDER = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth",
    "ninth", "tenth"];

  /** The call that makes a schedule; the pieces of a join get statements of their own. */
  function call(config, statements) {
    const spelled = (value) => (value && value.class ? call(value, statements) : python(value));
    const pieces = (schedules) => {
      const names = schedules.map((piece) => {
        const made = call(piece, statements);
        statements.push(`${ORDER[statements.length]} = ${made}`);
        return ORDER[statements.length - 1];
      });
      return `[${names.join(", ")}]`;
    };
    const { class: name, ...parameters } = config;
    const [maker, positional] = FUNCTIONS[name] || [name, 1];
    const optional = OPTIONAL[name] || {};
    const texts = Object.entries(parameters).flatMap(([key, value], place) => {
      if (key in optional && optional[key] === value) return [];
      const text = key === "schedules" ? pieces(value) : spelled(value);
      return place < positional ? text : `${key}=${text}`;
    });
    return `${maker}(${texts.join(", ")})`;
  }

  function linesOfLrlab(config, epochs) {
    const statements = [];
    statements.push(`schedule = ${call(config, statements)}`);
    const made = statements.join("\n");
    const functions = Object.values(FUNCTIONS).map(([name]) => name);
    const names = [...Object.keys(lrlab.schedules.RATES), ...functions];
    return {
      note: "A value: ask it for the rate at any time, or join it to a framework.",
      code: `${imports("lrlab", names, made)}
${made}

# PyTorch: lrlab.pytorch.ScheduleLR(optimizer, schedule, steps_per_epoch=n)
# Keras: lrlab.keras.KerasSchedule(schedule, epochs=${epochs}, steps_per_epoch=n)
`,
    };
  }

  // --- the rate as a function of time, in plain Python -------------------------------------------

  /** From `start` at weight 1 to `end` at weight 0, as text. */
  const mix = (start, end, weight) => {
    const [a, b] = [python(start), python(end)];
    return end === 0 ? `return ${a} * ${weight}` : `return ${b} + (${a} - ${b}) * ${weight}`;
  };

  const HALF_COSINE = "(1 + cos(pi * u)) / 2";

  /** For each class the body of a function of t; `inner` gives the name of a schedule inside. */
  const BODIES = {
    Constant: (c) => [`return ${c.lr}`],
    StepDecay: (c) => [`return ${c.lr} * ${c.gamma} ** (t // ${c.step_epochs})`],
    MultiStepDecay: (c) => [
      `cuts = sum(t >= cut for cut in ${python(c.milestones)})`,
      `return ${c.lr} * ${c.gamma} ** cuts`],
    ExponentialDecay: (c) => [`return ${c.lr} * ${c.gamma} ** t`],
    Geometric: (c) => [
      `u = min(t / ${c.total_epochs}, 1)`, `return ${c.lr} ** (1 - u) * ${c.final_lr} ** u`],
    PolynomialDecay: (c) => [
      `u = min(t / ${c.total_epochs}, 1)`, mix(c.lr, c.final_lr, `(1 - u) ** ${c.power}`)],
    LinearDecay: (c) => [
      `u = min(t / ${python(c.total_epochs)}, 1)`, mix(c.lr, c.final_lr, "(1 - u)")],
    CosineDecay: (c) => [
      `u = min(t / ${python(c.total_epochs)}, 1)`, mix(c.lr, c.final_lr, HALF_COSINE)],
    CyclicCosine: (c) => [
      ...(c.cycle_mult === 1 ? [`u = t % ${c.cycle_epochs} / ${c.cycle_epochs}`] : [
        `length = ${c.cycle_epochs}`,
        "while t >= length:",
        `    t, length = t - length, ${c.cycle_mult} * length`,
        "u = t / length"]),
      mix(c.lr, c.final_lr, HALF_COSINE)],
    InverseTimeDecay: (c) => [mix(c.lr, c.final_lr, `(1 + ${c.rate} * t) ** -${c.power}`)],
    InverseSqrtDecay: (c) => [mix(c.lr, c.final_lr, `(1 + t / ${c.timescale_epochs}) ** -0.5`)],
    Triangular: (c) => {
      const [up, down] = [c.up_epochs, c.down_epochs || c.up_epochs];
      const lowered = (c.cycle_gamma === 1 ? "" : ` * ${c.cycle_gamma} ** cycle`) +
        (c.gamma === 1 ? "" : ` * ${c.gamma} ** t`);
      return [
        `cycle, part = divmod(t, ${up + down})`,
        `height = min(part / ${up}, (${up + down} - part) / ${down})${lowered}`,
        `return ${c.lr} + (${c.max_lr} - ${c.lr}) * height`];
    },
    Recurrence: (c) => (c.rule === "power"
      ? [`return ${c.lr} ** (${c.exponent} ** int(t))`]
      : [`lr = ${c.lr}`, "for _ in range(int(t)):", "    lr = sin(lr)", "return lr"]),
    WarmupStableDecay: (c) => [
      `if t < ${c.warmup_epochs}:`,
      `    return ${c.lr} * t / ${c.warmup_epochs}`,
      `u = min(max((t - ${c.warmup_epochs + c.stable_epochs}) / ${c.decay_epochs}, 0), 1)`,
      mix(c.lr, c.final_lr, c.shape === "linear" ? "(1 - u)" : "(1 - u ** 0.5)")],
    Warmup: (c, inner) => {
      const after = inner(c.schedule);
      const ramp = `t / ${c.epochs}`;
      const rise = c.begin_lr === 0 ? `return ${after}(0) * ${ramp}`
        : `return ${c.begin_lr} + (${after}(0) - ${c.begin_lr}) * ${ramp}`;
      return [`if t < ${c.epochs}:`, `    ${rise}`, `return ${after}(t - ${c.epochs})`];
    },
    Joined: (c, inner) => {
      const starts = [0, ...c.at].map((at) => (at ? `t - ${python(at)}` : "t"));
      const calls = c.schedules.map((piece, i) => `return ${inner(piece)}(${starts[i]})`);
      const tests = c.at.flatMap((at, i) => [`if t < ${python(at)}:`, `    ${calls[i]}`]);
      return [...tests, calls.at(-1)];
    },
    Held: (c, inner) => [`return ${inner(c.schedule)}(t // ${c.step_epochs} * ${c.step_epochs})`],
  };

  /** The definitions of `rate(t)` and of the functions that it calls. */
  function rateFunction(config) {
    const definitions = [];
    const define = (c, own, remark = "") => {
      const body = c.class === "OneCycle" ? lrlab.schedules.phases(c) : c;
      const lines = BODIES[body.class](body, (piece) => define(piece)).map((x) => `    ${x}`);
      const name = own || ORDER[definitions.length];
      definitions.push([`def ${name}(t):${remark}`, ...lines].join("\n"));
      return name;
    };
    define(config, "rate", "  # after t epochs");
    const text = definitions.join("\n\n\n");
    return { text, math: imports("math", ["cos", "pi", "sin"], text) };
  }

  // --- Keras -------------------------------------------------------------------------------------

  const KERAS_CLASSES = [
    "ExponentialDecay", "PiecewiseConstantDecay", "PolynomialDecay", "CosineDecay",
    "CosineDecayRestarts", "InverseTimeDecay", "LearningRateSchedule"];

  // As above. Restarts of growing length are left out: Keras finds the cycle by a logarithm in
  // float32, which is off by one at some restarts.
  const KERAS = {
    Constant: (c) => float(c.lr),
    StepDecay: (c) =>
      `ExponentialDecay(${float(c.lr)}, ${c.step_epochs} * n, ${c.gamma}, staircase=True)`,
    MultiStepDecay: (c) => {
      const values = [0, ...c.milestones].map((_, i) => c.lr * c.gamma ** i);
      const last = c.milestones.map((m) => `${m} * n - 1`).join(", ");
      return `PiecewiseConstantDecay([${last}], [${values.map(float).join(", ")}])`;
    },
    ExponentialDecay: (c) => `ExponentialDecay(${float(c.lr)}, n, ${c.gamma})`,
    Geometric: (c, epochs) => epochs <= c.total_epochs &&
      `ExponentialDecay(${float(c.lr)}, ${c.total_epochs} * n, ${c.final_lr} / ${c.lr})`,
    PolynomialDecay: (c) =>
      `PolynomialDecay(${float(c.lr)}, ${c.total_epochs} * n, ${c.final_lr}, power=${c.power})`,
    LinearDecay: (c) => `PolynomialDecay(${float(c.lr)}, ${c.total_epochs} * n, ${c.final_lr})`,
    CosineDecay: (c) =>
      `CosineDecay(${float(c.lr)}, ${c.total_epochs} * n, alpha=${python(c.final_lr / c.lr)})`,
    CyclicCosine: (c) => c.cycle_mult === 1 &&
      `CosineDecayRestarts(${float(c.lr)}, ${c.cycle_epochs} * n, t_mul=1.0, ` +
      `alpha=${python(c.final_lr / c.lr)})`,
    InverseTimeDecay: (c) => c.power === 1 && c.final_lr === 0 &&
      `InverseTimeDecay(${float(c.lr)}, n, ${c.rate})`,
    Warmup: ({ schedule: c, ...w }) => c.class === "CosineDecay" && `CosineDecay(
    ${float(w.begin_lr)},
    ${c.total_epochs} * n,
    alpha=${python(c.final_lr / c.lr)},
    warmup_target=${float(c.lr)},
    warmup_steps=${w.epochs} * n,
)`,
  };

  const KERAS_OWN = (text, epochs) => `
${text}


class Rate(LearningRateSchedule):
    def __init__(self, epochs, n):
        self.epochs, self.n = epochs, n
        self.rates = [rate(k / n) for k in range(epochs * n + 1)]

    def __call__(self, step):
        step = keras.ops.minimum(keras.ops.cast(step, "int32"), self.epochs * self.n)
        return keras.ops.take(keras.ops.convert_to_tensor(self.rates), step)

    def get_config(self):
        return {"epochs": self.epochs, "n": self.n}

`;

  function linesOfKeras(config, epochs) {
    const made = config.class in KERAS && KERAS[config.class](config, epochs);
    const spelled = made ? { math: "", text: "" } : rateFunction(config);
    const middle = made ? "" : KERAS_OWN(spelled.text, epochs);
    const why = config.schedule || config.schedules ? "Keras' classes do not follow one another"
      : config.class in KERAS ? "Keras' own class gives other rates here"
        : `Keras has no class for ${config.class}`;
    return {
      note: made ? "Keras' own class. It counts batches."
        : `${why}; one of your own looks the rates up.`,
      code: `${spelled.math}
import keras
${imports("keras.optimizers.schedules", KERAS_CLASSES, (made || "") + middle)}${middle}
n = len(train_data)  # batches in an epoch
learning_rate = ${made || `Rate(${epochs}, n)`}
optimizer = keras.optimizers.SGD(learning_rate)
`.trimStart(),
    };
  }

  lrlab.python = { imports, python, rateFunction };
  lrlab.lines = { lrlab: linesOfLrlab, keras: linesOfKeras };
})();
