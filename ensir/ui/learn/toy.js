// The toy bin set of steps 3 and 4: two models, pixels in two heaps, and EM on them.

const toyChart = find(".toy svg");
const responsibilityChart = find(".responsibilities svg");
const scoreChart = find(".scores svg");
const distanceChart = find("figure.distance svg");
const TOY = {
  mean: [100, 132],
  deviation: [9, 9],
  weight: [0.5, 0.5],
  heaps: [102, 134],
  share: 0.7,
  level: 116,
};
const HEAP_DEVIATION = 8;
const [FROM, TO] = [60, 176];
let toy;
let walk; // all mixtures of EM from the toy's start, and their scores
let onChart; // the mixture whose curves are drawn
let place = 1; // in half steps, as in the replay; the E step of the first is always done

const toyMixture = () => ({
  weight: toy.weight,
  mean: toy.mean,
  variance: toy.deviation.map((one) => one * one),
});

/** Pixels of two heaps by level, the same each time. */
function heaps(centres, share, deviation = HEAP_DEVIATION) {
  const made = {
    weight: [share, 1 - share],
    mean: centres,
    variance: centres.map(() => deviation ** 2),
  };
  return levels.map((level) =>
    Math.floor(TOY_PIXELS * (density(made, 0, level) + density(made, 1, level)) + 0.5),
  );
}

function renewToy() {
  toy.histogram = heaps(toy.heaps, toy.share);
  walk = fitted(toyMixture(), toy.histogram);
  place = 1;
}

function resetToy() {
  toy = structuredClone(TOY);
  fields.share.value = toy.share;
  renewToy();
}

const lastPlace = () => 2 * (walk.mixtures.length - 1);
const mixtureNow = () => walk.mixtures[Math.floor(place / 2)];
/** The mixture that the last E step took. */
const explainedBy = () => walk.mixtures[Math.floor((place - 1) / 2)];

function buildToy() {
  ["A", "B"].forEach((name, model) => {
    const peak = (mixture) => density(mixture, model, mixture.mean[model]);
    const change = (apply) => (value) => {
      apply(value);
      renewToy();
    };
    addHandle(toyChart, {
      name: `Mean of ${name}`,
      word: () => `μ ${name}`,
      // Outwards, so that the words of near means stand apart.
      beside: () => ({ side: (toy.mean[0] <= toy.mean[1]) === (model === 0) ? "end" : "start" }),
      shape: "round",
      colour: colours[model],
      least: 70,
      most: 166,
      read: () => toy.mean[model],
      write: change((value) => (toy.mean[model] = value)),
      at: ({ x, y }) => ({
        x: x(toy.mean[model]),
        y: Math.max(y(peak(onChart)), y.ceiling + 22),
      }),
    });
    addHandle(toyChart, {
      name: `Deviation of ${name}`,
      shape: "square",
      isShown: () => onChart === walk.mixtures[0], // later variances are not the reader's to set
      colour: colours[model],
      least: 3,
      most: 30,
      step: 0.5,
      read: () => toy.deviation[model],
      of: (level) => (model ? 1 : -1) * (level - toy.mean[model]),
      write: change((value) => (toy.deviation[model] = value)),
      at: ({ x, y }) => {
        const side = model ? 1 : -1; // outwards, where the other model is not
        const at = toy.mean[model] + side * toy.deviation[model];
        return { x: x(at), y: Math.max(y(density(onChart, model, at)), y.ceiling + 4) };
      },
    });
    addHandle(toyChart, {
      name: `${model ? "Right" : "Left"} heap of pixels`,
      shape: "up",
      colour: "rgb(128 128 128)",
      least: 70,
      most: 166,
      read: () => toy.heaps[model],
      write: change((value) => (toy.heaps[model] = value)),
      at: ({ x, y }) => ({ x: x(toy.heaps[model]), y: y(0) - 4 }),
    });
  });
  addHandle(responsibilityChart, {
    name: "Level y",
    word: () => `y = ${toy.level}`,
    beside: () => ({ side: toy.level > 150 ? "end" : "start" }),
    shape: "round",
    colour: INK,
    least: 62,
    most: 174,
    read: () => toy.level,
    write: (value) => (toy.level = value),
    at: ({ x, y }) => ({ x: x(toy.level), y: (y.ceiling + y.floor) / 2 }),
  });
}

function drawToy(step) {
  const shown = step === 4 ? explainedBy() : walk.mixtures[0];
  const found = responsibilities(shown);
  if (step === 3) drawResponsibilities(found);
  drawHeaps(step, found);
  if (step === 4) drawScores();
  sayToy(shown);
}

function drawResponsibilities(found) {
  const ones = levels.map(() => 1);
  const share = { kind: "area", xs: levels, opacity: 0.55 };
  drawn(responsibilityChart, {
    x: { from: FROM, to: TO },
    y: { from: 0, to: 1, ticks: [0, 0.5, 1] },
    margin: { bottom: 20 },
    marks: [
      { ...share, low: levels.map(() => 0), high: [...found[0]], colour: colours[0] },
      { ...share, low: [...found[0]], high: ones, colour: colours[1] },
      { kind: "rule", of: "x", at: toy.level, dash: "" },
    ],
  });
}

