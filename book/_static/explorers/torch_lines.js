/** The lines of Python that give a schedule's rates in PyTorch, as lines.js has them for others. */
(() => {
  "use strict";
  const { lrlab } = globalThis;
  const { imports, python, rateFunction } = lrlab.python;

  const TORCH_CLASSES = [
    "StepLR", "MultiStepLR", "ExponentialLR", "LinearLR", "PolynomialLR", "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts", "ConstantLR", "LambdaLR", "SequentialLR", "OneCycleLR",
    "CyclicLR"];

  // Each calls PyTorch's own class for the config c, from a rate `base` of the optimizer, if that
  // is right for `last` epochs, and says null otherwise.
  const TORCH = {
    Constant: (c, base, last) => (c.lr === base ? "ConstantLR(optimizer, 1)"
      : `ConstantLR(optimizer, ${c.lr} / ${base}, total_iters=${last + 1} * n)`),
    StepDecay: (c, base) => c.lr === base &&
      `StepLR(optimizer, ${c.step_epochs} * n, gamma=${c.gamma})`,
    MultiStepDecay: (c, base) => c.lr === base &&
      `MultiStepLR(optimizer, [${c.milestones.map((m) => `${m} * n`).join(", ")}], ` +
      `gamma=${c.gamma})`,
    ExponentialDecay: (c, base) => c.lr === base &&
      `ExponentialLR(optimizer, ${c.gamma} ** (1 / n))`,
    Geometric: (c, base, last) => c.lr === base && last <= c.total_epochs &&
      `ExponentialLR(optimizer, (${c.final_lr} / ${c.lr}) ** (1 / (${c.total_epochs} * n)))`,
    PolynomialDecay: (c, base) => c.lr === base && c.final_lr === 0 &&
      `PolynomialLR(optimizer, ${c.total_epochs} * n, power=${c.power})`,
    LinearDecay: (c, base) => c.final_lr <= base && `LinearLR(optimizer, ` +
      `${python(c.lr / base)}, ${python(c.final_lr / base)}, total_iters=${c.total_epochs} * n)`,
    // Beyond its end PyTorch's cosine rises again.
    CosineDecay: (c, base, last) => c.lr === base && last <= c.total_epochs &&
      `CosineAnnealingLR(optimizer, ${c.total_epochs} * n, eta_min=${c.final_lr})`,
    CyclicCosine: (c, base) => c.lr === base &&
      `CosineAnnealingWarmRestarts(optimizer, ${c.cycle_epochs} * n, T_mult=${c.cycle_mult}, ` +
      `eta_min=${c.final_lr})`,
  };

  // These set the whole rate themselves, so they follow and precede nothing.
  const TORCH_ALONE = {
    OneCycle: (c, epochs) => {
      if (epochs > c.total_epochs) return null; // PyTorch refuses the step after the last
      const last = `${c.total_epochs} * n`;
      return `OneCycleLR(
    optimizer,
    max_lr=${c.max_lr},
    total_steps=${last} + 1,
    pct_start=(${python(c.warmup_fraction)} * ${last} + 1) / (${last} + 1),
    div_factor=${c.initial_div},
    final_div_factor=${c.final_div},
    anneal_strategy="${c.shape === "cosine" ? "cos" : "linear"}",
    three_phase=${python(c.three_phase)},
    cycle_momentum=False,
)`;
    },
    Triangular: (c) => {
      const both = c.cycle_gamma !== 1 && c.gamma !== 1;
      if (both || ![1, 0.5].includes(c.cycle_gamma)) return null;
      const mode = c.gamma !== 1 ? `"exp_range",\n    gamma=${c.gamma} ** (1 / n)`
        : c.cycle_gamma === 1 ? '"triangular"' : '"triangular2"';
      return `CyclicLR(
    optimizer,
    base_lr=${c.lr},
    max_lr=${c.max_lr},
    step_size_up=${c.up_epochs} * n,
    step_size_down=${c.down_epochs || c.up_epochs} * n,
    mode=${mode},
    cycle_momentum=False,
)`;
    },
  };

  // Why PyTorch's own class is not used where it has one.
  const LONE = { OneCycle: "OneCycleLR", Triangular: "CyclicLR" };
  const REFUSED = {
    Geometric: "PyTorch's ExponentialLR goes on falling beyond the end",
    PolynomialDecay: "PyTorch's PolynomialLR ends at 0 only",
    LinearDecay: "PyTorch's LinearLR cannot rise above the optimizer's rate",
    CosineDecay: "PyTorch's CosineAnnealingLR rises again beyond its end",
    OneCycle: "PyTorch's OneCycleLR refuses the step after its last",
    Triangular: "PyTorch's CyclicLR has no cycles that shrink like these",
  };

  function missing({ class: name }) {
    if (name === "Held") return "PyTorch has no class that holds a rate";
    return name in LONE
      ? `PyTorch's ${LONE[name]} sets the whole rate itself, so nothing can go before or after it`
      : `PyTorch has no class for ${name}`;
  }

  function refusal({ ramp, c, lr }, base) {
    if (ramp) return "PyTorch's LinearLR cannot begin above the optimizer's rate";
    return lr === base || c.class === "LinearDecay" ? REFUSED[c.class]
      : "In a sequence PyTorch's classes have to begin at one rate";
  }

  /** The pieces that run one after another, with their starts; `why` where one has no class. */
  function sequence(c, start, end) {
    if (start >= end) return [];
    if (c.class === "Joined") {
      const starts = [0, ...c.at].map((at) => start + at);
      return c.schedules.flatMap((piece, i) =>
        sequence(piece, starts[i], Math.min(end, starts[i + 1] ?? end)));
    }
    if (c.class === "Warmup") {
      const ramp = { ramp: c, lr: lrlab.schedules.rate(c.schedule, 0), start };
      return [{ ...ramp, end: Math.min(end, start + c.epochs) },
        ...sequence(c.schedule, start + c.epochs, end)];
    }
    return [c.class in TORCH ? { c, lr: c.lr, start, end } : { why: missing(c) }];
  }

  function torchRamp({ ramp, lr }, base) {
    const part = lr === base ? "k" : `${python(lr / base)} * k`;
    if (ramp.begin_lr === 0) return `LambdaLR(optimizer, lambda k: ${part} / (${ramp.epochs} * n))`;
    if (ramp.begin_lr > base) return null;
    return `LinearLR(optimizer, ${python(ramp.begin_lr / base)}, ${python(lr / base)}, ` +
      `total_iters=${ramp.epochs} * n)`;
  }

  /** PyTorch's own classes for a run, and the rate of the optimizer they start from; or `why` not. */
  function ownTorch(config, epochs) {
    if (config.class in TORCH_ALONE) {
      const made = TORCH_ALONE[config.class](config, epochs);
      return made ? { made, base: config.lr ?? config.max_lr, pieces: 1 }
        : { why: REFUSED[config.class] };
    }
    const parts = sequence(config, 0, epochs);
    const without = parts.find((part) => part.why);
    if (without) return without;
    const base = Math.max(...parts.map((part) => part.lr));
    const calls = parts.map((part) => (part.ramp ? torchRamp(part, base)
      : TORCH[part.c.class](part.c, base, part.end - part.start)));
    const refused = parts[calls.findIndex((text) => !text)];
    if (refused) return { why: refusal(refused, base) };
    if (calls.length === 1) return { made: calls[0], base, pieces: 1 };
    const starts = parts.slice(1).map((part) => `${part.start} * n`);
    const made = ["SequentialLR(", "    optimizer,", "    [",
      ...calls.map((text) => `        ${text},`), "    ],", `    [${starts.join(", ")}],`, ")"];
    return { made: made.join("\n"), base, pieces: calls.length };
  }

  function linesOfTorch(config, epochs) {
    const own = ownTorch(config, epochs);
    const spelled = own.made ? { math: "", text: "" } : rateFunction(config);
    const functions = spelled.text && `\n\n${spelled.text}\n\n`;
    const made = own.made || "LambdaLR(optimizer, lambda k: rate(k / n))";
    const lr = own.made ? `lr=${own.base})` : "lr=1.0)  # times rate(t)";
    const note = own.why ? `${own.why}; LambdaLR takes any function.`
      : own.pieces > 1 ? "PyTorch's own classes, one after another." : "PyTorch's own class.";
    return {
      note: `${note} Call scheduler.step() after optimizer.step().`,
      code: `${spelled.math}
import torch
${imports("torch.optim.lr_scheduler", TORCH_CLASSES, made)}${functions}
n = len(train_loader)  # steps per epoch; 1 if you call step() once an epoch
optimizer = torch.optim.SGD(model.parameters(), ${lr}
scheduler = ${made}
`.trimStart(),
    };
  }

  lrlab.lines.pytorch = linesOfTorch;
})();
