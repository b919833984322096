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
let place = 0; // in half steps, as in the replay

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
  place = 0;
}

function resetToy() {
  toy = structuredClone(TOY);
  fields.share.value = toy.share;
  renewToy();
}

const lastPlace = () => 2 * (walk.mixtures.length - 1);
const mixtureNow = () => walk.mixtures[Math.floor(place / 2)];
const explainedBy = () =>
  walk.mixtures[place % 2 ? Math.floor(place / 2) : Math.max(place / 2 - 1, 0)];

function buildToy() {
  ["A", "B"].forEach((name, model) => {
    const peak = (mixture) => density(mixture, model, mixture.mean[model]);
    const change = (apply) => (value) => {
      apply(value);
      renewToy();
    };
    addHandle(toyChart, {
      name: `Mean of ${name}`,
      word: `μ ${name}`,
      shape: "round",
      colour: colours[model],
      least: 70,
      most: 166,
      read: () => toy.mean[model],
      write: change((value) => (toy.mean[model] = value)),
      at: ({ x, y }) => ({
        x: x(toy.mean[model]),
        y: Math.max(y(peak(mixtureNow())), y.ceiling + 4),
      }),
    });
    addHandle(toyChart, {
      name: `Deviation of ${name}`,
      shape: "square",
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
        return { x: x(at), y: Math.max(y(density(mixtureNow(), model, at)), y.ceiling + 4) };
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
    word: "y",
    shape: "round",
    colour: INK,
    least: 62,
    most: 174,
    read: () => toy.level,
    write: (value) => (toy.level = value),
    at: ({ x, y }) => ({ x: x(toy.level), y: y.ceiling + 12 }),
  });
}

function drawToy(step) {
  const now = mixtureNow();
  const shown = step === 4 ? explainedBy() : walk.mixtures[0];
  const x = { from: FROM, to: TO, name: "level of the ground truth" };
  const found = responsibilities(shown);
  const stacked = levels.map((_, level) => found[0][level] + found[1][level]);
  drawn(responsibilityChart, {
    x: { ...x, name: "" },
    y: { from: 0, to: 1, ticks: [0, 0.5, 1] },
    margin: { bottom: 20 },
    marks: [
      {
        kind: "area",
        xs: levels,
        low: levels.map(() => 0),
        high: [...found[0]],
        colour: colours[0],
        opacity: 0.55,
      },
      {
        kind: "area",
        xs: levels,
        low: [...found[0]],
        high: stacked,
        colour: colours[1],
        opacity: 0.55,
      },
      { kind: "rule", of: "x", at: toy.level, dash: "" },
    ],
  });
  const xs = [];
  for (let level = FROM; level <= TO; level += 0.5) xs.push(level);
  const curve = (mixture, model) => xs.map((level) => density(mixture, model, level));
  const total = curve(now, 0).map((one, at) => one + density(now, 1, xs[at]));
  const bars = toy.histogram.map((count) => count / TOY_PIXELS);
  drawn(toyChart, {
    x,
    y: { from: 0, to: Math.max(0.045, Math.min(0.09, Math.max(...total) * 1.08)) },
    marks: [
      { kind: "bars", values: bars, colour: "rgb(128 128 128)", opacity: 0.4 },
      { kind: "line", xs, ys: total, colour: INK, width: 1.5 },
      ...[0, 1].map((model) => ({
        kind: "line",
        xs,
        ys: curve(now, model),
        colour: colours[model],
        width: 2.4,
        dash: model ? "9 3" : "",
      })),
    ],
  });
  const steps = walk.scores.map((_, at) => at);
  const [worst, best] = [Math.min(...walk.scores), Math.max(...walk.scores)];
  drawn(scoreChart, {
    x: { from: 0, to: Math.max(steps.length - 1, 1), name: "" },
    y: { from: worst - 0.02, to: best + 0.02 },
    margin: { bottom: 20 },
    marks: [
      { kind: "line", xs: steps, ys: walk.scores, colour: INK },
      {
        kind: "dots",
        xs: [Math.floor(place / 2)],
        ys: [walk.scores[Math.floor(place / 2)]],
        colour: "var(--color-accent)",
        size: 5,
      },
    ],
  });
  sayToy(shown, now);
}

function sayToy(shown, now) {
  const [first] = walk.mixtures;
  const mass = [0, 1].map(() => 0);
  const found = responsibilities(shown, toy.histogram);
  toy.histogram.forEach((count, level) =>
    mass.forEach((_, model) => (mass[model] += count * found[model][level])),
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
  const terms = [0, 1].map((model) => density(first, model, toy.level));
  const at = explained(first, toy.level).responsibility;
  live(
    "gamma-sum",
    `A: ${written(terms[0], 4)} / (${written(terms[0], 4)} + ${written(terms[1], 4)}) = ${written(at[0])}`,
  );
  live("level", toy.level);
  live("pixels", sum(toy.histogram).toLocaleString("en"));
  const rounds = walk.mixtures.length - 1;
  const half =
    place === 0
      ? "the start"
      : place === lastPlace()
        ? "EM stops"
        : place % 2
          ? "E step done, weights wait"
          : "M step done";
  live("em-where", `Step ${Math.ceil(place / 2)} of ${rounds}, ${half}`);
  live("score", written(walk.scores[Math.floor(place / 2)], 5));
  const button = find('[data-do="half"]');
  button.textContent = place % 2 ? "M step" : "E step";
  button.disabled = find('[data-do="end"]').disabled = place >= lastPlace();
  live("share", written(toy.share, 2));
}
