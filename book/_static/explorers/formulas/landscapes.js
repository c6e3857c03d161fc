/**
 * Losses with few weights, and descents on them, as in lrlab.landscapes.
 *
 * A landscape is what its `to_config()` gives, as JSON; an optimizer is the config of SGD or of
 * Momentum without dampening and weight decay. A point is a list with a number for each weight. A
 * test compares every formula with lrlab's in a browser, at thousands of random points.
 */
(() => {
  "use strict";
  const lrlab = (globalThis.lrlab = globalThis.lrlab || {});

  const AROUND = 480; // points of a level line
  const GRID = 2000; // parts in which a change of the slope's sign is looked for

  /** Coordinates along the axes of a bowl: turned back by its angle. */
  const alongAxes = ({ angle }, w) => (angle ? turned(w, -angle) : w);

  const turned = ([x, y], angle) => {
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    return [cos * x - sin * y, sin * x + cos * y];
  };

  /** The two parabolas of a double well, their slopes, and the weight ρ of the narrow one. */
  function parabolas({ sharp, flat, separation, height }, w) {
    const [left, right] = [w + separation / 2, w - separation / 2];
    const narrow = height + (sharp / 2) * left ** 2;
    const wide = (flat / 2) * right ** 2;
    return {
      narrow, wide, share: 1 / (1 + Math.exp(narrow - wide)), slopes: [sharp * left, flat * right] };
  }

  const slope = (c, w) => {
    const { share, slopes } = parabolas(c, w);
    return share * slopes[0] + (1 - share) * slopes[1];
  };

  /** The sharp minimum, the barrier and the flat minimum: where the slope changes its sign. */
  function turningPoints(c) {
    const at = (i) => 0.51 * c.separation * ((2 * i) / GRID - 1);
    const found = [];
    for (let i = 0; i < GRID; i += 1) {
      let [low, high] = [at(i), at(i + 1)];
      const rising = slope(c, low) > 0;
      if (slope(c, high) > 0 === rising) continue;
      for (let middle; (middle = (low + high) / 2) > low && middle < high;) {
        if (slope(c, middle) > 0 === rising) low = middle;
        else high = middle;
      }
      found.push(low);
    }
    return found;
  }

  /** Eigenvalues of a symmetric matrix of two rows, the smaller first. */
  function eigenvalues(first, mixed, second) {
    const root = Math.hypot((first - second) / 2, mixed);
    const large = (first + second) / 2 + root;
    return [(first * second - mixed ** 2) / large, large]; // a difference would lose digits
  }

  // Each landscape: its loss and gradient; its minimum; the curvatures there along its axes; and in
  // two dimensions a point of the line of a given loss above 0, found at a given angle.
  const LANDSCAPES = {
    /** ½ Σ λᵢ uᵢ², with u the coordinates along the axes. */
    Quadratic: {
      loss: (c, w) => alongAxes(c, w).reduce((sum, u, i) => sum + (c.eigenvalues[i] / 2) * u * u, 0),
      grad: (c, w) => {
        const slopes = alongAxes(c, w).map((u, i) => c.eigenvalues[i] * u);
        return c.angle ? turned(slopes, c.angle) : slopes;
      },
      minimum: (c) => c.eigenvalues.map(() => 0),
      curvatures: (c) => c.eigenvalues,
      level: (c, loss, angle) => {
        const [first, second] = c.eigenvalues.map((curvature) => Math.sqrt((2 * loss) / curvature));
        return turned([first * Math.cos(angle), second * Math.sin(angle)], c.angle);
      },
    },
    /** −log(e^−p + e^−q), with p the narrow parabola and q the wide one. */
    DoubleWell: {
      loss: (c, [w]) => {
        const { narrow, wide } = parabolas(c, w);
        return Math.min(narrow, wide) - Math.log1p(Math.exp(-Math.abs(narrow - wide)));
      },
      grad: (c, [w]) => [slope(c, w)],
      minimum: (c) => turningPoints(c).map((w) => [w]).reduce(
        (best, w) => (LANDSCAPES.DoubleWell.loss(c, w) < LANDSCAPES.DoubleWell.loss(c, best)
          ? w : best)),
      curvatures: (c) => [curvature(c, LANDSCAPES.DoubleWell.minimum(c)[0])],
    },
    /** (a − x)² + b (y − x²)². */
    Rosenbrock: {
      loss: ({ a, b }, [x, y]) => (a - x) ** 2 + b * (y - x * x) ** 2,
      grad: ({ a, b }, [x, y]) => {
        const climb = 2 * b * (y - x * x);
        return [2 * (x - a) - 2 * x * climb, climb];
      },
      minimum: ({ a }) => [a, a * a],
      curvatures: ({ a, b }) => eigenvalues(2 + 8 * b * a * a, -4 * b * a, 2 * b),
      level: ({ a, b }, loss, angle) => {
        const x = a + Math.sqrt(loss) * Math.cos(angle);
        return [x, x * x + Math.sqrt(loss / b) * Math.sin(angle)];
      },
    },
  };

  /** The second derivative of a double well: ρa + (1 − ρ)b − ρ(1 − ρ)(p′ − q′)². */
  function curvature(c, w) {
    const { share, slopes } = parabolas(c, w);
    return share * c.sharp + (1 - share) * c.flat -
      share * (1 - share) * (slopes[0] - slopes[1]) ** 2;
  }

  function formulas(config) {
    if (!Object.hasOwn(LANDSCAPES, config.class)) throw new Error(`no landscape ${config.class}`);
    return LANDSCAPES[config.class];
  }

  const loss = (config, w) => formulas(config).loss(config, w);
  const grad = (config, w) => formulas(config).grad(config, w);
  const minimum = (config) => formulas(config).minimum(config);
  const curvatures = (config) => formulas(config).curvatures(config);

  /** Points around the minimum at which the loss has a value above 0, in two dimensions. */
  const level = (config, height) => Array.from({ length: AROUND + 1 }, (_, i) =>
    formulas(config).level(config, height, (2 * Math.PI * i) / AROUND));

  /**
   * Descend at a constant rate: v ← βv + g, then w ← w − ηv, or with Nesterov w ← w − η(g + βv).
   * @param {object} landscape A config.
   * @param {object} optimizer The config of SGD or Momentum.
   * @param {number} lr The rate η.
   * @param {number[]} start The first point.
   * @param {number} steps How many steps; fewer if a number overflows, then `stopped` is true.
   * @param {number[][]} [noise] What is added to the gradient of each step.
   * @returns {{w: number[][], loss: number[], stopped: boolean}} The points and their losses.
   */
  function descend(landscape, optimizer, lr, start, steps, noise) {
    const { momentum = 0, nesterov = false, dampening, weight_decay: decay } = optimizer;
    if (dampening || decay) throw new Error("dampening and weight decay are not known here");
    const [w, losses] = [[start], [loss(landscape, start)]];
    let velocity = start.map(() => 0);
    while (w.length <= steps && Number.isFinite(losses.at(-1))) {
      const here = w.at(-1);
      const g = grad(landscape, here).map((x, i) => x + (noise ? noise[w.length - 1][i] : 0));
      velocity = velocity.map((v, i) => momentum * v + g[i]);
      const move = nesterov ? velocity.map((v, i) => g[i] + momentum * v) : velocity;
      w.push(here.map((x, i) => x - lr * move[i]));
      losses.push(loss(landscape, w.at(-1)));
    }
    return { w, loss: losses, stopped: !Number.isFinite(losses.at(-1)) };
  }

  lrlab.landscapes = {
    alongAxes, curvature, curvatures, descend, grad, level, loss, minimum, turningPoints };
})();
