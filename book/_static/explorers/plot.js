/** A plot of lines, drawn as SVG in the colours of the theme. */
(() => {
  "use strict";
  const lrlab = (globalThis.lrlab = globalThis.lrlab || {});
  const { drawn, shown } = lrlab.kit;

  const MARKS = {
    dot: "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0",
    lost: "M-4-4L4 4M-4 4L4-4",
  };
  const MARGIN = { left: 62, right: 14, top: 54, bottom: 44 };
  const DIGIT = 7.4; // pixels of a mark's text; for its room at the edge
  const FAR = 1e5; // pixels; a point farther away is drawn at this distance
  let plots = 0; // on this page

  /** At most `most` round numbers from `from` to `to`: 1, 2 or 5 times a power of 10 apart. */
  function ticks(from, to, most) {
    const rough = (to - from) / most;
    const decade = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((x) => x * decade).find((x) => x >= rough * (1 - 1e-9));
    const first = Math.ceil(from / step - 1e-9);
    const count = Math.floor(to / step + 1e-9) - first + 1;
    return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  }

  /**
   * The powers of 10 in a range, or every second, third, … of them; in a short one also twice and
   * five times these, or only three times; in a very short one even steps.
   */
  function logTicks(from, to, most) {
    const [low, high] = [Math.ceil(Math.log10(from) - 1e-9), Math.floor(Math.log10(to) + 1e-9)];
    const each = Math.max(1, Math.ceil((high - low + 1) / most));
    const powers = Array.from({ length: high - low + 1 }, (_, i) => low + i);
    if (powers.length > 2) return powers.filter((p) => p % each === 0).map((p) => Number(`1e${p}`));
    const times = (parts) => [low - 1, ...powers]
      .flatMap((p) => parts.map((x) => Number(`${x}e${p}`)))
      .filter((x) => x >= from * (1 - 1e-9) && x <= to * (1 + 1e-9));
    const close = times([1, 2, 5]);
    if (close.length > most) return times([1, 3]);
    return close.length > 2 ? close : ticks(from, to, most);
  }

  const within = (place, low, high) => Math.min(Math.max(place, low), high);

  /** From values of an axis to pixels, and back. */
  function scale({ from, to, log }, start, end) {
    const inner = log ? Math.log10 : (x) => x;
    const [low, high] = [inner(from), inner(to)];
    return {
      at: (x) => start + ((inner(x) - low) / (high - low)) * (end - start),
      back: (pixel) => {
        const x = low + ((pixel - start) / (end - start)) * (high - low);
        return log ? 10 ** x : x;
      },
    };
  }

  /** Two axes with as many pixels a unit: the one with room to spare shows more on both sides. */
  function evened(x, y, wide, tall) {
    const unit = Math.max((x.to - x.from) / wide, (y.to - y.from) / tall);
    return [[x, wide], [y, tall]].map(([axis, pixels]) => {
      const spare = (unit * pixels - (axis.to - axis.from)) / 2;
      return { ...axis, from: axis.from - spare, to: axis.to + spare };
    });
  }

  /** The path through points; broken where a value cannot be shown, as 0 on a logarithmic axis. */
  function path(points, x, y) {
    let pen = "M";
    return points.map(([a, b]) => {
      const height = y.at(b);
      if (!Number.isFinite(height)) { pen = "M"; return ""; }
      const text = `${pen}${x.at(a).toFixed(1)} ${within(height, -FAR, FAR).toFixed(1)}`;
      pen = "L";
      return text;
    }).join("");
  }

  /** Write a title above a plot, in as many rows as it needs; returns their number. */
  function writeTitle(svg, title, width) {
    let [rows, last] = [0];
    for (const word of title.split(" ")) {
      const before = last && last.textContent;
      if (last) last.textContent = `${before} ${word}`;
      if (last && last.getComputedTextLength() <= width) continue;
      if (last) last.textContent = before;
      rows += 1;
      last = drawn("text", { x: 4, y: 18 * rows, class: "explorer-title" }, word);
      svg.append(last);
    }
    return rows;
  }

  /**
   * Draw lines into a figure, in place of what it shows.
   * @param {HTMLElement} figure Its width is the plot's.
   * @param {object} plot
   * @param {string} plot.title Stands above.
   * @param {object} plot.x The axis: `label`, `from`, `to`, perhaps `log`; `marks`, the numbers to
   *   mark, and `name`, which gives the text of a mark, where the usual ones do not do.
   * @param {object} plot.y The same.
   * @param {boolean} [plot.even] Whether a unit is as long on both axes; one may then show more.
   * @param {object[]} [plot.lines] Each with `points`, pairs of numbers, a `label` for the legend,
   *   and `look`, the name of a class; `area` fills the space below, `mark`, the name of one of
   *   `MARKS`, marks each point, and `loose` leaves the line between them out. Lines are cut off at
   *   the plot's sides.
   * @param {number[]} [plot.marker] A point to mark, with lines to both axes.
   * @param {object[]} [plot.cuts] Moments to mark by a line upwards: each with `x` and `look`.
   * @param {function} [plot.pick] Called with the place that a pointer is over, on either axis.
   * @param {function} [plot.stroke] Called while the pointer is pressed, with two points: where it
   *   was last and where it is; `pick` is not called then.
   * @param {function} [plot.leave] Called when the pointer leaves.
   * @param {number} [plot.height] In pixels.
   * @param {function} [plot.inside] Called with the plot's frame, `across`, `up` and the pixels of
   *   its sides; returns elements that are drawn below the lines, and cut off at the sides.
   * @param {function} [plot.above] The same for elements above all, which are not cut off.
   */
  function plot(figure, {
    title, x: x0, y: y0, even, lines = [], marker, cuts = [], pick, stroke, leave, height: wanted,
    inside, above }) {
    const width = Math.max(figure.clientWidth, 240);
    // On a phone the controls have to be seen as well.
    const height = wanted || (width < 480 ? 230 : 300);
    // The same element again: the pointer may be over it.
    const svg = figure.querySelector("svg") || figure.appendChild(drawn("svg", { role: "img" }));
    svg.replaceChildren();
    for (const [name, value] of Object.entries({
      "aria-label": title, width, height, viewBox: `0 0 ${width} ${height}` })) {
      svg.setAttribute(name, value);
    }
    const rows = writeTitle(svg, title, width - 4);
    const [left, right] = [MARGIN.left, width - MARGIN.right];
    const [top, bottom] = [MARGIN.top + 18 * (rows - 1), height - MARGIN.bottom];
    const [x, y] = even ? evened(x0, y0, right - left, bottom - top) : [x0, y0];
    const [across, up] = [scale(x, left, right), scale(y, bottom, top)];
    const line = (x1, y1, x2, y2, name) => drawn("line", { x1, y1, x2, y2, class: name });
    const text = (at, baseline, words, anchor, name = "") =>
      drawn("text", { x: at, y: baseline, "text-anchor": anchor, class: name }, words);
    const marks = (axis, most) =>
      axis.marks || (axis.log ? logTicks : ticks)(axis.from, axis.to, most);
    const name = (axis, mark) => (axis.name || shown)(mark);

    for (const mark of marks(y, 6)) {
      svg.append(line(left, up.at(mark), right, up.at(mark), "explorer-grid"));
      svg.append(text(left - 6, up.at(mark) + 4, name(y, mark), "end"));
    }
    for (const mark of marks(x, width < 480 ? 5 : 10)) {
      const words = name(x, mark);
      const middle = Math.min(across.at(mark), width - (DIGIT * words.length) / 2);
      svg.append(line(across.at(mark), bottom, across.at(mark), bottom + 4, "explorer-axis"));
      svg.append(text(middle, bottom + 17, words, "middle"));
    }
    const frame = { across, up, left, right, top, bottom };
    if (inside) {
      const [size, tall] = [right - left, bottom - top];
      svg.append(drawn("svg", { // an inner one cuts off what leaves it
        x: left, y: top, width: size, height: tall, viewBox: `${left} ${top} ${size} ${tall}` },
      ...inside(frame)));
    }
    svg.append(line(left, bottom, right, bottom, "explorer-axis"));
    svg.append(line(left, top, left, bottom, "explorer-axis"));
    svg.append(text((left + right) / 2, height - 8, x.label, "middle"));
    const turned = text(0, 0, y.label, "middle");
    turned.setAttribute("transform", `translate(13 ${(top + bottom) / 2}) rotate(-90)`);
    svg.append(turned);

    for (const cut of cuts) {
      const at = across.at(cut.x);
      svg.append(line(at, bottom, at, top, `explorer-line explorer-cut ${cut.look}`));
    }
    svg.clip ||= `explorer-clip-${plots += 1}`; // kept by the element
    const clip = `url(#${svg.clip})`;
    svg.append(drawn("clipPath", { id: svg.clip }, drawn("rect", { // with half of a line's width
      x: left - 1, y: top - 1, width: right - left + 2, height: bottom - top + 2 })));
    let legend = left;
    for (const { points, label, look, area, mark, loose } of lines) {
      const marked = (x, y) => drawn("path", {
        d: MARKS[mark], transform: `translate(${x} ${y})`, class: `explorer-mark ${look}` });
      const course = path(points, across, up);
      if (area && !y.log && course) {
        const [first, last] = [across.at(points[0][0]), across.at(points.at(-1)[0])];
        const below = `${course}L${last.toFixed(1)} ${bottom}L${first.toFixed(1)} ${bottom}Z`;
        svg.append(drawn("path", {
          d: below, class: `explorer-area ${look}`, "clip-path": clip }));
      }
      if (!loose) {
        svg.append(drawn("path", {
          d: course, class: `explorer-line ${look}`, "clip-path": clip }));
      }
      if (mark) svg.append(...points.map(([a, b]) => marked(across.at(a), up.at(b))));
      if (!label) continue;
      svg.append(loose ? marked(legend + 11, top - 16)
        : line(legend, top - 16, legend + 22, top - 16, `explorer-line ${look}`));
      svg.append(text(legend + 28, top - 12, label, "start"));
      legend += (width < 480 ? 40 : 52) + 7 * label.length;
    }
    if (marker && Number.isFinite(up.at(marker[1]))) {
      const [cx, cy] = [across.at(marker[0]), up.at(marker[1])];
      svg.append(line(cx, bottom, cx, cy, "explorer-guide"));
      svg.append(line(left, cy, cx, cy, "explorer-guide"));
      svg.append(drawn("circle", { cx, cy, r: 5, class: "explorer-marker" }));
    }
    if (above) svg.append(...above(frame));
    const placeOf = (event) => {
      const box = svg.getBoundingClientRect();
      return [across.back(within(event.clientX - box.left, left, right)),
        up.back(within(event.clientY - box.top, top, bottom))];
    };
    const follow = (event) => {
      const { type } = event;
      if (type === "pointerdown" && event.button !== 0) return; // it opens a menu
      const place = placeOf(event);
      const finger = event.pointerType === "touch";
      const picks = !stroke || (event.buttons === 0 && type !== "pointerup");
      if (picks && !finger) {
        if (pick) pick(...place);
        return;
      }
      // Kept by the element, since the stroke draws everything else anew.
      if (type === "pointerdown") {
        svg.setPointerCapture(event.pointerId);
        svg.stroke = { waits: finger, last: place, startX: event.clientX, startY: event.clientY };
      }
      if (!svg.hasPointerCapture(event.pointerId)) return;
      const { waits, last, startX, startY } = svg.stroke;
      const [aside, along] = [event.clientX - startX, event.clientY - startY].map(Math.abs);
      // A finger that goes up or down scrolls the page; a tap counts, and so does every move of
      // one that began sideways.
      if (waits && type !== "pointerup" && aside <= along) return;
      svg.stroke = { waits: false, last: place };
      if (stroke) stroke(last, place);
      else if (pick) pick(...place);
    };
    svg.classList.toggle("explorer-canvas", Boolean(stroke));
    Object.assign(svg, {
      onpointermove: follow, onpointerdown: follow, onpointerup: follow,
      onpointerleave: leave || null });
  }

  lrlab.plot = plot;
})();
