// What the pixel of steps 1, 2 and 5 comes to, in numbers and words.

function sayPixel({ step, average, weights, fused, cell }) {
  const square = (value) => value * value;
  const count = names.length;
  const moved = isMoved() ? ", moved from" : " at";
  live(
    "pixel-caption",
    `Green${moved} pixel (${example.x}, ${example.y})${step === 2 ? "" : ", errors in brackets"}. Drag a dot, or use the arrow keys.`,
  );
  live("average-sum", `(${values.join(" + ")}) / ${count} = ${written(average, 1)}`);
  live("values", values.join(", "));
  live("models", count);
  live("betas", `1/${count} each`);
  live("truth", truth);
  const errors = [
    square(average - truth),
    mean(values.map((value) => square(value - truth))),
    mean(values.map((value) => square(value - average))),
  ].map((error) => written(error, 1));
  live("identity", `${errors[0]} ≈ ${errors[1]} − ${errors[2]}`);
  live("scores", example.scores.map(([name, decibel]) => `${name} ${decibel}`).join(", "));
  const bins = binsOf(values, width);
  const base = perModel(width);
  const sets = base ** count;
  live("bins", base);
  live("sets", sets.toLocaleString("en"));
  live("ranges", [...new Set(bins.map((bin) => rangeOf(bin, width)))].join(", "));
  live("inside", values.map(() => 1).join(", "));
  const number = numberOf(bins, width).toLocaleString("en");
  live(
    "set-mask",
    `r = ${number}: ${values.map(() => 1).join("·")} = 1 here, 0 in the other ${(sets - 1).toLocaleString("en")}`,
  );
  live("set-number", `${inBase(bins, base)} = ${number}`);
  live("set-count", countOf(bins).toLocaleString("en"));
  live(
    "fused-sum",
    `${values.map((value, place) => `${written(weights[place])}·${value}`).join(" + ")} = ${written(fused, 1)}`,
  );
  const rows = find(".lookup tbody").rows;
  const ranges = binsOf(values, example.width).map((bin) => rangeOf(bin, example.width));
  values.forEach((value, place) => {
    const { cells } = rows[place];
    [value, ranges[place], written(weights[place]), written(weights[place] * value, 1)].forEach(
      (text, column) => {
        cells[column + 1].textContent = text;
      },
    );
  });
  const origin = cell
    ? `${cell.count.toLocaleString("en")} reference pixels, ${cell.origin}`
    : "no reference pixel, so the average";
  const named = numberOf(binsOf(values, example.width), example.width).toLocaleString("en");
  const off = (value) => written(Math.abs(value - truth), 1);
  const isBeyond = truth < Math.min(...values) || truth > Math.max(...values);
  const reached = isBeyond
    ? " The truth lies beyond all values: no weights reach it."
    : ` Fused misses the truth by ${off(fused)}, the average by ${off(average)}.`;
  live("lookup-words", `Bin set r = ${named}: ${origin}.${reached}`);
  live("gain", example.gain);
}
