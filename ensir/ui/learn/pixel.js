// The pixel of steps 1, 2 and 5: its values on the line of levels, a lane each, and their blends.

const line = find("svg.line");
const AVERAGE = "average";
const FUSED = "fused";
const TRUTH = "ground truth";
const BELOW = { 1: [AVERAGE, TRUTH], 2: [], 5: [AVERAGE, FUSED, TRUTH] }; // the lanes of the models
const LETTER = 6.7; // pixels, about
const gutter = 18 + LETTER * Math.max(...[...names, TRUTH].map((name) => name.length));
let values = [];
let truth = 0;
let width = 0;
let lanes = [];
let laneNames = []; // of SVG, for names never enter markup
const laneAt = (place) => lanes.length - place - 0.5;

function setPixel(candidates, known) {
  [values, truth] = [[...candidates], known];
}

const examplePixel = () => setPixel(example.values, example.truth);
const isMoved = () =>
  truth !== example.truth || values.some((value, place) => value !== example.values[place]);

function resetPixel() {
  examplePixel();
  width = example.width;
  fields.width.value = width;
}

/** A truth beyond all that the models say. */
function missAll() {
  const highest = Math.max(...example.values);
  setPixel(example.values, highest < 200 ? highest + 40 : Math.min(...example.values) - 40);
}

/** Values that no reference pixel had: far from each other. */
function neverSeen() {
  setPixel(
    names.map((_, place) => (place % 2 ? 8 : 248)),
    example.truth,
  );
}

/** Where a lane's number is read: `gap` pixels to the side of its mark that is away from the truth,
    if there is room, else to the other and clear of the truth's line. */
function besideOf(value, text, gap) {
  const { x } = line.scales;
  const far = gap + LETTER * text.length;
  const hasTruth = lanes.includes(TRUTH);
  const awayIsLeft = hasTruth && value < truth;
  const isAway = far < (awayIsLeft ? x(value) - x.start : x.end - x(value));
  const off = Math.abs(x(truth) - x(value));
  return {
    side: isAway === awayIsLeft ? "end" : "start",
    gap: hasTruth && !isAway && off < far ? Math.max(gap, off + 6) : gap,
  };
}

const signed = (value, digits) => (value > 0 ? "+" : "") + written(value, digits);
const withError = (value, digits) =>
  `${written(value, digits)} (${signed(Number((value - truth).toFixed(digits)), digits)})`;

function wordOf(place) {
  if (lanes.length === names.length) return `${values[place]}, bin ${binsOf(values, width)[place]}`;
  return lanes.includes(FUSED) ? `${values[place]}` : withError(values[place], 0);
}

function buildPixel() {
  names.forEach((name, place) =>
    addHandle(line, {
      name: `${name}'s level`,
      word: () => wordOf(place),
      beside: () => besideOf(values[place], wordOf(place), 14),
      shape: "round",
      colour: colours[place],
      least: 0,
      most: LEVELS - 1,
      read: () => values[place],
      write: (value) => (values[place] = value),
      at: ({ x, y }) => ({ x: x(values[place]), y: y(laneAt(place)) }),
    }),
  );
  addHandle(line, {
    name: "Ground truth's level",
    word: () => `${truth}`,
    beside: () => ({ side: truth > 220 ? "end" : "start" }),
    isShown: () => lanes.includes(TRUTH),
    shape: "diamond",
    colour: INK,
    least: 0,
    most: LEVELS - 1,
    read: () => truth,
    write: (value) => (truth = value),
    at: ({ x, y }) => ({ x: x(truth), y: y(laneAt(lanes.length - 1)) }),
  });
  laneNames = [...names, AVERAGE, FUSED, TRUTH].map(() => {
    const name = document.createElementNS(SVG, "text");
    name.classList.add("lane");
    line.append(name);
    return name;
  });
}

const mean = (numbers) => sum(numbers) / numbers.length;
const binsOf = (levelsOf, binWidth) => levelsOf.map((value) => Math.floor(value / binWidth));
const perModel = (binWidth) => Math.ceil(LEVELS / binWidth);
const numberOf = (bins, binWidth) =>
  bins.reduce((number, bin) => number * perModel(binWidth) + bin, 0);
