/** What explorers of descents share: paths, level lines, coloured planes, and how fast it goes. */
(() => {
  "use strict";
  const lrlab = (globalThis.lrlab = globalThis.lrlab || {});
  const { drawn, element, shown } = lrlab.kit;

  const CELL = 2; // pixels; fine enough that a border looks smooth
  const FAR = 1e5; // pixels; a place farther away is drawn at this distance

  /** The height of a plot with another one beside it; on a phone they stand below each other. */
  const height = () => (matchMedia("(max-width: 600px)").matches ? 230 : 340);

  const pixels = ({ across, up }, points) => points.map((point) =>
    [across.at(point[0]), up.at(point[1])].map((x) =>
      Math.min(Math.max(x, -FAR), FAR).toFixed(1)).join(" "));

  /** A line through points. */
  const curve = (frame, points, name) =>
    drawn("path", { class: name, d: `M${pixels(frame, points).join("L")}` });

  /** A dot at each of some points. */
  const dots = (frame, points, name) =>
    drawn("path", { class: name, d: pixels(frame, points).map((at) => `M${at}h0`).join("") });

  const cross = ({ across, up }, [x, y]) => {
    const [cx, cy] = [across.at(x), up.at(y)];
    return drawn("path", {
      class: "explorer-cross", d: `M${cx - 5} ${cy - 5}l10 10M${cx - 5} ${cy + 5}l10 -10` });
  };

  const ring = ({ across, up }, [x, y], name = "explorer-marker") =>
    drawn("circle", { cx: across.at(x), cy: up.at(y), r: 5.5, class: name });

  /** The plane, coloured: the areas of each kind that `kindAt(x, y)` gives are one path. */
  function plane({ across, up, left, right, top, bottom }, kindAt) {
    const areas = new Map();
    for (let y = top; y < bottom; y += CELL) {
      const row = up.back(y + CELL / 2);
      for (let x = left, kind = kindAt(across.back(x + CELL / 2), row); x < right;) {
        const start = x;
        const here = kind;
        while (here === kind && x < right) {
          x += CELL;
          kind = kindAt(across.back(x + CELL / 2), row);
        }
        areas.set(here, `${areas.get(here) || ""}M${start} ${y}H${x}v${CELL}H${start}z`);
      }
    }
    return [...areas].map(([kind, d]) => drawn("path", {
      d, class: `explorer-cells ${kind}`, "shape-rendering": "crispEdges" }));
  }

  /** What the colours of a plane mean; below the plot, in place of what stands there. */
  function key(figure, kinds) {
    if (figure.querySelector("ul")) return;
    figure.append(element("ul", { class: "explorer-key" },
      ...kinds.map((kind) => element("li", { class: kind }, kind))));
  }

  /** Whether a factor is below 1 by more than rounding: on the border it is 1. */
  const converges = (factor) => factor < 1 - 1e-12;

  /** What a step does to the distance in the long run, in words. */
  function speed(factor) {
    const number = 0.99 < factor && factor < 1.01 ? Number(factor.toPrecision(5)) : shown(factor);
    const border = Math.abs(factor - 1) <= 1e-12
      ? ": this is the border, where it neither shrinks nor grows" : "";
    return `in the long run a step multiplies the distance by ${number}${border}`;
  }

  /**
   * A sentence: what is left of the distance to 0 in the course that is drawn. The factor alone
   * does not say it: momentum, above all the best, needs many more steps at first than in the long run.
   */
  function left(points) {
    const [first, ...others] = points.map((w) => Math.hypot(...w));
    if (first === 0) return "";
    const from = others.findLastIndex((distance) => distance > first / 10) + 2; // the step after
    const then = from <= others.length ? `from step ${from} on is at most a tenth of`
      : `after step ${others.length} is ${shown(others.at(-1) / first)} times`;
    return ` In the course shown the distance ${then} the first one.`;
  }

  lrlab.map = { converges, cross, curve, dots, height, key, left, plane, ring, speed };
})();
