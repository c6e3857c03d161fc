/** Gradient descent on losses with one or two weights: its path, its loss, and what theory says. */
(() => {
  "use strict";
  const { kit, landscapes, map, plot, theory } = globalThis.lrlab;
  const { decades, element, fineRates, range, shown, steps } = kit;

  const WELL = { class: "DoubleWell", sharp: 20, flat: 1, separation: 4, height: 1 };
  const VALLEY = { class: "Rosenbrock", a: 1, b: 100 };
  const bowlOf = (state) => ({ class: "Quadratic", eigenvalues: [1, state.condition], angle: 0 });

  // For each loss its config, what is seen of it, its decades of rates, and the losses of level
  // lines. The view of the double well is its weight and its loss.
  const LOSSES = {
    bowl: { name: "bowl or ravine", config: bowlOf, x: [-2.6, 2.6], y: [-1.3, 1.3], rates: [-3, 1],
      levels: (state) => steps(0, 7, 1).map((i) => 0.05 * (17 * state.condition) ** (i / 7)) },
    // On its narrow side a start has to be within the losses that are seen.
    well: { name: "double well", config: () => WELL, x: [-3.4, 5.2], y: [-0.7, 8], rates: [-2, 1] },
    valley: { name: "Rosenbrock's valley", config: () => VALLEY, x: [-2.7, 2.7], y: [-1.2, 3],
      rates: [-5, -2], levels: () => steps(0, 8, 1).map((i) => 0.1 * 3 ** i) },
  };
  const isBowl = (state) => state.loss === "bowl";
  const isFlat = (state) => state.loss === "well"; // one weight only
  const isValley = (state) => state.loss === "valley";

  /** The best settings of a bowl: plain, heavy ball, Nesterov. */
  function best(state) {
    const bowl = bowlOf(state);
    const lr = theory.bestConstantLr(bowl);
    const plain = { lr, momentum: 0, factor: theory.convergenceFactor(bowl, lr) };
    return [plain, theory.bestTuning(bowl), theory.bestTuning(bowl, true)];
  }

  const LOSS = "The loss";
  const STEP = "The step";
  const NOISE = "Noise of the gradient";

  const controls = [
    { key: "loss", label: "loss", kind: "choice", value: "bowl", group: LOSS,
      options: Object.fromEntries(Object.entries(LOSSES).map(([key, { name }]) => [key, name])) },
    { ...range([...steps(1, 9, 1), ...steps(10, 90, 10), ...steps(100, 1000, 100)], 9),
      key: "condition", label: "condition number κ", group: LOSS, shown: isBowl },
    { ...range(steps(-2.5, 2.5, 0.05), 2), key: "x", label: "start, first weight", group: LOSS,
      shown: (state) => !isFlat(state) },
    { ...range((state) => (isValley(state) ? steps(-1, 2.5, 0.05)
      : steps(-1.25, 1.25, 0.05)), 1), key: "y", label: "start, second weight", group: LOSS,
      shown: (state) => !isFlat(state) },
    { ...range(steps(-2.8, 5, 0.05), -2.2), key: "w", label: "start", group: LOSS, shown: isFlat },
    { ...range((state) => fineRates(...LOSSES[state.loss].rates,
      ...(isBowl(state) ? best(state).map(({ lr }) => lr) : [])), 0.21),
    key: "lr", label: "learning rate η", group: STEP, shown: (state) => !isValley(state) },
    { ...range(fineRates(...LOSSES.valley.rates), 0.0002), // it bears a thousandth of the others'
      key: "valley.lr", label: "learning rate η", group: STEP, shown: isValley },
    { ...range((state) => [...new Set([...steps(0, 0.99, 0.01), 0.995,
      ...(isBowl(state) ? best(state).map(({ momentum }) => momentum) : [])])]
      .sort((a, b) => a - b), 0), key: "momentum", label: "momentum β", group: STEP },
    { key: "nesterov", label: "Nesterov's variant", kind: "check", value: false, group: STEP,
      shown: (state) => state.momentum > 0 },
    { ...range([...steps(1, 100, 1), ...steps(110, 500, 10)], 25), key: "steps", label: "steps",
      group: STEP },
    { ...range([0, ...decades(-2, 1)], 0), key: "sigma", label: "standard deviation σ",
      group: NOISE, words: { 0: "none" } },
    { ...range(steps(1, 100, 1), 1), key: "seed", label: "draw number", group: NOISE,
      shown: (state) => state.sigma > 0 },
  ];

  /** Normal numbers, the same ones for the same seed. */
  function normals(seed) {
    let word = Math.imul(seed, 0x9e3779b1) >>> 0;
    const uniform = () => { // mixes a counter, with constants of MurmurHash3
      word = (word + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
      mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
      return (((mixed ^ (mixed >>> 16)) >>> 0) + 0.5) / 2 ** 32;
    };
    return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  }

  const rateOf = (state) => state[isValley(state) ? "valley.lr" : "lr"];
  const usesNesterov = (state) => state.nesterov && state.momentum > 0;

  /** The configs and the numbers of a state, and the path that follows from them. */
  function walk(state) {
    const landscape = LOSSES[state.loss].config(state);
    const optimizer = { class: "Momentum", momentum: state.momentum, nesterov: usesNesterov(state) };
    const start = isFlat(state) ? [state.w] : [state.x, state.y];
    const draw = normals(state.seed);
    const noise = Array.from({ length: state.steps }, () => start.map(() => state.sigma * draw()));
    const path = landscapes.descend(
      landscape, optimizer, rateOf(state), start, state.steps, state.sigma > 0 ? noise : undefined);
    return { ...path, landscape, optimizer, start, noise };
  }

  // --- pictures ----------------------------------------------------------------------------------

  function drawPath(figure, state, run, set) {
    const { x, y, levels, name } = LOSSES[state.loss];
    const points = run.w.map((w, i) => (isFlat(state) ? [w[0], run.loss[i]] : w))
      .filter((point) => point.every(Number.isFinite));
    const lowest = landscapes.minimum(run.landscape);
    const bottom = isFlat(state) ? [lowest[0], landscapes.loss(run.landscape, lowest)] : lowest;
    const about = isBowl(state) ? `condition number ${state.condition}` : name;
    plot(figure, {
      title: `The path: ${about}`,
      even: !isFlat(state), // steps of a plain descent cross level lines at right angles
      height: map.height(),
      x: { label: isFlat(state) ? "weight" : "first weight", from: x[0], to: x[1] },
      y: { label: isFlat(state) ? "loss" : "second weight", from: y[0], to: y[1] },
      inside: (frame) => [
        ...(isFlat(state)
          ? [map.curve(frame, steps(x[0], x[1], 0.02).map((w) =>
            [w, landscapes.loss(run.landscape, [w])]), "explorer-curve")]
          : levels(state).map((loss) => map.curve(
            frame, landscapes.level(run.landscape, loss), "explorer-level"))),
        map.cross(frame, bottom),
        map.curve(frame, points, "explorer-line explorer-path first"),
        map.dots(frame, points.slice(1), "explorer-dots first"),
        map.ring(frame, points[0]),
      ],
      stroke: (_, [x, y]) => set(isFlat(state) ? { w: x } : { x, y }),
    });
  }

  /** The loss above its minimum, from step to step; beyond 10,000 times the first it leaves. */
  function drawLoss(aside, state, run) {
    const least = landscapes.loss(run.landscape, landscapes.minimum(run.landscape));
    const losses = run.loss.map((loss) => loss - least);
    const ceiling = Math.max(losses[0], 1e-3) * 1e4;
    const floor = ceiling * 1e-24;
    const above = (values) => values.map((value, step) => [step, Math.max(value, floor)]);
    const lines = [{ points: above(losses), label: "this path", look: "first" }];
    if (isBowl(state) && state.sigma > 0) {
      const noisy = { class: "Noisy", landscape: run.landscape, sigma: state.sigma };
      const expected = theory.expectedLosses(noisy, run.noise.map(() => state.lr), run.start,
        state.momentum, usesNesterov(state));
      lines.push({ label: "mean", look: "second",
        points: above(expected.map((parts) => parts.reduce((sum, part) => sum + part))) });
    }
    const all = lines.flatMap(({ points }) => points.map(([, loss]) => loss))
      .filter((loss) => loss <= ceiling);
    plot(aside, {
      title: "Loss above the minimum",
      height: map.height(),
      x: { label: "step", from: 0, to: state.steps },
      y: { label: "loss", from: Math.min(...all) / 1.5, to: Math.max(...all) * 1.5, log: true },
      lines,
    });
  }

  // --- words -------------------------------------------------------------------------------------

  const formula = (state) => (usesNesterov(state) ? "2(1 + β)/((1 + 2β)λ)"
    : state.momentum > 0 ? "2(1 + β)/λ" : "2/λ");

  /** The rate from which on descent diverges where the largest curvature is λ. */
  const border = (state, curvatures) => theory.divergenceLr(
    { eigenvalues: curvatures }, state.momentum, usesNesterov(state));

  function aboutBowl(state, run) {
    const bowl = bowlOf(state);
    const limit = border(state, bowl.eigenvalues);
    const factor = theory.convergenceFactor(bowl, state.lr, state.momentum, usesNesterov(state));
    const converges = map.converges(factor);
    const verdict = converges ? "Converges" : "Does not converge";
    const left = converges && state.sigma === 0 ? map.left(run.w) : "";
    const floor = theory.noiseFloor({ landscape: bowl, sigma: state.sigma }, state.lr,
      state.momentum, usesNesterov(state));
    const noise = state.sigma > 0 && converges
      ? ` The noise then keeps it about ${shown(Math.sqrt(floor))} away from the minimum ` +
        "(root mean square)." : "";
    return `${verdict}: ${map.speed(factor)}.${left} The border is ${formula(state)} = ` +
      `${shown(limit)}, with the largest curvature λ = ${state.condition}. The best rate ` +
      `without momentum is ${shown(best(state)[0].lr)}.${noise}`;
  }

  function aboutWell(state, run) {
    const [narrow, ridge, wide] = landscapes.turningPoints(WELL);
    const [low, high] = [narrow, wide].map((w) => border(state, [landscapes.curvature(WELL, w)]));
    const last = run.w.at(-1)[0];
    const moved = Math.abs(last - run.w.at(-2)[0]) > 0.01;
    const rising = Math.max(...run.loss.slice(-2)) > 1.01 * Math.max(...run.loss.slice(0, -2));
    const outside = run.loss.at(-1) > LOSSES.well.y[1];
    const where = run.stopped ? "it has diverged"
      : outside ? `it has left the picture, to the weight ${shown(last).replace("-", "−")}, and ${
        rising ? "diverges" : "still moves"}`
      : `it is in the ${last < ridge ? "narrow" : "wide"} valley and ${
        moved ? "still moves" : "nearly at rest"}`;
    return `After ${run.w.length - 1} steps ${where}. The border ${formula(state)} is ` +
      `${shown(low)} at the bottom of the narrow valley and ${shown(high)} in the wide one.`;
  }

  function aboutValley(state, run) {
    const curvatures = landscapes.curvatures(VALLEY);
    const [x, y] = run.w.at(-1);
    const where = run.stopped ? "it has diverged"
      : `its distance to the minimum is ${shown(Math.hypot(x - 1, y - 1))}`;
    return `After ${run.w.length - 1} steps ${where}. At the minimum the border ` +
      `${formula(state)} is ${shown(border(state, curvatures))}; higher up, where the walls are ` +
      "steeper, smaller rates diverge too.";
  }

  const ABOUT = { bowl: aboutBowl, well: aboutWell, valley: aboutValley };

  /** The best settings of the bowl, each with a button that takes it. */
  function tell(more, state, set) {
    if (!more.firstChild) {
      const names = ["plain", "heavy ball", "Nesterov"];
      more.append(element("p", { class: "explorer-buttons" }, "Best settings:",
        ...names.map((name, i) => element("button", {
          type: "button",
          onclick: () => {
            const { lr, momentum } = best(state)[i];
            set({ nesterov: i === 2, momentum, lr });
          },
        }, name))), element("p"));
    }
    more.hidden = !isBowl(state);
    kit.say(more.lastChild, best(state).map(({ lr, momentum, factor }, i) =>
      `${["Plain", "Heavy ball", "Nesterov"][i]}: rate ${shown(lr)}` +
      `${i ? `, momentum ${shown(momentum)}` : ""}, factor ${shown(factor)}.`).join(" "));
  }

  function draw(state, { figure, aside, status, more, set }) {
    const run = walk(state);
    drawPath(figure, state, run, set);
    drawLoss(aside, state, run);
    kit.say(status, ABOUT[state.loss](state, run));
    tell(more, state, set);
  }

  kit.explorer("descent", {
    hint: "Try this: raise the rate step by step. The path zigzags wider, and beyond the border " +
      "it leaves. Then raise the condition number, and take the best settings below the controls.",
    controls,
    draw,
  });
  lrlab.explorers = { ...lrlab.explorers, descent: { controls, walk } };
})();
