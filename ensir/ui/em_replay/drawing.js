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

function drawResponsibilities() {
  const { histogram, colours } = props.value;
  const most = Math.max(...histogram);
  const marks = [];
  const low = new Float64Array(LEVELS);
  responsibilitiesNow().forEach((share, candidate) => {
    const high = low.map((one, level) => one + share[level]);
    marks.push({
      kind: "area",
      xs: levels,
      low: [...low],
      high: [...high],
      colour: colours[candidate],
      opacity: place ? 0.62 : 0.2,
    });
    low.set(high);
  });
  marks.unshift({
    kind: "bars",
    values: histogram.map((count) => count / most),
    colour: "rgb(128 128 128)",
    opacity: 0.75,
  });
  marks.push({
    kind: "bars",
    values: histogram.map((count) => count / most),
    colour: "var(--body-text-color)",
    opacity: 0.28,
  });
  drawChart(charts.responsibilities, {
    x: shownLevels(),
    y: { from: 0, to: 1, ticks: [0, 0.5, 1] },
    marks,
  });
}

function drawMixture() {
  const { histogram, pixels, colours } = props.value;
  const now = mixtureAt(stepNow());
  const [start, end] = [mixtureAt(0), mixtureAt(lastStep())];
  const x = shownLevels();
  const xs = [];
  for (let level = Math.max(x.from, 0); level <= Math.min(x.to, 255); level += 0.5) xs.push(level);
  const curve = (mixture, candidate) => xs.map((level) => density(mixture, candidate, level));
  const sum = (mixture) =>
    xs.map((level) =>
      colours.reduce((total, _, candidate) => total + density(mixture, candidate, level), 0),
    );
  const bars = histogram.map((count) => count / pixels);
  // One height for all steps, so that what moves is the mixture. A spike may leave the frame.
  const tops = [start, end, now].filter(whole).map((mixture) => Math.max(...sum(mixture)));
  const most = Math.max(...bars, ...tops.map((one) => Math.min(one, 2 * Math.max(...bars)))) * 1.05;
  const marks = [{ kind: "bars", values: bars, colour: "rgb(128 128 128)", opacity: 0.45 }];
  colours.forEach((colour, candidate) =>
    marks.push({
      kind: "line",
      xs,
      ys: curve(start, candidate),
      colour,
      dash: "4 4",
      width: 1.3,
      opacity: 0.8,
    }),
  );
  if (whole(now)) {
    colours.forEach((colour, candidate) =>
      marks.push({ kind: "line", xs, ys: curve(now, candidate), colour, width: 2.2 }),
    );
    marks.push({ kind: "line", xs, ys: sum(now), colour: "var(--body-text-color)", width: 1.6 });
  }
  drawChart(charts.mixture, { x, y: { from: 0, to: most }, marks });
}

function drawSteps() {
  const { weight, variance, score, least } = trace();
  const { colours } = props.value;
  const count = score.map((_, step) => step);
  const x = { from: 0, to: Math.max(lastStep(), 1), name: "step" };
  const cursor = { kind: "rule", of: "x", at: stepNow(), dash: "", opacity: 0.55 };
  const lines = (values) =>
    colours.map((colour, candidate) => ({
      kind: "line",
      xs: count,
      ys: values.map((one) => one[candidate]),
      colour,
      width: 2,
      dash: DASHES[candidate % DASHES.length],
    }));
  const now = (values) => ({
    kind: "dots",
    xs: colours.map(() => stepNow()),
    ys: values[stepNow()],
    colour: "var(--body-text-color)",
    size: 2.6,
  });
  const span = (values) => {
    const known = values.flat().filter((one) => one !== null);
    return [Math.min(...known), Math.max(...known)];
  };
  drawChart(charts.weights, {
    x,
    y: { from: 0, to: 1, ticks: [0, 0.25, 0.5, 0.75, 1], say: (one) => written(one, 2) },
    marks: [cursor, ...lines(weight), now(weight)],
  });
  drawChart(charts.variances, {
    x,
    y: { from: 0, to: span(variance)[1] * 1.05 || 1 },
    marks: [cursor, ...lines(variance), now(variance)],
  });
  const [worst, best] = span(score);
  const room = (best - worst) * 0.08 || 0.01;
  const ink = "var(--body-text-color)";
  drawChart(charts.scores, {
    x,
    y: { from: worst - room, to: best + room },
    marks: [
      cursor,
      { kind: "line", xs: count, ys: score, colour: ink, width: 2 },
      { kind: "dots", xs: [stepNow()], ys: [score[stepNow()]], colour: ink },
    ],
  });
  const gains = score.slice(1).map((one, step) => (one === null ? null : one - score[step]));
  const floor = 1e-7;
  const [rising, falling] = [
    gains.map((one) => (one > 0 ? Math.max(one, floor) : null)),
    gains.map((one) => (one !== null && one <= 0 ? floor : null)),
  ];
  const top = 10 ** Math.ceil(Math.log10(Math.max(...rising, 1e-3) * 1.01));
  const powers = [];
  for (let power = floor; power <= top * 1.01; power *= 100) powers.push(power);
  drawChart(charts.gains, {
    x,
    y: { from: floor / 2, to: top, log: true, ticks: powers, say: powerOfTen },
    marks: [
      {
        kind: "rule",
        of: "y",
        at: least,
        colour: "var(--color-accent)",
        text: "stops below 0.00001",
      },
      cursor,
      { kind: "line", xs: count.slice(1), ys: rising, colour: ink, width: 1.4 },
      {
        kind: "dots",
        xs: count.slice(1),
        ys: rising.map((one, step) => (step + 1 === stepNow() || count.length < 12 ? one : null)),
        colour: ink,
      },
      { kind: "dots", xs: count.slice(1), ys: falling, colour: "#D55E00", hollow: true },
    ],
  });
}
