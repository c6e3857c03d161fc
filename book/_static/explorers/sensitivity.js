/** The recorded sweeps: choose a problem and a way, move the rate, and see what all seeds made. */
(() => {
  "use strict";
  const { data, kit, plot, statistics } = globalThis.lrlab;
  const { element, shown } = kit;
  const problems = data.sensitivity;

  const MEASURES = { loss: ["loss", ""], error: ["error", " %"] }; // with the unit

  const wayOf = (state) => state[`way-${state.problem}`];
  const sweepOf = (state) => problems[state.problem].ways[wayOf(state)];

  const group = "The runs";
  const controls = [
    { key: "problem", label: "problem", kind: "choice", value: "LeNet-1", group,
      options: Object.fromEntries(
        Object.entries(problems).map(([key, { title }]) => [key, title])) },
    ...Object.entries(problems).map(([key, { ways }]) => ({
      key: `way-${key}`, label: "optimiser", kind: "choice", group,
      options: Object.fromEntries(Object.keys(ways).map((way) => [way, way])),
      value: Object.keys(ways).find((way) => way.startsWith("Adam,") || way === "Adam") ||
        Object.keys(ways)[0],
      shown: (state) => state.problem === key,
    })),
    { key: "lr", label: "rate", kind: "range", values: (state) => sweepOf(state).lrs, value: 0.001,
      group },
    { key: "measure", label: "judged by", kind: "choice", value: "loss", group: "The judgement",
      options: { loss: "loss", error: "wrong answers" } },
    { key: "margin", label: "as good as the best, within", kind: "range", unit: "%", value: 50,
      values: [5, 10, 20, 50, 100], group: "The judgement" },
  ];

  /** What a run made of each epoch, in the unit of the measure; Infinity once it has diverged. */
  const courseOf = (run, measure) => (measure === "loss"
    ? run[0].map((loss) => loss ?? Infinity)
    : run[1].map((share) => (share === null ? Infinity : 100 * share)));

  /** The sweep of a way: what each seed ends at, the median, the best rate and the good ones. */
  function judge(way, { problem, measure, margin }) {
    const { lrs, runs } = problems[problem].ways[way];
    const ends = runs.map((seeds) => seeds.map((run) => courseOf(run, measure).at(-1)));
    const medians = ends.map(statistics.median);
    const best = medians.indexOf(Math.min(...medians));
    const level = (1 + margin / 100) * medians[best];
    const [low, high] = statistics.edges(lrs, medians, level);
    const decades = statistics.decades(lrs, medians, level);
    return { lrs, ends, medians, best, level, low, high, decades };
  }

  /** All that is shown of a state. */
  function results(state) {
    const { classes, ways } = problems[state.problem];
    const sweeps = Object.fromEntries(Object.keys(ways).map((way) => [way, judge(way, state)]));
    const own = sweeps[wayOf(state)];
    const at = own.lrs.indexOf(state.lr);
    const seeds = own.ends[at];
    const guessing = state.measure === "loss" ? Math.log(classes) : 100 * (1 - 1 / classes);
    return {
      sweeps, own, at, seeds,
      median: own.medians[at],
      diverged: seeds.filter((end) => end === Infinity).length,
      failed: seeds.filter((end) => end < Infinity && end > 0.98 * guessing).length,
      guessing,
    };
  }

  const spoken = (x) => (x === Infinity ? "diverged" : shown(x));

  /** The good rates, and their width; a grid may end before they do. */
  function range({ lrs, low, high, decades }) {
    const [from, to] = [Number.isNaN(low) ? lrs[0] : low, Number.isNaN(high) ? lrs.at(-1) : high];
    return {
      rates: `${from === low ? "" : "≤ "}${shown(from)} to ${to === high ? "" : "≥ "}${shown(to)}`,
      width: `${Number.isNaN(decades) ? "≥ " : ""}${Math.log10(to / from).toFixed(1)}`,
    };
  }

  function words(state, found) {
    const { own, at, seeds, median, diverged, failed, guessing } = found;
    const [word, unit] = MEASURES[state.measure];
    const { judge: images } = problems[state.problem];
    const finite = seeds.filter(Number.isFinite);
    const spread = finite.length
      ? ` (seeds from ${shown(Math.min(...finite))} to ${shown(Math.max(...finite))})` : "";
    const { rates, width } = range(own);
    const times = median / own.medians[own.best];
    const cost = at === own.best ? "This is the best rate of the grid."
      : `The best rate of the grid, ${shown(own.lrs[own.best])}, has ` +
        `${shown(own.medians[own.best])}${unit}` +
        (times === Infinity ? "." : shown(times) === "1" ? ": here it is about the same."
          : `: here it is ${shown(times)} times that.`);
    const lax = own.level > 0.9 * guessing
      ? " So wide a margin calls good what is close to guessing." : "";
    return `${wayOf(state)} at ${shown(state.lr)}: median ${images} ${word} ` +
      `${spoken(median)}${median < Infinity ? unit : ""}${spread}, where guessing has ` +
      `${shown(guessing)}${unit}; of ${seeds.length} seeds ${failed} ended near guessing and ` +
      `${diverged} diverged. ` +
      `${cost} Within ${state.margin} % of the best: ${rates}, ${width} decades.${lax}`;
  }

  /** A table of all ways of the problem, each with its best rate and its good ones. */
  function table(state, sweeps) {
    const [word, unit] = MEASURES[state.measure];
    const head = ["optimiser", "best rate", word, "good rates", "decades"];
    const rows = Object.entries(sweeps).map(([way, sweep]) => {
      const { rates, width } = range(sweep);
      const value = `${shown(sweep.medians[sweep.best])}${unit}`;
      return {
        cells: [way, shown(sweep.lrs[sweep.best]), value, rates, width],
        chosen: way === wayOf(state) };
    });
    return kit.table("All optimisers", head, rows);
  }

  /** An axis for what all seeds of all ways end at; runs that diverged are marked at its end. */
  function axis(sweeps, guessing, label) {
    const ends = Object.values(sweeps).flatMap(({ ends }) => ends.flat());
    const to = Math.min(1.2 * guessing, 100); // no share is larger
    return { label, from: 0.9 * Math.min(...ends), to, log: true };
  }

  /** Seeds as dots; those beyond the axis as crosses at its upper end. */
  function marks(points, y) {
    const [inside, beyond] = [(b) => b <= y.to, (b) => b > y.to]
      .map((test) => points.filter(([, b]) => test(b)));
    return [
      { points: inside, mark: "dot", loose: true, look: "first", label: "seed" },
      { points: beyond.map(([a]) => [a, y.to]), mark: "lost", loose: true, look: "first" },
    ];
  }

  const visible = (points, y) => points.map(([a, b]) => [a, b <= y.to ? b : NaN]);

  function drawSweeps(place, state, found, y) {
    const { sweeps, own, at } = found;
    const rates = Object.values(sweeps).flatMap(({ lrs }) => lrs);
    const line = ({ lrs, medians }) => visible(lrs.map((lr, i) => [lr, medians[i]]), y);
    const others = Object.keys(sweeps).filter((way) => way !== wayOf(state));
    const seeds = own.lrs.flatMap((lr, i) => own.ends[i].map((end) => [lr, end]));
    const x = {
      label: "learning rate", from: Math.min(...rates) / 1.3, to: Math.max(...rates) * 1.3,
      log: true };
    plot(place, {
      title: `${wayOf(state)}: all rates`,
      x,
      y,
      lines: [
        ...others.map((way, i) => ({
          points: line(sweeps[way]), look: "faint", label: i ? undefined : "others" })),
        { points: [[x.from, own.level], [x.to, own.level]], look: "third" },
        { points: line(own), look: "first", label: "median" },
        ...marks(seeds, y),
      ],
      marker: [state.lr, Math.min(own.medians[at], y.to)],
      pick: (lr) => found.set({ lr: own.lrs.reduce((best, one) =>
        (Math.abs(Math.log(one / lr)) < Math.abs(Math.log(best / lr)) ? one : best)) }),
    });
  }

  function drawCurves(place, state, { own, at, guessing }, label) {
    const { epochs } = problems[state.problem];
    const { runs } = sweepOf(state);
    const courses = (i) => runs[i].map((run) => courseOf(run, state.measure));
    const points = (course) => course.map((end, epoch) => [epoch + 1, end]);
    const best = Array.from({ length: epochs }, (_, epoch) => statistics.median(
      courses(own.best).map((course) => course[epoch] ?? Infinity)));
    const values = [...best, ...courses(at).flat()];
    const highest = Math.max(...values.filter((value) => value <= 1.2 * guessing));
    const y = { label, from: 0.9 * Math.min(...values), to: 1.05 * highest };
    plot(place, {
      title: `Rate ${shown(state.lr)}: every seed`,
      x: { label: "epoch", from: 0, to: epochs },
      y,
      lines: [
        { points: visible(points(best), y), look: "second", label: "best rate" },
        ...courses(at).map((course) => ({ points: visible(points(course), y), look: "first" })),
        ...marks(courses(at).flatMap(points), y),
      ],
    });
  }

  function draw(state, { figure, aside, status, more, set }) {
    const found = { ...results(state), set };
    const { title, judge: images, epochs } = problems[state.problem];
    const [word, unit] = MEASURES[state.measure];
    const y = axis(found.sweeps, found.guessing, `${images} ${word}${unit && ` (${unit.trim()})`}`);
    if (epochs > 1) drawCurves(aside, state, found, y.label);
    else aside.replaceChildren();
    drawSweeps(figure, state, found, y); // in the room that the curves leave
    kit.say(status, words(state, found));
    more.replaceChildren(
      element("p", {}, `All of ${title}, judged by ${images} ${word} after the last epoch. Good ` +
        `rates are those within ${state.margin}\u00a0% of an optimiser's own best.` +
        (/AdamW \d/.test(Object.keys(found.sweeps)) ? " After AdamW stands its weight decay." : "")),
      table(state, found.sweeps));
  }

  kit.explorer("sensitivity", {
    hint: "Try this: move the rate up step by step, past the best one, and watch how soon the " +
      "seeds part and end near guessing. Then do the same with SGD. For learning curves choose a problem with " +
      "more than one epoch.",
    controls,
    draw,
  });
  const { lrlab } = globalThis;
  lrlab.explorers = { ...lrlab.explorers, sensitivity: { controls, results } };
})();