const inBase = (bins, base) =>
  bins
    .map((bin, model) => {
      const power = bins.length - 1 - model;
      return `${bin}${power ? `·${base}` : ""}${power > 1 ? raised(power) : ""}`;
    })
    .join(" + ");
const rangeOf = (bin, binWidth) =>
  `${bin * binWidth}–${Math.min((bin + 1) * binWidth, LEVELS) - 1}`;

/** Reference pixels in a bin set of any width that joins whole bins of the example's table. */
function countOf(bins) {
  const joined = width / example.width;
  return sum(
    example.cells.map((cell) =>
      cell.bins.every((bin, model) => Math.floor(bin / joined) === bins[model]) ? cell.count : 0,
    ),
  );
}

const cellOf = () => {
  const wanted = binsOf(values, example.width);
  return example.cells.find(({ bins }) => bins.every((bin, model) => bin === wanted[model]));
};

function binMarks(binWidth) {
  const marks = [];
  for (let edge = binWidth; edge < LEVELS; edge += binWidth)
    marks.push({ kind: "rule", of: "x", at: edge - 0.5, dash: "", opacity: 0.18 });
  binsOf(values, binWidth).forEach((bin, place) => {
    const [low, high] = [laneAt(place) - 0.3, laneAt(place) + 0.3];
    marks.push({
      kind: "area",
      xs: [bin * binWidth - 0.5, Math.min((bin + 1) * binWidth, LEVELS) - 0.5],
      low: [low, low],
      high: [high, high],
      colour: colours[place],
      opacity: 0.28,
    });
  });
  return marks;
}

/** From the truth to a value: its error. */
const errorMark = (place, value, colour) => ({
  kind: "line",
  xs: [truth, value],
  ys: [laneAt(place), laneAt(place)],
  colour,
  width: 4,
  opacity: 0.55,
});

function blendMarks(blends) {
  return lanes.flatMap((name, place) => {
    const value = blends[name];
    if (value === undefined) return [];
    const upright = [laneAt(place) - 0.24, laneAt(place) + 0.24];
    const text = withError(value, 1);
    const { side, gap } = besideOf(value, text, 6);
    return [
      errorMark(place, value, INK),
      { kind: "line", xs: [value, value], ys: upright, colour: INK, width: 4 },
      { kind: "word", text, at: [value, laneAt(place)], end: side === "end", gap },
    ];
  });
}

function drawPixel(step) {
  const cell = cellOf();
  const weights = cell?.weights ?? example.empty;
  const average = mean(values);
  const fused = sum(values.map((value, place) => value * weights[place]));
  lanes = [...names, ...BELOW[step]];
  const spec = {
    x: { from: -2, to: 257, ticks: [0, 64, 128, 192, 255], say: String, name: "level" },
    y: { from: 0, to: lanes.length, ticks: [] },
    margin: { left: gutter, right: 14 },
  };
  // The side of a number depends on the scales: a chart without marks has them.
  line.scales = drawChart(line, { ...spec, marks: [] }) ?? line.scales;
  if (!line.scales) return;
  const marks = lanes.map((_, place) => ({
    kind: "rule",
    of: "y",
    at: laneAt(place),
    dash: "",
    opacity: 0.1,
  }));
  if (step !== 1) marks.push(...binMarks(step === 2 ? width : example.width));
  if (step === 1)
    marks.push(...values.map((value, place) => errorMark(place, value, colours[place])));
  if (step !== 2) {
    const stem = { xs: [truth, truth], ys: [0, lanes.length], colour: INK };
    marks.push({ kind: "line", ...stem, width: 1.2, dash: "3 3" });
    marks.push(...blendMarks({ [AVERAGE]: average, [FUSED]: fused }));
  }
  drawn(line, { ...spec, marks });
  laneNames.forEach((name, place) => {
    name.textContent = lanes[place] ?? "";
    name.setAttribute("x", 2);
    name.setAttribute("y", place < lanes.length ? line.scales.y(laneAt(place)) + 4 : 0);
  });
  sayPixel({ step, average, weights, fused, cell });
}
