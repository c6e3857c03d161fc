/**
 * What all explorers have in common: controls, the state in the address, a plot, copy buttons.
 *
 * An explorer is a classic script, since pages opened from the disk may not load modules. It calls
 * `lrlab.kit.explorer(name, definition)`, and takes the place of the picture in the page's
 * `<div class="explorer" data-explorer="name">`. Its state is a plain object with a value for each
 * control. The address holds what differs from the start: `#name?key=value&key=value`.
 */
(() => {
  "use strict";
  const lrlab = (globalThis.lrlab = globalThis.lrlab || {});

  /** An element with attributes and children; a function under `onEVENT` becomes a listener. */
  function fill(made, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") made.addEventListener(name.slice(2), value);
      else if (value !== undefined) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  const element = (tag, attributes = {}, ...children) =>
    fill(document.createElement(tag), attributes, children);

  const drawn = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

  // --- numbers -----------------------------------------------------------------------------------

  /** A number for readers: three digits, and a power of ten in place of many zeros. */
  function shown(x, digits = 3) {
    const rounded = Number(x.toPrecision(digits));
    const size = Math.abs(rounded);
    return rounded !== 0 && (size < 1e-3 || size >= 1e5)
      ? rounded.toExponential().replace("+", "") : String(rounded);
  }

  /** The numbers from `from` to `to` in steps, without the rounding of repeated additions. */
  const steps = (from, to, step) => Array.from(
    { length: Math.round((to - from) / step) + 1 },
    (_, i) => Number((from + i * step).toPrecision(12)));

  /** Ten round numbers in each decade from 10^from to 10^to. */
  const decades = (from, to) => [
    ...Array.from({ length: to - from }, (_, i) =>
      ["1", "1.2", "1.5", "2", "2.5", "3", "4", "5", "6", "8"].map((x) => `${x}e${from + i}`)),
    `1e${to}`].flat().map(Number);

  /** Rates for a slider that looks closely, 75 round numbers a decade, and some special ones. */
  function fineRates(from, to, ...others) {
    const parts = [...steps(1, 1.95, 0.05), ...steps(2, 4.9, 0.1), ...steps(5, 9.8, 0.2)];
    const powers = Array.from({ length: to - from }, (_, i) => from + i);
    const round = [...powers.flatMap((p) => parts.map((x) => Number(`${x}e${p}`))), 10 ** to];
    return [...new Set([...round, ...others])].sort((a, b) => a - b);
  }

  /** Where in a list of numbers the one lies that is nearest to x. */
  const nearest = (values, x) => values.reduce(
    (best, value, i) => (Math.abs(value - x) < Math.abs(values[best] - x) ? i : best), 0);

  /** Corners of a course that keeps each value for a unit of time. */
  const stairs = (values) => values.flatMap((value, i) => [[i, value], [i + 1, value]]);

  // --- drawn courses -----------------------------------------------------------------------------

  // What is drawn by hand is a list of levels, whole numbers from 0 to TOP. The address has a letter
  // for each.
  const TOP = 60;
  const LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".slice(0, TOP + 1);

  /** The numbers from 0 to 1 that a code stands for, in steps of 1 / TOP; and the code of such. */
  const uncoded = (code) => [...code].map((letter) => LETTERS.indexOf(letter) / TOP);
  const coded = (heights) =>
    heights.map((x) => LETTERS[Math.round(Math.min(Math.max(x, 0), 1) * TOP)]).join("");

  /** The heights after a stroke from one point to another; x counts the heights from 0. */
  function stroked(heights, from, to) {
    const [[x, y], [x2, y2]] = [from, to].sort(([a], [b]) => a - b);
    return heights.map((height, i) => {
      if (i < Math.round(x) || i > Math.round(x2)) return height;
      if (Math.round(x) === Math.round(x2)) return to[1];
      return y + (y2 - y) * Math.min(Math.max((i - x) / (x2 - x), 0), 1);
    });
  }

  // --- controls ----------------------------------------------------------------------------------

  // Each kind of control says which value a text from an address means (undefined if none), makes
  // its input, and shows a value there. `change` takes the new value.
  const KINDS = {
    /** A slider over `values`, a list of numbers or a function of the state that gives one. */
    range: {
      read: (control, text, state) => {
        const values = listed(control, state);
        const x = text.trim() === "" ? NaN : Number(text);
        return Number.isFinite(x) ? values[nearest(values, x)] : undefined;
      },
      make: (control, state, change) => element("input", {
        type: "range",
        min: 0,
        oninput: (event) => change(listed(control, state)[event.target.value]),
      }),
      show: (control, state, input, output) => {
        const values = listed(control, state);
        const value = state[control.key];
        const short = shown(value, 6); // a computed one may have 16 digits
        const unit = value === 1 && control.unit === "epochs" ? "epoch" : control.unit || "";
        const text = (control.words || {})[value] || `${short} ${unit}`.trim();
        input.max = values.length - 1;
        input.value = nearest(values, value);
        input.setAttribute("aria-valuetext", text);
        output.textContent = text;
      },
    },
    /** A choice among `options`, an object of values and their names. */
    choice: {
      read: (control, text) => (Object.hasOwn(control.options, text) ? text : undefined),
      make: (control, state, change) => element(
        "select",
        { onchange: (event) => change(event.target.value) },
        ...Object.entries(control.options).map(([value, text]) => new Option(text, value))),
      show: (control, state, input) => { input.value = state[control.key]; },
    },
    /** A course drawn by hand, as a code; the slider moves the height at `at(state)`. */
    drawn: {
      read: (control, text) => (text.length === control.value.length &&
        [...text].every((letter) => LETTERS.includes(letter)) ? text : undefined),
      make: (control, state, change) => element("input", {
        type: "range",
        min: 0,
        max: TOP,
        oninput: (event) => change(coded(uncoded(state[control.key]).with(
          control.at(state), event.target.value / TOP))),
      }),
      show: (control, state, input, output) => {
        const height = uncoded(state[control.key])[control.at(state)];
        input.value = Math.round(height * TOP);
        output.textContent = control.words(height);
        input.setAttribute("aria-valuetext", output.textContent);
      },
    },
    /** Yes or no. */
    check: {
      read: (control, text) => (["true", "false"].includes(text) ? text === "true" : undefined),
      make: (control, state, change) => element(
        "input", { type: "checkbox", onchange: (event) => change(event.target.checked) }),
      show: (control, state, input) => { input.checked = state[control.key]; },
    },
  };

  /** What a control has to say to be a slider. */
  const range = (values, value, unit) => ({ kind: "range", values, value, unit });

  const listed = (control, state) =>
    (typeof control.values === "function" ? control.values(state) : control.values);

  // --- the state ---------------------------------------------------------------------------------

  const initial = (controls) =>
    Object.fromEntries(controls.map((control) => [control.key, control.value]));

  const isShown = (control, state) => !control.shown || control.shown(state);

  /** What the address says about an explorer; null if it speaks of something else. */
  function stateFrom(hash, name, controls) {
    if (!hash.startsWith(`#${name}?`)) return null;
    const given = new URLSearchParams(hash.slice(name.length + 2));
    const state = initial(controls);
    for (const control of controls) {
      const text = given.get(control.key);
      const value = text === null ? undefined : KINDS[control.kind].read(control, text, state);
      if (value !== undefined) state[control.key] = value;
    }
    return state;
  }

  /** The part of the address that brings a state back: what is shown and not as at the start. */
  function hashOf(state, name, controls) {
    const told = controls.filter((control) =>
      isShown(control, state) && state[control.key] !== control.value);
    return `#${name}?${new URLSearchParams(told.map(({ key }) => [key, state[key]]))}`;
  }

  // --- an explorer -------------------------------------------------------------------------------

  /** A button that copies a text, and says so; by selecting it where a page may not do more. */
  function copyButton(label, text) {
    const button = element("button", { type: "button" }, label);
    const answer = (word) => {
      button.textContent = word;
      setTimeout(() => { button.textContent = label; }, 1500);
    };
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text());
        answer("Copied");
      } catch {
        const area = element("textarea", { "aria-hidden": "true" }, text());
        document.body.append(area);
        area.select();
        answer(document.execCommand("copy") ? "Copied" : "Not copied");
        area.remove();
        button.focus();
      }
    });
    button.setAttribute("aria-live", "polite");
    return button;
  }

  /** Write a text into an element; a number stays in one line, with its power of ten and its %. */
  function say(place, text) {
    place.replaceChildren(...text.split(/((?:[≤≥] )?[\d.]+(?:e-\d+| %)\S*)/).map((part, i) =>
      (i % 2 ? element("span", { class: "explorer-number" }, part) : part)));
    return place;
  }

  /**
   * Write the main numbers below a plot that stays in sight on a phone, where their sentence may
   * not be. The sentence has them too, so a screen reader leaves this line out.
   */
  function caption(figure, text) {
    const line = figure.querySelector("p") ||
      figure.appendChild(element("p", { class: "explorer-caption", "aria-hidden": "true" }));
    say(line, text);
  }

  /** Lines of Python, and the button that copies them. */
  const linesToCopy = (text) => [
    element("pre", { tabindex: 0, role: "region", "aria-label": "Lines to copy" },
      element("code", {}, text)),
    copyButton("Copy the lines", () => text)];

  /** A table that scrolls in its box; of each row `cells`, the first its name, and `chosen`. */
  function table(label, head, rows) {
    const columns = head.map((text) => element("th", { scope: "col" }, text));
    const lines = rows.map(({ cells: [name, ...cells], chosen }) => element(
      "tr", { class: chosen ? "explorer-chosen" : undefined },
      element("th", { scope: "row" }, name), ...cells.map((text) => say(element("td"), String(text)))));
    const region = { tabindex: 0, role: "region", "aria-label": label };
    return element("div", { class: "explorer-table", ...region }, element(
      "table", { class: "table" },
      element("thead", {}, element("tr", {}, ...columns)), element("tbody", {}, ...lines)));
  }

  /**
   * Put an explorer in the place of its picture.
   * @param {string} name As in `data-explorer`.
   * @param {object} definition
   * @param {string} definition.hint A sentence that says what to try.
   * @param {object[]} definition.controls Each with `key`, `label`, `kind`, the first `value` and
   *   what its kind needs; perhaps `group`, under whose name it stands, `shown(state)`, `unit`.
   * @param {function} definition.draw Called with the state and the parts of the page: `figure`,
   *   which stays in sight on a phone, `aside`, which stands beside it once something is in it,
   *   `below` for further plots, `status` for the main numbers (see `say`), `more`, and
   *   `set(values)`, an object. A state may come from anywhere: each value is one that its control has.
   */
  function explorer(name, { hint, controls, draw }) {
    document.addEventListener("DOMContentLoaded", () => {
      const place = document.querySelector(`.explorer[data-explorer="${name}"]`);
      if (place) open(place, name, hint, controls, draw);
    });
  }

  function open(place, name, hint, controls, draw) {
    const state = stateFrom(location.hash, name, controls) || initial(controls);
    const parts = {
      figure: element("div", { class: "explorer-figure" }),
      below: element("div"),
      aside: element("div", { class: "explorer-aside" }),
      status: element("p", { class: "explorer-status", role: "status" }),
      more: element("div", { class: "explorer-more" }),
      set: (values) => {
        if (Object.entries(values).every(([key, value]) => state[key] === value)) return;
        Object.assign(state, values);
        show();
        remember();
      },
    };

    const rows = controls.map((control) => {
      const input = KINDS[control.kind].make(control, state, (value) =>
        parts.set({ [control.key]: value }));
      // No <output>: that would be a live region, and the slider itself says its value.
      const output = element("span", { class: "explorer-value", "aria-hidden": "true" });
      input.id = `${name}-${control.key}`;
      const label = element("label", { for: input.id }, control.label);
      return { control, input, output, row: element("div", {}, label, input, output) };
    });

    const groups = [...new Set(controls.map((control) => control.group))].map((group) => element(
      "fieldset", {}, element("legend", {}, group || "Settings"),
      ...rows.filter((row) => row.control.group === group).map((row) => row.row)));

    function show() {
      for (const { control, input, output, row } of rows) {
        // Its list may have become shorter; what is hidden comes back as it was.
        if (control.kind === "range" && isShown(control, state)) {
          const values = listed(control, state);
          state[control.key] = values[nearest(values, state[control.key])];
        }
        row.hidden = !isShown(control, state);
        KINDS[control.kind].show(control, state, input, output);
      }
      draw(state, parts);
    }

    // A browser lets a page change its address a few times a second, and a slider moves faster.
    let timer;
    function remember() {
      clearTimeout(timer);
      timer = setTimeout(() =>
        history.replaceState(history.state, "", hashOf(state, name, controls)), 200);
    }

    function reset() {
      Object.assign(state, initial(controls));
      show();
      remember();
    }

    const buttons = element(
      "p", { class: "explorer-buttons" },
      element("button", { type: "button", onclick: reset }, "Reset"),
      copyButton("Copy link", () => new URL(hashOf(state, name, controls), location.href).href));
    place.replaceChildren(
      element("p", { class: "explorer-hint" }, hint),
      element("div", {}, parts.figure, parts.aside, parts.below, parts.status,
        element("div", { class: "explorer-controls" }, ...groups), buttons),
      parts.more);
    show();
    if (location.hash.startsWith(`#${name}?`)) place.scrollIntoView({ block: "nearest" });

    addEventListener("hashchange", () => {
      const told = stateFrom(location.hash, name, controls);
      if (told) { Object.assign(state, told); show(); }
    });
    new ResizeObserver(() => draw(state, parts)).observe(parts.figure);
  }

  lrlab.kit = {
    caption, coded, decades, drawn, element, explorer, fineRates, initial, linesToCopy, nearest,
    range, say, shown, stairs, stateFrom, steps, stroked, table, uncoded };
})();
