/**
 * What can be computed beforehand about a descent on a bowl, as in lrlab.theory.
 *
 * A bowl is the config of a Quadratic with eigenvalues λ, as JSON, and a noisy bowl that of a Noisy
 * with one σ. Rate η and momentum β are constant; `nesterov` asks for Nesterov's variant. A test
 * compares every formula with lrlab's in a browser, at thousands of random points.
 */
(() => {
  "use strict";
  const lrlab = (globalThis.lrlab = globalThis.lrlab || {});

  const ROUNDING = 1e-9; // a factor above 1 by no more counts as 1, which it is at a rate of 0

  /** The products ηλ at which the monotone, oscillating and alternating regimes end. */
  function borders(momentum, nesterov) {
    if (nesterov) {
      const end = (2 * (1 + momentum)) / (1 + 2 * momentum);
      return [((1 - momentum) / (1 + momentum)) ** 2, 1, end];
    }
    const root = Math.sqrt(momentum);
    return [(1 - root) ** 2, (1 + root) ** 2, 2 * (1 + momentum)];
  }

  /** The largest modulus of the eigenvalues of a step along one axis. */
  function spectralRadius(eigenvalue, lr, momentum, nesterov = false) {
    const product = lr * eigenvalue;
    const [first, second] = borders(momentum, nesterov);
    const ahead = nesterov ? 1 + momentum : 1;
    const trace = nesterov ? ahead * (1 - product) : 1 + momentum - product;
    const determinant = nesterov ? momentum * (1 - product) : momentum;
    // trace² − 4 · determinant in factors, which at the ends of the oscillation lose no digits.
    const discriminant = ahead ** 2 * (first - product) * (second - product);
    if (discriminant < 0) return Math.sqrt(determinant);
    return (Math.abs(trace) + Math.sqrt(discriminant)) / 2;
  }

  /** How the coordinate along one axis behaves. */
  function regime(eigenvalue, lr, momentum, nesterov = false) {
    const product = lr * eigenvalue;
    const [first, second, last] = borders(momentum, nesterov);
    if (product < 0 || product >= last) return "divergent";
    if (product <= first) return "monotone";
    return product < second ? "oscillating" : "alternating";
  }

  const radii = (bowl, lr, momentum, nesterov) =>
    bowl.eigenvalues.map((eigenvalue) => spectralRadius(eigenvalue, lr, momentum, nesterov));

  /** By what factor a step multiplies the distance to the minimum, in the long run. */
  const convergenceFactor = (bowl, lr, momentum = 0, nesterov = false) =>
    Math.max(...radii(bowl, lr, momentum, nesterov));

  /** The rate from which on descent no longer converges. */
  const divergenceLr = (bowl, momentum = 0, nesterov = false) =>
    borders(momentum, nesterov)[2] / Math.max(...bowl.eigenvalues);

  /** The rate at which plain descent has the smallest factor: 2 / (λ_min + λ_max). */
  const bestConstantLr = ({ eigenvalues }) =>
    2 / (Math.min(...eigenvalues) + Math.max(...eigenvalues));

  /** Rate and momentum with the smallest factor, and that factor. */
  function bestTuning({ eigenvalues }, nesterov = false) {
    const [low, high] = [Math.min(...eigenvalues), Math.max(...eigenvalues)];
    if (nesterov) {
      const root = Math.sqrt(3 * (high / low) + 1);
      return { lr: 4 / (3 * high + low), momentum: (root - 2) / (root + 2), factor: 1 - 2 / root };
    }
    const root = Math.sqrt(high / low);
    const factor = (root - 1) / (root + 1);
    return { lr: 4 / (Math.sqrt(high) + Math.sqrt(low)) ** 2, momentum: factor ** 2, factor };
  }

  /**
   * What a descent does in the long run, one of lrlab.theory.PHASES: divergent; fast, if it needs
   * at most `patience` times the steps of the best rate and momentum; swinging or slow by the axis
   * that shrinks least.
   */
  function phase(bowl, lr, momentum, nesterov = false, patience = 2) {
    const each = radii(bowl, lr, momentum, nesterov);
    const factor = Math.max(...each);
    if (factor > 1 + ROUNDING) return "divergent";
    const best = bestTuning(bowl, nesterov).factor;
    if (patience * Math.log(factor) <= Math.log(best)) return "fast";
    const slowest = bowl.eigenvalues[each.indexOf(factor)];
    return regime(slowest, lr, momentum, nesterov) === "monotone" ? "slow" : "swinging";
  }

  /** The variance of the noise along every axis: it is the same in all directions. */
  function variance({ sigma }) {
    if (typeof sigma !== "number") throw new Error("noise must have one sigma");
    return sigma ** 2;
  }

  /** The mean squared distance to the minimum at which a constant rate settles under noise. */
  function noiseFloor(noisy, lr, momentum = 0, nesterov = false) {
    const bowl = noisy.landscape;
    if (lr >= divergenceLr(bowl, momentum, nesterov)) return Infinity;
    const ahead = nesterov ? momentum : 0;
    return bowl.eigenvalues.reduce((sum, eigenvalue) => {
      const p = lr * eigenvalue;
      const above = 1 + momentum + ahead * p * (1 + 2 * momentum);
      const below = (1 - momentum + ahead * p) * (2 + 2 * momentum - p - 2 * ahead * p);
      return sum + (((lr * variance(noisy)) / eigenvalue) * above) / below;
    }, 0);
  }

  /**
   * The mean loss over the noise before and after each step, a part for each axis.
   *
   * With z = (v, u) the velocity and the coordinate, and a step z ← Az + bζ under noise ζ, the
   * moments M = E zzᵀ follow M ← AMAᵀ + σ²bbᵀ.
   */
  function expectedLosses(noisy, rates, start, momentum = 0, nesterov = false) {
    const bowl = noisy.landscape;
    const ahead = nesterov ? momentum : 0;
    const place = lrlab.landscapes.alongAxes(bowl, start);
    const parts = bowl.eigenvalues.map((eigenvalue, i) => {
      let [vv, vu, uu] = [0, 0, place[i] ** 2];
      const course = [(eigenvalue / 2) * uu];
      for (const lr of rates) {
        // v ← βv + λu + ζ and u ← cv + du − eζ.
        const c = -lr * momentum * (nesterov ? momentum : 1);
        const d = 1 - lr * eigenvalue * (1 + ahead);
        const e = lr * (1 + ahead);
        [vv, vu, uu] = [
          momentum ** 2 * vv + 2 * momentum * eigenvalue * vu + eigenvalue ** 2 * uu +
            variance(noisy),
          momentum * c * vv + (momentum * d + eigenvalue * c) * vu + eigenvalue * d * uu -
            e * variance(noisy),
          c * c * vv + 2 * c * d * vu + d * d * uu + e * e * variance(noisy),
        ];
        course.push((eigenvalue / 2) * uu);
      }
      return course;
    });
    return parts[0].map((_, step) => parts.map((course) => course[step]));
  }

  lrlab.theory = {
    bestConstantLr, bestTuning, borders, convergenceFactor, divergenceLr, expectedLosses, noiseFloor,
    phase, regime, spectralRadius };
})();
