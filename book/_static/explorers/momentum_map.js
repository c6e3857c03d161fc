/** The plane of rate and momentum: what descent in a ravine does there, and how it goes. */
(() => {
  "use strict";
  const { kit, landscapes, map, plot, theory } = globalThis.lrlab;
  const { element, fineRates, nearest, range, shown, steps } = kit;

  const PHASES = ["slow", "fast", "swinging", "divergent"];
  const LARGEST = 0.995; // momentum at the upper edge
  const MOTIONS = {
    monotone: "creeps", oscillating: "swings", alternating: "swings", divergent: "leaves" };
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
    // At the best pairs both weights are on a border, where rounding would say how they move.
    const beside = landscape.eigenvalues.map((one) => one * (1 - 1e-9));
    const factor = theory.convergenceFactor(landscape, ...setting);
    return {
      ...landscapes.descend(landscape, optimizer, state.lr, [1, 1], state.steps),
      landscape, optimizer, factor,
      phase: map.converges(factor)
        ? theory.phase({ ...landscape, eigenvalues: beside }, ...setting) : "divergent",
      regimes: beside.map((one) => theory.regime(one, ...setting)) };
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

  /** The point of the sliders that is nearest to a place. */
  function pointAt(state, rate, left) {
    const [lrs, betas] = [rates(state), momenta(state)];
    return { lr: lrs[nearest(lrs, rate)], momentum: betas[nearest(betas, 1 - left)] };
  }

  /** The plane with the kept point, and with another one that the pointer may be over. */
  function drawMap(state, over, parts) {
    const bowl = ravine(state);
    const [from, to] = sides(state);
    const { lr, momentum } = best(state);
    // The vertical axis is 1 − β on a logarithmic scale, and its marks say β.
    const heights = Array.from({ length: 201 }, (_, i) => (1 - LARGEST) ** (i / 200));
    const line = (rateAt) => heights.map((left) => [rateAt(1 - left), left]);
    const swings = line((beta) => theory.borders(beta, state.nesterov)[0]);
    const limit = line((beta) => theory.divergenceLr(bowl, beta, state.nesterov));
    plot(parts.figure, {
      title: `What descent does, κ = ${state.condition}`,
      height: map.height(),
      x: { label: "learning rate η (logarithmic)", from, to, log: true },
      y: { label: "momentum β", from: 1, to: 1 - LARGEST, log: true,
        marks: MARKS.map((beta) => 1 - beta), name: (left) => shown(1 - left) },
      inside: (frame) => [
        ...paint(frame, state),
        map.curve(frame, limit, "explorer-line border"),
        map.curve(frame, swings, "explorer-line border dashed"),
      ],
      above: (frame) => [
        map.cross(frame, [lr, 1 - momentum]),
        map.ring(frame, [state.lr, 1 - state.momentum]),
        ...(over ? [map.ring(frame, [over.lr, 1 - over.momentum], "explorer-marker faint")] : []),
      ],
      pick: (...place) => show(state, pointAt(state, ...place), parts),
      stroke: (_, place) => parts.set(pointAt(state, ...place)),
      leave: () => show(state, null, parts),
    });
    map.key(parts.figure, PHASES);
  }

  function drawCourse(aside, state, run) {
    const courseOf = (axis) => run.w.map((w, step) => [step, w[axis]]);
    plot(aside, {
      title: "The course of the two weights",
      height: map.height(),
      x: { label: "step", from: 0, to: state.steps },
      y: { label: "weight", from: -2, to: 2 },
      lines: [
        { points: courseOf(0), label: "along", look: "first" },
        { points: courseOf(1), label: "across", look: "second" },
      ],
    });
  }

  // --- words -------------------------------------------------------------------------------------

  function words(state, run) {
    const [along, across] = run.regimes.map((regime) => MOTIONS[regime]);
    const motion = `The weight along the floor ${along}, the one across it ${
      along === across ? "too" : across}`;
    const { lr, momentum, factor } = best(state);
    const left = map.converges(run.factor) ? map.left(run.w) : "";
    return `Rate ${shown(state.lr)}, momentum ${shown(state.momentum)}: ${run.phase}; ` +
      `${map.speed(run.factor)}.${left} ${motion}. The cross marks the best pair: rate ` +
      `${shown(lr)}, momentum ${shown(momentum)}, factor ${shown(factor)}.`;
  }

  /** Show the kept point, or what another one would do. */
  function show(state, over, parts) {
    const seen = { ...state, ...over };
    const run = walk(seen);
    drawMap(state, over, parts);
    drawCourse(parts.aside, seen, run);
    kit.say(parts.status, words(seen, run));
  }

  function draw(state, parts) {
    show(state, null, parts);
    if (parts.more.firstChild) return;
    parts.more.append(element("p", { class: "explorer-buttons" }, element("button", {
      type: "button",
      onclick: () => {
        const { lr, momentum } = best(state);
        parts.set({ lr, momentum });
      },
    }, "Go to the best pair")));
  }

  kit.explorer("momentum_map", {
    hint: "Try this: move the pointer straight up from the left part of the lower edge, or tap " +
      "there, higher each time. Momentum first makes descent faster; beyond the dashed line it " +
      "only swings longer. A press keeps the point.",
    controls,
    draw,
  });
  lrlab.explorers = { ...lrlab.explorers, momentum_map: { controls, walk } };
})();
