/** The explorer of plateaus: draw a metric, and see where PyTorch's and Keras' rules cut the rate. */
(() => {
  "use strict";
  const { kit, plateau, plot } = globalThis.lrlab;
  const { coded, decades, nearest, range, shown, stairs, steps, stroked, uncoded } = kit;

  const EPOCHS = 40;
  const HIGHEST = 1.2; // a height of 1 as a metric, so that the steps of a drawn one are 0.02
  const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

  // The heights of the prepared metrics at the end of epoch e: losses. Accuracies are upside down.
  const COURSES = {
    steps: ["falls in steps", (e) => 0.1 + 0.7 * 0.5 ** Math.floor(e / 9)],
    smooth: ["falls smoothly", (e) => 0.15 + 0.75 * 0.88 ** e],
    rising: ["falls, then rises", (e) => 0.25 + 0.0011 * (e - 14) ** 2],
    flat: ["stays flat", () => 0.4],
  };

  /** Numbers around 0 with a spread of about 1, the same ones each time for a seed. */
  function noise(seed, count) {
    let last = seed;
    const next = () => {
      last = (last * 48271) % 2147483647; // a multiplicative congruential generator
      return last / 2147483647 - 0.5;
    };
    for (let i = 0; i < 10; i += 1) next(); // small seeds begin alike
    return Array.from({ length: count }, () => 2 * (next() + next() + next()));
  }

  /** The code of the metric that a state's choice prepares. */
  function prepared(state) {
    const spread = noise(state.seed, EPOCHS).map((x) => state.noise * x);
    return coded(spread.map((x, e) => {
      const loss = COURSES[state.metric][1](e) + x;
      return state.mode === "min" ? loss : 1 - loss;
    }));
  }

  const isDrawn = (state) => state.metric === "drawn";
  const metricsOf = (state) => uncoded(isDrawn(state) ? state.drawn : prepared(state))
    .map((height) => Number((HIGHEST * height).toFixed(2)));

  const METRIC = "The metric";
  const RULE = "The rule";
  const START = { metric: "steps", noise: 0.05, seed: 1, mode: "min" };
  const names = Object.entries(COURSES).map(([key, [name]]) => [key, name]);

  const controls = [
    { key: "metric", label: "metric", kind: "choice", value: START.metric, group: METRIC,
      options: { ...Object.fromEntries(names), drawn: "drawn by hand" } },
    { ...range(steps(0, 0.2, 0.01), START.noise), key: "noise", label: "noise", group: METRIC,
      words: { 0: "none" }, shown: (state) => !isDrawn(state) },
    { ...range(steps(1, 50, 1), START.seed), key: "seed", label: "seed of the noise",
      group: METRIC, shown: (state) => !isDrawn(state) && state.noise > 0 },
    { ...range(steps(0, EPOCHS - 1, 1), 0), key: "at", label: "move the dot after", group: METRIC,
      words: steps(1, EPOCHS, 1).map((done) => count(done, "epoch")), shown: isDrawn },
    { key: "drawn", label: "its metric", kind: "drawn", value: prepared(START), group: METRIC,
      at: (state) => state.at, words: (height) => (HIGHEST * height).toFixed(2), shown: isDrawn },
    { key: "mode", label: "mode", kind: "choice", value: START.mode, group: METRIC,
      options: { min: "min, as for a loss", max: "max, as for accuracy" } },

    { ...range(steps(0, 15, 1), 3), key: "patience", label: "patience", group: RULE },
    { ...range(steps(0, 10, 1), 2), key: "cooldown", label: "cooldown", group: RULE },
    { ...range([0, 1e-4, 1e-3, ...steps(0.01, 0.3, 0.01)], 1e-4), key: "min_delta",
      label: "threshold", group: RULE },
    { key: "threshold_mode", label: "PyTorch's is", kind: "choice", value: "rel", group: RULE,
      options: { rel: "relative", abs: "absolute" }, shown: (state) => state.min_delta > 0 },
    { ...range(steps(0.1, 0.9, 0.1), 0.5), key: "factor", label: "factor", group: RULE },
    { ...range(decades(-3, 0), 0.1), key: "lr", label: "first rate", group: RULE },
    { kind: "range", key: "min_lr", label: "min_lr", group: RULE, value: 0,
      values: (state) => [0, ...decades(-4, 0).filter((lr) => lr <= state.lr)] },
    { key: "same", label: "Keras with PyTorch's wait", kind: "check", value: false, group: RULE },
    { key: "lines", label: "framework", kind: "choice", value: "pytorch", group: "The lines",
      options: { pytorch: "PyTorch", keras: "Keras" } },
  ];

  /** The config of a convention's policy, as `ReduceOnPlateau.to_config()` gives it. */
  function config(state, convention) {
    const { lr, factor, mode, min_delta, min_lr } = state;
    const longer = state.same && convention === "keras"; // (p + 1, c + 1) there is (p, c) here
    return {
      class: "ReduceOnPlateau", lr, convention, factor, mode, min_delta, min_lr,
      patience: state.patience + (longer ? 1 : 0),
      cooldown: state.cooldown + (longer && state.cooldown > 0 ? 1 : 0),
      threshold_mode: convention === "keras" ? "abs" : state.threshold_mode,
      eps: 1e-8, raise_after: null, raise_factor: null,
    };
  }

  /** The metric, and for each convention its policy, the rates, and the epochs that end in a cut. */
  function course(state) {
    const metrics = metricsOf(state);
    const answer = (convention) => {
      const policy = config(state, convention);
      const rates = plateau.states(policy, metrics).map(({ lr }) => lr);
      const cuts = metrics.map((_, e) => e).filter((e) => rates[e + 1] < rates[e]);
      const { cutsAfter, skippedEpochs } = plateau.CONVENTIONS[convention];
      const wait = cutsAfter(policy.patience);
      return { policy, rates, cuts, wait, skipped: skippedEpochs(policy.cooldown) };
    };
    return { metrics, pytorch: answer("pytorch"), keras: answer("keras") };
  }

  // --- in words ----------------------------------------------------------------------------------

  // Epochs are told by how many are done, as the axes have them.
  function cutsInWords(name, { cuts, rates }) {
    const last = shown(rates.at(-1));
    const done = cuts.map((e) => e + 1).join(", ");
    const epochs = done === "1" ? "epoch" : "epochs";
    return cuts.length ? `${name} cuts after ${done} ${epochs}, down to ${last}.`
      : `${name} makes no cut.`;
  }

  /** What the two rules have different, whether it shows here or not. */
  function differences({ pytorch, keras }) {
    const found = [];
    if (pytorch.wait !== keras.wait) {
      found.push(`patience ${pytorch.policy.patience} is a wait of ` +
        `${count(pytorch.wait, "bad epoch")} in PyTorch and of ${keras.wait} in Keras`);
    }
    if (pytorch.skipped !== keras.skipped) {
      found.push(`cooldown ${pytorch.policy.cooldown} leaves out ` +
        `${count(pytorch.skipped, "epoch")} in PyTorch and ${keras.skipped} in Keras`);
    }
    const { min_delta, threshold_mode } = pytorch.policy;
    if (min_delta > 0 && threshold_mode === "rel") {
      found.push(`the threshold is ${shown(100 * min_delta)} % of the best metric in PyTorch and ` +
        `a difference of ${shown(min_delta)} in Keras`);
    }
    const lr = pytorch.rates.at(-1);
    if (plateau.CONVENTIONS.keras.cut(pytorch.policy, lr) < lr &&
        plateau.CONVENTIONS.pytorch.cut(pytorch.policy, lr) === lr) {
      found.push(`PyTorch makes no cut of ${shown(pytorch.policy.eps)} or less, its eps`);
    }
    return found;
  }

  function inWords(state, run) {
    const alike = String(run.pytorch.cuts) === String(run.keras.cuts);
    const told = alike ? [cutsInWords("PyTorch", run.pytorch), "Keras does the same."]
      : [cutsInWords("PyTorch", run.pytorch), cutsInWords("Keras", run.keras)];
    if (state.min_lr === state.lr) return [...told, "There is nothing to cut: the first rate is min_lr."].join(" ");
    const why = differences(run);
    if (why.length) told.push(`What differs${alike ? " does not show here" : ""}: ${why.join("; ")}.`);
    return told.join(" ");
  }

  // --- the lines ---------------------------------------------------------------------------------

  /** A rate as Python writes a float: Keras refuses a whole number for one. */
  const float = (x) => (Number.isInteger(x) ? x.toFixed(1) : String(x));

  const LINES = {
    pytorch: (p) => `import torch

optimizer = torch.optim.SGD(model.parameters(), lr=${float(p.lr)})
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
    optimizer,
    mode="${p.mode}",
    factor=${p.factor},
    patience=${p.patience},
    threshold=${p.min_delta},
    threshold_mode="${p.threshold_mode}",
    cooldown=${p.cooldown},
    min_lr=${float(p.min_lr)},
)

for epoch in range(${EPOCHS}):
    metric = train_and_validate()  # yours
    scheduler.step(metric)
`,
    keras: (p) => `import keras

model.compile(keras.optimizers.SGD(${float(p.lr)}), loss=loss, metrics=["accuracy"])
callback = keras.callbacks.ReduceLROnPlateau(
    monitor="${p.mode === "min" ? "val_loss" : "val_accuracy"}",
    mode="${p.mode}",
    factor=${p.factor},
    patience=${p.patience},
    min_delta=${p.min_delta},
    cooldown=${p.cooldown},
    min_lr=${float(p.min_lr)},
)
model.fit(train_data, validation_data=held_out, epochs=${EPOCHS}, callbacks=[callback])
`,
  };

  const code = (state) => LINES[state.lines](config(state, state.lines));

  // --- the page ----------------------------------------------------------------------------------

  /** Without the rate after the last epoch. */
  const inForce = ({ rates }) => stairs(rates.slice(0, EPOCHS));

  function draw(state, { figure, below, status, more, set }) {
    if (!isDrawn(state)) state.drawn = prepared(state); // what drawing by hand begins with
    const run = course(state);
    const x = { label: "epochs done", from: 0, to: EPOCHS };
    const wanted = state.mode === "min" ? "lower" : "higher";
    plot(figure, {
      title: "The metric, and the cuts: draw here",
      x,
      y: { label: `metric (${wanted} is better)`, from: 0, to: HIGHEST },
      lines: [
        { points: run.metrics.map((m, e) => [e + 1, m]), label: "metric", look: "plain",
          mark: "dot" },
        { points: [], label: "PyTorch", look: "first" },
        { points: [], label: "Keras", look: "second" },
      ],
      cuts: [
        ...run.pytorch.cuts.map((e) => ({ x: e + 1, look: "first" })),
        ...run.keras.cuts.map((e) => ({ x: e + 1, look: "second" })),
      ],
      marker: isDrawn(state) ? [state.at + 1, run.metrics[state.at]] : undefined,
      stroke: (...ends) => {
        const [from, to] = ends.map(([t, m]) => [t - 1, m / HIGHEST]);
        const at = nearest(steps(0, EPOCHS - 1, 1), to[0]);
        set({ metric: "drawn", at, drawn: coded(stroked(uncoded(state.drawn), from, to)) });
      },
    });

    plot(below, {
      title: "The rates that answer",
      x,
      y: { label: "learning rate", from: 0, to: state.lr * 1.05 },
      lines: [
        { points: inForce(run.pytorch), label: "PyTorch", look: "first" },
        { points: inForce(run.keras), label: "Keras", look: "second" },
      ],
    });

    kit.caption(figure, ["pytorch", "keras"].map((convention) => {
      const { cuts, rates } = run[convention];
      const name = convention === "keras" ? "Keras" : "PyTorch";
      return `${name}: ${count(cuts.length, "cut")}, last rate ${shown(rates.at(-1))}`;
    }).join("; "));
    kit.say(status, inWords(state, run));
    more.replaceChildren(...kit.linesToCopy(code(state)));
  }

  kit.explorer("plateau", {
    hint: "Try this: draw over the metric with the pointer, or choose one. Then tick the box for " +
      "Keras with PyTorch's wait: with the small threshold both cut in the same epochs. Raise the " +
      "threshold to 0.1, and they part again.",
    controls,
    draw,
  });
  lrlab.explorers = { ...lrlab.explorers, plateau: { code, config, controls, course } };
})();
