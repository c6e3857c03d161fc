/** The plane of rate and momentum: what descent in a ravine does there, and how it goes. */
(() => {
  "use strict";
  const { kit, landscapes, map, plot, theory } = globalThis.lrlab;
  const { element, fineRates, shown, steps } = kit;

  const PHASES = ["slow", "fast", "swinging", "divergent"];
  const LARGEST = 0.995; // momentum at the upper edge
  const MARKS = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995];

  const ravine = (state) => ({ class: "Quadratic", eigenvalues: [1, state.condition], angle: 0 });
  const best = (state) => theory.bestTuning(ravine(state), state.nesterov);

  // The steep axis has the curvature κ, so what happens, happens at rates near 1/κ.
  const sides = (state) => [0.05 / state.condition, 5 / state.condition];

  /** The rates of the slider, within the picture. */
  function rates(state) {
    const [from, to] = sides(state);
    const decade = [Math.floor(Math.log10(from)), Math.ceil(Math.log10(to))];
    return fineRates(...decade, ...[false, true].map((nesterov) =>
      theory.bestTuning(ravine(state), nesterov).lr)).filter((lr) => lr >= from && lr <= to);
  }

  /** Momenta that lie closer the nearer they are to 1, and the best ones. */
  const momenta = (state) => [...new Set([
    ...steps(0, 0.89, 0.01), ...steps(0.9, 0.98, 0.005), ...steps(0.981, LARGEST, 0.001),
    ...[false, true].map((nesterov) => theory.bestTuning(ravine(state), nesterov).momentum)])]
    .sort((a, b) => a - b);

  const range = (values, value) => ({ kind: "range", values, value });
  const POINT = "The point";

  const controls = [
    { ...range([2, 3, 4, 5, 6, 8, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 300, 500, 1000],
      25), key: "condition", label: "condition number κ", group: "The ravine" },
    { key: "nesterov", label: "Nesterov's variant", kind: "check", value: false,
      group: "The ravine" },
    { ...range(steps(10, 300, 10), 80), key: "steps", label: "steps of the course",
      group: "The ravine" },
    { ...range(rates, 0.04), key: "lr", label: "learning rate η", group: POINT },
    { ...range(momenta, 0.9), key: "momentum", label: "momentum β", group: POINT },
  ];

  /** The course of both weights from (1, 1), and what theory says of the point. */
  function walk(state) {
    const landscape = ravine(state);
    const optimizer = { class: "Momentum", momentum: state.momentum,
      nesterov: state.nesterov && state.momentum > 0 };
    const setting = [state.lr, state.momentum, state.nesterov];
    return {
      ...landscapes.descend(landscape, optimizer, state.lr, [1, 1], state.steps),
      landscape, optimizer, factor: theory.convergenceFactor(landscape, ...setting),
      phase: theory.phase(landscape, ...setting),
      regimes: landscape.eigenvalues.map((one) => theory.regime(one, ...setting)) };
  }

  // --- pictures ----------------------------------------------------------------------------------

  // The plane is drawn anew only when it changes: the point moves far more often.
  let painted = { of: "", paths: [] };
  function paint(frame, state) {
    const of = [state.condition, state.nesterov, frame.right, frame.bottom].join();
    if (painted.of !== of) {
      painted = { of, paths: map.plane(frame, (rate, left) =>
        theory.phase(ravine(state), rate, 1 - left, state.nesterov)) };
    }
    return painted.paths;
  }

  function drawMap(figure, state, set) {
    const bowl = ravine(state);
    const [from, to] = sides(state);
    const { lr, momentum } = best(state);
    // The vertical axis is 1 − β on a logarithmic scale, and its marks say β.
    const heights = Array.from({ length: 201 }, (_, i) => (1 - LARGEST) ** (i / 200));
    const line = (rateAt) => heights.map((left) => [rateAt(1 - left), left]);
    const swings = line((beta) => theory.borders(beta, state.nesterov)[0]);
    const limit = line((beta) => theory.divergenceLr(bowl, beta, state.nesterov));
    plot(figure, {
      title: `What descent does, κ = ${state.condition}`,
      height: map.height(),
      x: { label: "learning rate η (logarithmic)", from, to, log: true },
      y: { label: "momentum β", from: 1, to: 1 - LARGEST, log: true,
        marks: MARKS.map((beta) => 1 - beta), name: (left) => shown(1 - left) },
      inside: (frame) => [
        ...paint(frame, state),
        map.curve(frame, limit, "explorer-line border"),
        map.curve(frame, swings, "explorer-line border dashed"),
        map.cross(frame, [lr, 1 - momentum]),
        map.ring(frame, [state.lr, 1 - state.momentum]),
      ],
      pick: (rate, left) => set({ lr: rate, momentum: 1 - left }),
    });
    map.key(figure, PHASES);
  }

  function drawCourse(aside, state, run) {
    const shownOf = (axis) => run.w.map((w, step) => [step, w[axis]])
      .filter(([, u], step) => step === 0 || Math.abs(run.w[step - 1][axis]) <= 2)
      .map(([step, u]) => [step, Math.min(Math.max(u, -2), 2)]);
    plot(aside, {
      title: "The course of the two weights",
      height: map.height(),
      x: { label: "step", from: 0, to: state.steps },
      y: { label: "weight", from: -2, to: 2 },
      lines: [
        { points: shownOf(0), label: "along", look: "first" },
        { points: shownOf(1), label: "across", look: "second" },
      ],
    });
  }

  // --- words -------------------------------------------------------------------------------------

  function words(state, run) {
    const [along, across] = run.regimes;
    const motion = along === across ? `Both weights are ${along}`
      : `Along the floor the weight is ${along}, across it ${across}`;
    const { lr, momentum, factor } = best(state);
    return `Rate ${shown(state.lr)}, momentum ${shown(state.momentum)}: ${run.phase}; ` +
      `${map.speed(run.factor)}. ${motion}. The cross marks the best pair: rate ${shown(lr)}, ` +
      `momentum ${shown(momentum)}, factor ${shown(factor)}.`;
  }

  function draw(state, { figure, aside, status, more, set }) {
    const run = walk(state);
    drawMap(figure, state, set);
    drawCourse(aside, state, run);
    status.textContent = words(state, run);
    if (more.firstChild) return;
    more.append(element("p", { class: "explorer-buttons" }, element("button", {
      type: "button",
      onclick: () => {
        const { lr, momentum } = best(state);
        set({ lr, momentum });
      },
    }, "Go to the best pair")));
  }

  kit.explorer("momentum_map", {
    hint: "Try this: move the pointer over the plane, straight up from the left part of the lower " +
      "edge. Momentum first makes descent faster; beyond the dashed line it only swings longer.",
    controls,
    draw,
  });
  lrlab.explorers = { ...lrlab.explorers, momentum_map: { controls, walk } };
})();
