/**
 * The convex bound of lrlab.theory once more: how far a schedule lets the loss be from its minimum.
 *
 * A test compares both functions with lrlab's in a browser, at random rates.
 */
(() => {
  "use strict";
  const lrlab = (globalThis.lrlab = globalThis.lrlab || {});

  /**
   * The bound before step t, in two parts: what D² is multiplied by, and what is added.
   *
   * 1/(2β₁) and ½ (γ₁/β₁ + Σₖ₌₁..ₜ₋₁ ηₖ γₖ/(βₖ₊₁ βₖ)), where βₖ = Σₛ₌ₖ..ₜ ηₛ and γₖ = Σₛ₌ₖ..ₜ ηₛ²Gₛ².
   * The sums grow from the end, as in lrlab.
   */
  function parts(rates, norms, t) {
    let [beta, gamma, noise] = [0, 0, 0];
    for (let k = t - 1; k >= 0; k -= 1) {
      const later = beta;
      beta += rates[k];
      gamma += (rates[k] * norms(k)) ** 2;
      if (k < t - 1) noise += ((rates[k] / later) * gamma) / beta;
    }
    return rates[t - 1] > 0 ? [0.5 / beta, (gamma / beta + noise) / 2] : [Infinity, Infinity];
  }

  const each = (norm) => (Array.isArray(norm) ? (k) => norm[k] : () => norm);

  /**
   * The bound on the loss above its minimum before each step; infinite where the rate is 0.
   * @param {number[]} rates The rate of each step.
   * @param {number} [distance] D, from the start to the minimum.
   * @param {number|number[]} [norm] G, the length of the gradients: one number, or one a step.
   */
  const bound = (rates, distance = 1, norm = 1) => rates.map((_, i) => {
    const [travel, noise] = parts(rates, each(norm), i + 1);
    return distance ** 2 * travel + noise;
  });

  /** The factor D√(a/b) of all rates with the smallest bound at the last step, and that 2D√(ab). */
  function bestBaseLr(rates, distance = 1, norm = 1) {
    const [travel, noise] = parts(rates, each(norm), rates.length);
    return {
      lr: distance * Math.sqrt(travel / noise), bound: 2 * distance * Math.sqrt(travel * noise) };
  }

  lrlab.convexBounds = { bestBaseLr, bound };
})();
