/** The explorer of the convex bound: draw a schedule, and see the loss curve that it foretells. */
(() => {
  "use strict";
  const { convexBounds, data, kit, plot } = globalThis.lrlab;
  const { coded, element, nearest, stairs, steps, stroked, uncoded } = kit;

  const RECORDED = data.prediction; // for each schedule its rate and training loss in each epoch
  const EPOCHS = RECORDED.linear.rates.length;
  const KNOTS = 13;
  const APART = EPOCHS / (KNOTS - 1); // epochs from knot to knot

  // Steps in an epoch: few for a curve, since its cost is their square; for its end those of LeNet.
  const FEW = 50;
  const ALL = 469;

  // The prepared schedules: heights where the part u of the run is over.
  const SHAPES = {
    constant: ["constant", () => 1],
    cosine: ["cosine", (u) => (1 + Math.cos(Math.PI * u)) / 2],
    linear: ["linear decay", (u) => 1 - u],
    sqrt: ["1-sqrt", (u) => 1 - Math.sqrt(u)],
    trapezoid: ["trapezoid", (u) => Math.min(0.2 + 9.6 * u, 1, 3 * (1 - u))],
  };

  const isDrawn = (state) => state.start === "drawn";
  const prepared = ({ start }) =>
    coded(steps(0, KNOTS - 1, 1).map((i) => SHAPES[start][1](i / (KNOTS - 1))));
  const epochOf = (knot) => knot * APART;

  const DRAWN = "Your schedule";
  const controls = [
    { key: "start", label: "schedule", kind: "choice", value: "constant", group: DRAWN,
      options: {
        ...Object.fromEntries(Object.entries(SHAPES).map(([key, [name]]) => [key, name])),
        drawn: "drawn by hand" } },
    { key: "at", label: "move the knot at", kind: "range", values: steps(0, KNOTS - 1, 1), value: 6,
      words: steps(0, KNOTS - 1, 1).map((i) => `epoch ${epochOf(i)}`), group: DRAWN,
      shown: isDrawn },
    { key: "drawn", label: "its rate", kind: "drawn", value: prepared({ start: "constant" }),
      at: (state) => state.at, words: (height) => `${Math.round(100 * height)} % of the peak`,
      group: DRAWN, shown: isDrawn },
    { key: "beside", label: "beside it", kind: "choice", value: "multistep",
      group: "A recorded schedule",
      options: Object.fromEntries(Object.keys(RECORDED).map((name) => [name, name])) },
  ];

  // --- the bound ---------------------------------------------------------------------------------

  /** The rate of each epoch, as a part of the peak: along straight lines from knot to knot. */
  function drawnRates(state) {
    const heights = uncoded(isDrawn(state) ? state.drawn : prepared(state));
    return steps(0, EPOCHS - 1, 1).map((e) => {
      const knot = Math.floor(e / APART);
      const part = e / APART - knot;
      return heights[knot] * (1 - part) + heights[knot + 1] * part;
    });
  }

  const held = (rates, each) => rates.flatMap((rate) => Array(each).fill(rate));
  const mean = (values) => values.reduce((sum, x) => sum + x, 0) / values.length;

  /**
   * What the bound says of rates, at the peak where it is lowest: its mean in each epoch, and its
   * end. Epochs at rate 0 after the last other one move no weight and are left out; null if all are.
   */
  function foretold(rates) {
    const moving = rates.slice(0, rates.findLastIndex((rate) => rate > 0) + 1);
    if (!moving.length) return null;
    const few = held(moving, FEW);
    const best = convexBounds.bestBaseLr(few).lr;
    const bound = convexBounds.bound(few.map((rate) => best * rate));
    return {
      curve: moving.map((_, e) => mean(bound.slice(e * FEW, (e + 1) * FEW))),
      end: convexBounds.bestBaseLr(held(moving, ALL)).bound,
    };
  }

  const FORETOLD = Object.fromEntries(
    Object.entries(RECORDED).map(([name, { rates }]) => [name, foretold(rates)]));

  /** The drawn schedule and what is foretold of it; its end and others' over that of linear decay. */
  function course(state) {
    const rates = drawnRates(state);
    const bound = foretold(rates);
    const over = ({ end }) => end / FORETOLD.linear.end;
    const relative = Object.fromEntries(
      Object.entries(FORETOLD).map(([name, one]) => [name, over(one)]));
    return { rates, bound, end: bound && over(bound), relative };
  }

  // --- the page ----------------------------------------------------------------------------------

  const lossOf = (name) => RECORDED[name].loss.at(-1) / RECORDED.linear.loss.at(-1);

  /** So many times; what is nearly once has the digits that tell it from once. */
  function times(x) {
    const digits = [3, 4, 5, 6, 7, 8, 9].find((count) => Number(x.toPrecision(count)) !== 1);
    return digits ? `${Number(x.toPrecision(digits))} times` : "exactly";
  }

  function inWords(state, { end, relative }) {
    const { beside } = state;
    const lower = Object.values(relative).filter((other) => other < end * (1 - 1e-9)).length;
    const yours = end === null ? "At a rate of 0 nothing moves, and the bound says nothing."
      : `For your schedule the bound ends at ${times(end)} that of linear decay; ` +
        `${["none", "one", "two", "three", "four", "five", "all"][lower]} of the six recorded ` +
        `schedules ${lower === 1 ? "ends" : "end"} lower.`;
    return beside === "linear" ? yours
      : `${yours} For ${beside} it ends at ${times(relative[beside])}, the recorded loss at ` +
        `${times(lossOf(beside))} that of linear decay.`;
  }

  /** A table of the recorded schedules, in the order of their bounds. */
  function table({ beside }, { relative }) {
    const names = Object.keys(RECORDED).sort((a, b) => relative[a] - relative[b]);
    const place = (name) => names.filter((other) => lossOf(other) <= lossOf(name)).length;
    const rows = names.map((name) => ({
      cells: [name, relative[name].toFixed(2), lossOf(name).toFixed(2), place(name)],
      chosen: name === beside }));
    return kit.table(
      "The recorded schedules", ["schedule", "bound", "recorded", "its place"], rows);
  }

  const inMiddles = (values) => values.map((y, e) => [e + 0.5, y]);

  /**
   * A bound without its holes: it is infinite where the rate is 0 for a time, but there no weight
   * moves, and what was said of them before still holds. Before the first rate it says nothing.
   */
  const filled = (bound) => bound.reduce((values, y) =>
    [...values, Number.isFinite(y) ? y : values.at(-1) ?? y], []);

  /** A plot with a curve for each recorded schedule, one of them marked, and perhaps another. */
  function curves(place, { title, label, top, of, beside, drawn }) {
    const names = Object.keys(RECORDED).filter((name) => name !== beside);
    const all = [...names, beside].map((name) => ({ points: inMiddles(of(name)), look: "faint" }));
    // Where a rate of 0 moves no weight any more, the end stays.
    const still = drawn && Array(EPOCHS - drawn.length).fill(drawn.at(-1));
    const yours = drawn && inMiddles(filled([...drawn, ...still]));
    all[0].label = "others";
    Object.assign(all.at(-1), { label: beside, look: "second" });
    if (drawn) all.push({ points: yours, label: "yours", look: "first" });
    const ends = all.map(({ points }) => points.at(-1)[1]);
    const to = Math.max(top, 1.5 * Math.max(...ends.filter(Number.isFinite)));
    plot(place, {
      title,
      x: { label: "time (epochs)", from: 0, to: EPOCHS },
      y: { label, from: Math.min(...all.flatMap(({ points }) => points.map(([, y]) => y))) / 1.1,
        to, log: true },
      lines: all,
    });
  }

  function draw(state, { figure, below, status, more, set }) {
    if (!isDrawn(state)) state.drawn = prepared(state); // what drawing by hand begins with
    const run = course(state);
    const { rates } = RECORDED[state.beside];
    const peak = Math.max(...rates);
    const heights = uncoded(state.drawn);
    plot(figure, {
      title: "Your schedule: draw it here",
      x: { label: "time (epochs)", from: 0, to: EPOCHS },
      y: { label: "rate / peak", from: 0, to: 1 },
      lines: [
        { points: stairs(rates.map((rate) => rate / peak)), label: state.beside, look: "second" },
        { points: stairs(run.rates), label: "yours", look: "first" },
        { points: heights.map((height, i) => [epochOf(i), height]), look: "first", mark: "dot",
          loose: true },
      ],
      marker: isDrawn(state) ? [epochOf(state.at), heights[state.at]] : undefined,
      stroke: (...ends) => {
        const [from, to] = ends.map(([t, height]) => [t / APART, height]);
        const at = nearest(steps(0, KNOTS - 1, 1), to[0]);
        set({ start: "drawn", at, drawn: coded(stroked(heights, from, to)) });
      },
    });

    while (below.children.length < 2) below.append(element("div"));
    curves(below.children[0], {
      title: "What the bound foretells", label: "bound", top: 0.25, beside: state.beside,
      of: (name) => FORETOLD[name].curve, drawn: run.bound && run.bound.curve });
    curves(below.children[1], {
      title: "What LeNet did", label: "training loss", top: 0.5, beside: state.beside,
      of: (name) => RECORDED[name].loss });
    kit.caption(figure, run.end === null ? "No bound"
      : `Bound at the end: ${times(run.end)} that of linear decay`);
    kit.say(status, inWords(state, run));
    more.replaceChildren(
      element("p", {}, "The recorded schedules, in the order of their bounds. Bounds and losses " +
        "are given as parts of those of linear decay; the last column is the place by loss."),
      table(state, run));
  }

  kit.explorer("prediction", {
    hint: "Try this: pull the last knots of the schedule down and watch the end of the bound " +
      "fall. Then look at the table below the controls: which schedules does the bound misjudge?",
    controls,
    draw,
  });
  lrlab.explorers = {
    ...lrlab.explorers, prediction: { controls, course, FORETOLD } };
})();