function drawHeaps(step, found) {
  const now = step === 4 ? mixtureNow() : walk.mixtures[0];
  onChart = now;
  const xs = [];
  for (let level = FROM; level <= TO; level += 0.5) xs.push(level);
  const curve = (mixture, model) => xs.map((level) => density(mixture, model, level));
  const total = curve(now, 0).map((one, at) => one + density(now, 1, xs[at]));
  const bars = toy.histogram.map((count) => count / TOY_PIXELS);
  const ofA = bars.map((bar, level) => bar * found[0][level]);
  const marks = [
    { kind: "bars", values: ofA, colour: colours[0], opacity: 0.38 },
    { kind: "bars", values: bars, low: ofA, colour: colours[1], opacity: 0.38 },
    { kind: "line", xs, ys: total, colour: INK, width: 1.5 },
    ...[0, 1].map((model) => ({
      kind: "line",
      xs,
      ys: curve(now, model),
      colour: colours[model],
      width: 2.4,
      dash: model ? "9 3" : "",
    })),
  ];
  if (step === 3) {
    marks.push({ kind: "rule", of: "x", at: toy.level, dash: "2 3", opacity: 0.7 });
    [0, 1].forEach((model) =>
      marks.push({
        kind: "dots",
        xs: [toy.level],
        ys: [density(now, model, toy.level)],
        colour: colours[model],
      }),
    );
  }
  drawn(toyChart, {
    x: { from: FROM, to: TO, name: "level of the ground truth" },
    y: { from: 0, to: Math.max(0.045, Math.min(0.09, 1.08 * Math.max(...total, ...bars))) },
    margin: { top: 4 },
    marks,
  });
}

function drawScores() {
  const steps = walk.scores.map((_, at) => at);
  const [worst, best] = [Math.min(...walk.scores), Math.max(...walk.scores)];
  const room = 0.08 * (best - worst) + 0.005;
  const now = Math.floor(place / 2);
  drawn(scoreChart, {
    x: { from: 0, to: steps.length - 1, name: "step" },
    y: { from: worst - room, to: best + room },
    marks: [
      { kind: "line", xs: steps, ys: walk.scores, colour: INK },
      { kind: "dots", xs: [now], ys: [walk.scores[now]], colour: "var(--color-accent)", size: 5 },
    ],
  });
}

function sayToy(shown) {
  const [first] = walk.mixtures;
  const now = mixtureNow();
  const mass = [0, 0];
  const spread = [0, 0];
  const found = responsibilities(shown, toy.histogram);
  toy.histogram.forEach((count, level) =>
    mass.forEach((_, model) => {
      mass[model] += count * found[model][level];
      spread[model] += count * found[model][level] * (level - first.mean[model]) ** 2;
    }),
  );
  [0, 1].forEach((model) => {
    live(`alpha-${model}`, written(first.weight[model]));
    live(`mu-${model}`, written(first.mean[model], 0));
    live(`sigma-${model}`, written(first.variance[model], 1));
    live(`phi-${model}`, written(density(first, model, toy.level) / first.weight[model], 4));
    live(`gamma-${model}`, written(explained(first, toy.level).responsibility[model]));
    live(`mass-${model}`, written(mass[model], 1));
    live(`new-alpha-${model}`, written(now.weight[model]));
    live(`new-sigma-${model}`, written(now.variance[model], 1));
  });
  const terms = [0, 1].map((model) => written(density(first, model, toy.level), 4));
  const [at] = explained(first, toy.level).responsibility;
  live("gamma-sum", `A: ${terms[0]} / (${terms[0]} + ${terms[1]}) = ${written(at)}`);
  live("level", toy.level);
  const pixels = sum(toy.histogram);
  live("pixels", pixels.toLocaleString("en"));
  const after = mStep(shown, found, toy.histogram);
  const of = (value) =>
    value.toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  live(
    "alpha-sum",
    `A: ${of(mass[0])} / ${pixels.toLocaleString("en")} = ${written(after.weight[0])}`,
  );
  live("sigma-sum", `A: ${of(spread[0])} / ${of(mass[0])} = ${written(after.variance[0], 1)}`);
  const done = place === lastPlace() ? "EM stops" : `${place % 2 ? "E" : "M"} step done`;
  live("em-where", `Step ${Math.ceil(place / 2)} of ${walk.mixtures.length - 1}: ${done}`);
  live("score", written(walk.scores[Math.floor(place / 2)], 5));
  const onward = [find('[data-do="half"]'), find('[data-do="end"]')];
  onward[0].textContent = place % 2 ? "M step" : "E step";
  const canGoOn = place < lastPlace();
  enable(
    onward.map((button) => [button, canGoOn]),
    find('[data-do="start"]'),
  );
  live("share", written(toy.share, 2));
}
