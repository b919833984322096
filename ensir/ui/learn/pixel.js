// The pixel of steps 1, 2 and 5: its candidates on the line of levels, and how they are fused.

const line = find("svg.line");
let values = [];
let truth = 0;
let width = 0;
const lane = (place) => 0.9 - (place * 0.5) / Math.max(names.length - 1, 1);
const TRUTH_LANE = 0.1;
const BLEND_LANE = 0.24;

function resetPixel() {
  values = [...example.values];
  truth = example.truth;
  width = example.width;
  fields.width.value = width;
}

function buildPixel() {
  names.forEach((name, place) =>
    addHandle(line, {
      name: `${name}'s level`,
      word: name,
      shape: "round",
      colour: colours[place],
      least: 0,
      most: LEVELS - 1,
      read: () => values[place],
      write: (value) => (values[place] = value),
      at: ({ x, y }) => ({ x: x(values[place]), y: y(lane(place)) }),
    }),
  );
  addHandle(line, {
    name: "Ground truth's level",
    word: "ground truth",
    shape: "diamond",
    colour: INK,
    least: 0,
    most: LEVELS - 1,
    read: () => truth,
    write: (value) => (truth = value),
    at: ({ x, y }) => ({ x: x(truth), y: y(TRUTH_LANE) }),
  });
}

const mean = (numbers) => sum(numbers) / numbers.length;
const binsOf = (levelsOf, binWidth) => levelsOf.map((value) => Math.floor(value / binWidth));
const perModel = (binWidth) => Math.ceil(LEVELS / binWidth);
const numberOf = (bins, binWidth) =>
  bins.reduce((number, bin) => number * perModel(binWidth) + bin, 0);
const inBase = (bins, base) =>
  bins
    .map(
      (bin, model) =>
        bin +
        ["", `·${base}`, ...[2, 3, 4, 5, 6, 7].map((power) => `·${base}${raised(power)}`)][
          bins.length - 1 - model
        ],
    )
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

function drawPixel(step) {
  const average = mean(values);
  const binWidth = step === 2 ? width : example.width;
  const cell = cellOf();
  const weights = cell?.weights ?? example.empty;
  const fused = sum(values.map((value, place) => value * weights[place]));
  const marks = [];
  if (step > 1) {
    for (let edge = binWidth; edge < LEVELS; edge += binWidth)
      marks.push({ kind: "rule", of: "x", at: edge - 0.5, dash: "", opacity: 0.18 });
    binsOf(values, binWidth).forEach((bin, place) => {
      const ends = [bin * binWidth - 0.5, Math.min((bin + 1) * binWidth, LEVELS) - 0.5];
      const [low, high] = [lane(place) - 0.075, lane(place) + 0.075];
      marks.push({
        kind: "area",
        xs: ends,
        low: [low, low],
        high: [high, high],
        colour: colours[place],
        opacity: 0.25,
      });
    });
  }
  const blends =
    step === 5
      ? [
          ["fused", fused],
          ["average", average],
        ]
      : step === 1
        ? [["average", average]]
        : [];
  values.forEach((value, place) =>
    marks.push({
      kind: "line",
      xs: [value, value],
      ys: [0, lane(place)],
      colour: colours[place],
      width: 1.2,
      opacity: 0.6,
    }),
  );
  if (step !== 2)
    marks.push({
      kind: "line",
      xs: [truth, truth],
      ys: [0, TRUTH_LANE],
      colour: INK,
      width: 1.2,
      opacity: 0.6,
    });
  blends.forEach(([word, at], place) => {
    const height = BLEND_LANE;
    const thick = word === "fused" || step === 1;
    marks.push({
      kind: "line",
      xs: [at, at],
      ys: [0, height],
      colour: INK,
      width: thick ? 3 : 2,
      dash: word === "average" ? "5 3" : "",
    });
    marks.push({
      kind: "word",
      at: [at, height],
      text: `${word} ${written(at, 1)}`,
      end: place === 0 ? at < blends.at(-1)[1] : at < blends[0][1],
    });
  });
  drawn(line, {
    x: {
      from: -2,
      to: 257,
      ticks: [0, 32, 64, 96, 128, 160, 192, 224, 255],
      say: String,
      name: "level",
    },
    y: { from: 0, to: 1, ticks: [] },
    margin: { left: 14, right: 14 },
    marks,
  });
  line.handles.at(-1).style.display = step === 2 ? "none" : "";
  sayPixel({ average, weights, fused, cell });
}

function sayPixel({ average, weights, fused, cell }) {
  const square = (value) => value * value;
  live(
    "pixel-caption",
    `Green at pixel (${example.x}, ${example.y}) of the example. Drag a value, or use the arrow keys.`,
  );
  live("average-sum", `(${values.join(" + ")}) / ${values.length} = ${written(average, 1)}`);
  live("values", values.join(", "));
  live("betas", `1/${values.length} each`);
  live("truth", truth);
  live("average-error", written(square(average - truth), 0));
  live("mean-error", written(mean(values.map((value) => square(value - truth))), 0));
  live("spread", written(mean(values.map((value) => square(value - average))), 0));
  live("scores", example.scores.map(([name, decibel]) => `${name} ${decibel}`).join(", "));
  const bins = binsOf(values, width);
  const base = perModel(width);
  live("bins", base);
  live("sets", (base ** values.length).toLocaleString("en"));
  live("ranges", bins.map((bin) => rangeOf(bin, width)).join(", "));
  live("set-digits", `bins ${bins.join(", ")} of 0 to ${base - 1}`);
  live("set-number", `${inBase(bins, base)} = ${numberOf(bins, width).toLocaleString("en")}`);
  live("set-count", countOf(bins).toLocaleString("en"));
  live(
    "fused-sum",
    `${values.map((value, place) => `${written(weights[place])}·${value}`).join(" + ")} = ${written(fused, 1)}`,
  );
  const rows = find(".lookup tbody").rows;
  values.forEach((value, place) => {
    const { cells } = rows[place];
    [
      value,
      rangeOf(binsOf(values, example.width)[place], example.width),
      written(weights[place]),
      written(weights[place] * value, 1),
    ].forEach((text, column) => {
      cells[column + 1].textContent = text;
    });
  });
  const off = (value) => written(Math.abs(value - truth), 1);
  const origin = cell
    ? `${cell.count.toLocaleString("en")} reference pixels, ${cell.origin}`
    : "no reference pixel: the average";
  live(
    "lookup-words",
    `Bin set ${numberOf(binsOf(values, example.width), example.width).toLocaleString("en")}: ${origin}. Fused ${written(fused, 1)} misses the truth by ${off(fused)}, the average by ${off(average)}.`,
  );
  live("gain", example.gain);
}
