/** The first explorer: choose a schedule, warm up, join a second one, and take the lines along. */
(() => {
  "use strict";
  const { kit, lines, plot, schedules } = globalThis.lrlab;
  const { decades, element, range, shown, steps } = kit;

  const epochs = (from, to, value) => range(steps(from, to, 1), value, "epochs");
  const choice = (value, ...options) => ({
    kind: "choice", options: Object.fromEntries(options.map((name) => [name, name])), value });

  // The controls of a schedule's parameters. Lengths of time are whole epochs, so that every border
  // is a step of the frameworks. Two parameters of one name are two controls where they differ.
  const PARAMETERS = {
    lr: range(decades(-4, 0), 0.1),
    max_lr: range(decades(-4, 0), 0.5),
    final_lr: range([0, ...decades(-5, 0)], 0),
    end_lr: { ...range(decades(-5, 0), 0.001), label: "final_lr" },
    total_epochs: epochs(1, 100, 25),
    step_epochs: epochs(1, 50, 10),
    cut: { ...range(steps(0.05, 1, 0.05), 0.5), label: "gamma" },
    gamma: range(steps(0.5, 1, 0.01), 0.9),
    milestone: { ...epochs(1, 100, 15), label: "first cut" },
    milestone2: { ...epochs(1, 100, 25), label: "second cut" },
    power: range(steps(0.25, 4, 0.25), 2),
    inverse_power: { ...range(steps(0.25, 2, 0.25), 1), label: "power" },
    rate: range(steps(0.05, 2, 0.05), 0.5, "per epoch"),
    timescale_epochs: epochs(1, 50, 1),
    cycle_epochs: epochs(1, 50, 10),
    cycle_mult: range([1, 2, 3], 1),
    up_epochs: epochs(1, 25, 5),
    down_epochs: epochs(1, 25, 5),
    cycle_gamma: range(steps(0.1, 1, 0.1), 1),
    slow_gamma: { ...range(steps(0.9, 1, 0.01), 1), label: "gamma" },
    rule: choice("sin", "sin", "power"),
    exponent: { ...range(steps(1, 1.2, 0.0001), 1.0001), shown: (own) => own("rule") === "power" },
    warmup_fraction: range(steps(0.05, 0.45, 0.05), 0.3),
    initial_div: range(decades(0, 2), 25),
    final_div: range(decades(0, 4), 1e4),
    way: { ...choice("cosine", "cosine", "linear"), label: "shape" },
    three_phase: { kind: "check", value: false },
    warmup_epochs: epochs(1, 50, 3),
    stable_epochs: epochs(1, 100, 20),
    decay_epochs: epochs(1, 100, 7),
    shape: choice("linear", "linear", "1-sqrt"),
  };

  // For each class what it does, and its parameters; after a colon the control, if named otherwise.
  const CLASSES = {
    Constant: ["The same rate throughout", "lr"],
    StepDecay: ["Cut by a factor at regular intervals", "lr gamma:cut step_epochs"],
    MultiStepDecay: ["Cut by a factor at given moments", "lr gamma:cut milestones:milestone"],
    ExponentialDecay: ["Lose the same share in every epoch", "lr gamma"],
    Geometric: ["Run from one rate to another by equal factors", "lr total_epochs final_lr:end_lr"],
    PolynomialDecay: ["Fall to a floor along a power", "lr total_epochs power final_lr"],
    LinearDecay: ["Fall to a floor along a straight line, then stay", "lr total_epochs final_lr"],
    CosineDecay: ["Half a cosine from peak to floor", "lr total_epochs final_lr"],
    CyclicCosine: ["A cosine that starts again from the peak at the end of every cycle",
      "lr cycle_epochs cycle_mult final_lr"],
    InverseTimeDecay: ["Fall with the inverse of time", "lr rate power:inverse_power final_lr"],
    InverseSqrtDecay: ["Fall with the inverse root of time", "lr timescale_epochs final_lr"],
    Triangular: ["Up along a line and down along another, again and again",
      "lr max_lr up_epochs down_epochs cycle_gamma gamma:slow_gamma"],
    Recurrence: ["A rate computed from the last one, once an epoch", "lr rule exponent"],
    OneCycle: ["Up to a peak, then down to far below the start",
      "max_lr:lr total_epochs warmup_fraction initial_div final_div shape:way three_phase"],
    WarmupStableDecay: ["Ramp from 0, hold, and decay only at the end",
      "lr warmup_epochs stable_epochs decay_epochs final_lr shape"],
  };

  /** Pairs of a class's parameters and the controls that set them. */
  const parametersOf = (name) => CLASSES[name][1].split(" ").map((text) => text.split(":"))
    .map(([parameter, control]) => [parameter, control || parameter]);

  const usesControl = (name, control) => name in CLASSES && parametersOf(name).some(
    ([, own]) => own === control || (own === "milestone" && control === "milestone2"));

  /** The choice of a class under `key`, and the controls of all classes' parameters. */
  function controlsOf(key, prefix, group, first, options) {
    const parameters = Object.entries(PARAMETERS).map(([name, control]) => ({
      label: name,
      ...control,
      key: prefix + name,
      group,
      shown: (state) => usesControl(state[key], name) &&
        (!control.shown || control.shown((own) => state[prefix + own])),
    }));
    const which = { key, label: "schedule", kind: "choice", options, value: first, group };
    return [which, ...parameters];
  }

  const NAMES = Object.fromEntries(Object.keys(CLASSES).map((name) => [name, name]));

  /** For how many epochs a schedule changes before it stays; 0 if it does not end. */
  function duration(name, value) {
    if (name === "WarmupStableDecay") {
      return value("warmup_epochs") + value("stable_epochs") + value("decay_epochs");
    }
    return usesControl(name, "total_epochs") ? value("total_epochs") : 0;
  }

  const joined = (state) => state.then !== "none";
  const RUN = "The run";
  const AFTER = "A second schedule";

  const controls = [
    ...controlsOf("schedule", "", "The schedule", "CosineDecay", NAMES),
    { ...epochs(5, 100, 30), key: "epochs", label: "length", group: RUN },
    { ...epochs(0, 20, 5), key: "warmup", label: "warm-up", group: RUN, words: { 0: "none" } },
    { ...range([0, ...decades(-5, 0)], 0.01), key: "begin_lr", label: "begin_lr", group: RUN,
      shown: (state) => state.warmup > 0 },
    { ...epochs(0, 10, 0), key: "hold", label: "hold each rate", group: RUN,
      words: { 0: "no" } },
    { key: "log", label: "logarithmic axis", kind: "check", value: false, group: RUN },
    { kind: "range", values: (state) => steps(0, state.epochs, 0.25), value: 15, unit: "epochs",
      key: "t", label: "read off at", group: RUN },
    ...controlsOf("then", "then.", AFTER, "none", { none: "none", ...NAMES }),
    { kind: "range", values: (state) => steps(1, state.epochs - 1, 1), value: 15, unit: "epochs",
      key: "at", label: "takes over at", group: AFTER, shown: joined },
    { key: "lines", label: "framework", kind: "choice", value: "pytorch", group: "The lines",
      options: { pytorch: "PyTorch", keras: "Keras", lrlab: "lrlab" } },
  ];

  /** The config of one class, as `to_config()` gives it. */
  function configOf(name, value) {
    const config = Object.fromEntries(
      parametersOf(name).map(([parameter, control]) => [parameter, value(control)]));
    if (name === "MultiStepDecay") {
      const both = [value("milestone"), value("milestone2")].sort((a, b) => a - b);
      config.milestones = [...new Set(both)];
    }
    if (name === "Recurrence" && config.rule === "sin") config.exponent = PARAMETERS.exponent.value;
    return { class: name, ...config };
  }

  /** The config of all that a state composes: a ramp and a schedule, a second one, held. */
  function config(state) {
    let made = configOf(state.schedule, (name) => state[name]);
    if (state.warmup > 0) {
      made = { class: "Warmup", schedule: made, epochs: state.warmup, begin_lr: state.begin_lr,
        power: 1, clock: "own" };
    }
    if (joined(state)) {
      const second = configOf(state.then, (name) => state[`then.${name}`]);
      made = { class: "Joined", schedules: [made, second], at: [state.at], clock: "own" };
    }
    return state.hold > 0 ? { class: "Held", schedule: made, step_epochs: state.hold } : made;
  }

  const MOMENTS = 2000;

  /** Times and rates of a run, and what they come to. */
  function course(state) {
    const made = config(state);
    const points = Array.from({ length: MOMENTS }, (_, i) => (state.epochs * i) / MOMENTS)
      .map((t) => [t, schedules.rate(made, t)]);
    const rates = points.map(([, lr]) => lr);
    const mean = rates.reduce((sum, lr) => sum + lr, 0) / MOMENTS;
    return {
      config: made, points, mean, sum: mean * state.epochs, now: schedules.rate(made, state.t),
      highest: Math.max(...rates), lowest: Math.min(...rates.filter((lr) => lr > 0)) };
  }

  /** The schedules of a state that a run reaches: each with its first moment and why it is that. */
  function pieces(state) {
    const first = {
      name: state.schedule, prefix: "", begin: state.warmup, after: "after the warm-up" };
    const then = {
      name: state.then, prefix: "then.", begin: state.at, after: "where it takes over" };
    if (!joined(state)) return [first];
    return state.at > state.warmup ? [first, then] : [then];
  }

  /** Where the warm-up goes to: the first rate of its schedule. */
  const firstRate = (state) => schedules.rate(configOf(state.schedule, (name) => state[name]), 0);
  const falls = (state) => state.warmup > 0 && state.begin_lr > firstRate(state);

  // What a schedule does at moments that its sliders give in its own epochs.
  const SHIFTED = { StepDecay: "cuts", MultiStepDecay: "cuts", CyclicCosine: "restarts" };

  /** What the schedules do; the words for them speak of a fall. */
  function about(state) {
    const found = pieces(state);
    const said = found.map(({ name, prefix, begin }, i) => {
      const [lr, floor] = ["lr", "final_lr"].map((key) => state[prefix + key]);
      const what = CLASSES[name][0];
      const inner = what[0].toLowerCase() + what.slice(1);
      const sentence = !joined(state) ? what
        : prefix ? `From epoch ${begin} on: ${inner}` : `First: ${inner}`;
      return `${sentence}. ` + (usesControl(name, "final_lr") && floor > lr
        ? `Here ${i ? "its " : ""}final_lr is above lr, so that the rate rises instead. ` : "");
    });
    const never = joined(state) && found.length === 1
      ? `${state.schedule} never appears, since ${state.then} takes over before the warm-up is ` +
        "over. " : "";
    const down = falls(state) ? `Here begin_lr is above the first rate of ${state.schedule}, ` +
      `${shown(firstRate(state))}, so that the warm-up falls. ` : "";
    return `${never}${down}${said.join("")}`;
  }

  /** Where the moments on the sliders of a schedule are not those of the run. */
  const shifts = (state) => pieces(state)
    .filter(({ name, begin }) => name in SHIFTED && begin > 0)
    .map(({ name, begin, after }) => ` ${name}: its own epochs begin ${after}, so its ` +
      `${SHIFTED[name]} come ${begin} epoch${begin === 1 ? "" : "s"} later than its ` +
      "sliders say.").join("");

  /** A word about the last schedule of a state where the run cuts it off. */
  function cutOff(state) {
    const { name, prefix, begin, after } = pieces(state).at(-1);
    const own = duration(name, (key) => state[prefix + key]);
    if (own === 0 || begin + own <= state.epochs) return "";
    return ` The run ends before ${name} does` +
      (begin ? `: its own epochs begin ${after}; the length counts from 0.` : ".");
  }

  const code = (state) => lines[state.lines](config(state), state.epochs);

  function draw(state, { figure, status, more, set }) {
    const run = course(state);
    const start = state.warmup === 0 ? [] : [falls(state) ? "Falling warm-up" : "Warm-up"];
    const bottom = Math.max(run.lowest, run.highest / 1e6);
    plot(figure, {
      title: [...start, ...pieces(state).map(({ name }) => name)].join(", then "),
      x: { label: "time t (epochs)", from: 0, to: state.epochs },
      y: state.log
        ? { label: "learning rate", from: bottom / 1.1, to: run.highest * 1.1, log: true }
        : { label: "learning rate", from: 0, to: run.highest * 1.05 },
      lines: [
        { points: run.points, label: "rate", look: "first", area: true },
        { points: [[0, run.mean], [state.epochs, run.mean]], label: "mean rate", look: "second" },
      ],
      marker: [state.t, run.now],
      pick: (t) => set({ t: Math.round(t * 4) / 4 }),
    });
    kit.caption(figure, `Rate ${shown(run.now)}, mean ${shown(run.mean)}, sum ${shown(run.sum)}`);
    kit.say(status, `${about(state)}Rate at ${state.t} epoch${state.t === 1 ? "" : "s"}: ` +
      `${shown(run.now)}. Mean rate ${shown(run.mean)}, so a sum of ${shown(run.sum)} ` +
      `over ${state.epochs} epochs.${cutOff(state)}${shifts(state)}`);

    const { note, code: text } = code(state);
    more.replaceChildren(element("p", {}, note), ...kit.linesToCopy(text));
  }

  kit.explorer("schedules", {
    hint: "Try this: note the sum, then choose LinearDecay. At the same peak and length the sum " +
      "is the same, though the courses differ. Now make the warm-up 10 epochs: the sum rises, since " +
      "the run ends before the decay does. With 20 total_epochs it is almost back.",
    controls,
    draw,
  });
  lrlab.explorers = { ...lrlab.explorers, schedules: { CLASSES, code, config, controls, course } };
})();
