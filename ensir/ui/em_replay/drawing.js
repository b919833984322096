// The six charts of a place in the replay.

function shownLevels() {
  const { histogram, mean, ranges } = props.value;
  const present = levels.filter((level) => histogram[level]);
  const all = [present[0], present.at(-1), ...mean, ...ranges.flat()];
  return {
    from: Math.max(Math.min(...all) - 5, -1),
    to: Math.min(Math.max(...all) + 5, 256),
    name: "level of the ground truth",
  };
}

let keptOf = null;
let kept = new Map();

/** What `make` returns, made once for the trace that is shown: most of a chart never moves. */
function once(name, make) {
  if (keptOf !== trace()) [keptOf, kept] = [trace(), new Map()];
  if (!kept.has(name)) kept.set(name, make());
  return kept.get(name);
}

function drawResponsibilities() {
  const { histogram, colours } = props.value;
  const x = once("levels", shownLevels);
  const xs = once("whole levels", () =>
    levels.slice(Math.max(Math.floor(x.from), 0), Math.ceil(x.to) + 1),
  );
  const values = once("shares of the most", () => {
    const most = Math.max(...histogram);
    return histogram.map((count) => count / most);
  });
  const marks = [];
  let low = xs.map(() => 0);
  responsibilitiesNow().forEach((share, candidate) => {
    const high = low.map((one, at) => one + share[xs[at]]);
    marks.push({
      kind: "area",
      xs,
      low,
      high,
      colour: colours[candidate],
      opacity: place ? 0.62 : 0.2,
    });
    low = high;
  });
  marks.push({ kind: "bars", values, colour: "var(--body-text-color)", opacity: 0.28 });
  drawChart(charts.responsibilities, {
    x,
    y: { from: 0, to: 1, ticks: [0, 0.5, 1] },
    still: once("grey bars", () => [
      { kind: "bars", values, colour: "rgb(128 128 128)", opacity: 0.75 },
    ]),
    marks,
  });
}

/** What of the mixture's chart does not depend on the step. */
function aboutMixture() {
  const { histogram, pixels, colours } = props.value;
  const x = shownLevels();
  const xs = [];
  for (let level = Math.max(x.from, 0); level <= Math.min(x.to, 255); level += 0.5) xs.push(level);
  const curves = (mixture) =>
    colours.map((_, candidate) => xs.map((level) => density(mixture, candidate, level)));
  const sum = (ofEach) => xs.map((_, at) => ofEach.reduce((total, ys) => total + ys[at], 0));
  const bars = histogram.map((count) => count / pixels);
  // A spike may leave the frame.
  const topOf = (mixture, ys) =>
    whole(mixture) ? Math.min(Math.max(...ys), 2 * Math.max(...bars)) : 0;
  const start = curves(mixtureAt(0));
  const end = mixtureAt(lastStep());
  const highest = Math.max(
    ...[...bars, topOf(mixtureAt(0), sum(start)), topOf(end, sum(curves(end)))],
  );
  const below = [{ kind: "bars", values: bars, colour: "rgb(128 128 128)", opacity: 0.45 }];
  start.forEach((ys, candidate) =>
    below.push({
      kind: "line",
      xs,
      ys,
      colour: colours[candidate],
      dash: "4 4",
      width: 1.3,
      opacity: 0.8,
    }),
  );
  return { x, xs, curves, sum, topOf, highest, below };
}

function drawMixture() {
  const { colours } = props.value;
  const now = mixtureAt(stepNow());
  const { x, xs, curves, sum, topOf, highest, below } = once("mixture", aboutMixture);
  const ofEach = curves(now);
  const total = sum(ofEach);
  // One height for all steps, so that what moves is the mixture.
  const most = Math.max(highest, topOf(now, total)) * 1.05;
  const marks = [];
  if (whole(now)) {
    ofEach.forEach((ys, candidate) =>
      marks.push({ kind: "line", xs, ys, colour: colours[candidate], width: 2.2 }),
    );
    marks.push({ kind: "line", xs, ys: total, colour: "var(--body-text-color)", width: 1.6 });
  }
  drawChart(charts.mixture, {
    x,
    y: { from: 0, to: most },
    still: once(`below, up to ${most}`, () => [...below]),
    marks,
  });
}

/** The charts over all steps, without what marks the present one. */
function overSteps() {
  const { weight, variance, score, least } = trace();
  const { colours } = props.value;
  const count = score.map((_, step) => step);
  const x = { from: 0, to: Math.max(lastStep(), 1), name: "step" };
  const lines = (values) =>
    colours.map((colour, candidate) => ({
      kind: "line",
      xs: count,
      ys: values.map((one) => one[candidate]),
      colour,
      width: 2,
      dash: DASHES[candidate % DASHES.length],
    }));
  const span = (values) => {
    const known = values.flat().filter((one) => one !== null);
    return [Math.min(...known), Math.max(...known)];
  };
  const [worst, best] = span(score);
  const room = (best - worst) * 0.08 || 0.01;
  const ink = "var(--body-text-color)";
  const gains = score.slice(1).map((one, step) => (one === null ? null : one - score[step]));
  const floor = 1e-7;
  const [rising, falling] = [
    gains.map((one) => (one > 0 ? Math.max(one, floor) : null)),
    gains.map((one) => (one !== null && one <= 0 ? floor : null)),
  ];
  const top = 10 ** Math.ceil(Math.log10(Math.max(...rising, 1e-3) * 1.01));
  const powers = [];
  for (let power = floor; power <= top * 1.01; power *= 100) powers.push(power);
  const xs = count.slice(1);
  return {
    rising,
    weights: {
      x,
      y: { from: 0, to: 1, ticks: [0, 0.25, 0.5, 0.75, 1], say: (one) => written(one, 2) },
      still: lines(weight),
    },
    variances: { x, y: { from: 0, to: span(variance)[1] * 1.05 || 1 }, still: lines(variance) },
    scores: {
      x,
      y: { from: worst - room, to: best + room },
      still: [{ kind: "line", xs: count, ys: score, colour: ink, width: 2 }],
    },
    gains: {
      x,
      y: { from: floor / 2, to: top, log: true, ticks: powers, say: powerOfTen },
      still: [
        {
          kind: "rule",
          of: "y",
          at: least,
          colour: "var(--color-accent)",
          text: "stops below 0.00001",
        },
        { kind: "line", xs, ys: rising, colour: ink, width: 1.4 },
        { kind: "dots", xs, ys: count.length < 12 ? rising : [], colour: ink },
        { kind: "dots", xs, ys: falling, colour: "#D55E00", hollow: true },
      ],
    },
  };
}

function drawSteps() {
  const { weight, variance, score } = trace();
  const { rising, ...all } = once("steps", overSteps);
  const step = stepNow();
  const colour = "var(--body-text-color)";
  const cursor = { kind: "rule", of: "x", at: step, dash: "", opacity: 0.55 };
  const dots = (ys, size) => ({ kind: "dots", xs: ys.map(() => step), ys, colour, size });
  const now = {
    weights: dots(weight[step], 2.6),
    variances: dots(variance[step], 2.6),
    scores: dots([score[step]]),
    gains: dots(step ? [rising[step - 1]] : []),
  };
  for (const [name, spec] of Object.entries(all))
    drawChart(charts[name], { ...spec, marks: [cursor, now[name]] });
}
