/** What `lrlab.statistics` says of a sweep: of the losses of one seed, or of medians over seeds. */
(() => {
  "use strict";
  const lrlab = (globalThis.lrlab = globalThis.lrlab || {});

  /** The middle of the values, or the mean of the two in the middle; a loss that is not finite, of
   *  a run that diverged, counts as Infinity. */
  function median(values) {
    const sorted = [...values].sort((a, b) => (a < b ? -1 : Number(a > b)));
    const half = sorted.length / 2;
    const [low, high] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]];
    return low === high ? low : (low + high) / 2;
  }

  /** Where the losses reach a level, from the first rate on; NaN if they never do. */
  function reach(lrs, losses, level) {
    const above = losses.findIndex((loss) => loss >= level);
    if (above < 0) return NaN;
    const rise = losses[above] - losses[above - 1]; // infinite towards a run that diverged
    const share = (level - losses[above - 1]) / rise;
    return lrs[above - 1] * (lrs[above] / lrs[above - 1]) ** share;
  }

  /**
   * The two rates around the best one between which the loss keeps below a level: interpolated
   * along a line in the rate's logarithm, or the last rate before a run that diverged.
   * @param {number[]} lrs The rates, increasing.
   * @param {number[]} losses One for each; Infinity for a run that diverged.
   * @param {number} level The loss that is asked for.
   * @returns {number[]} The lower and the upper rate, NaN where the loss keeps below the level up
   *   to that end of the grid; none if it is nowhere below the level.
   */
  function edges(lrs, losses, level) {
    const best = losses.indexOf(Math.min(...losses));
    if (!(losses[best] < level)) return [];
    return [
      reach(lrs.slice(0, best + 1).reverse(), losses.slice(0, best + 1).reverse(), level),
      reach(lrs.slice(best), losses.slice(best), level),
    ];
  }

  /** How wide that range is, as the decimal logarithm of the quotient of its ends. */
  function decades(lrs, losses, level) {
    const [low, high] = edges(lrs, losses, level);
    return low === undefined ? 0 : Math.log10(high / low);
  }

  lrlab.statistics = { decades, edges, median };
})();
