// What stands beside the picture, in words.

function node(tag, { text = "", ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

const swatch = (background, className = "swatch") => {
  const made = node("i", { className });
  made.style.background = background;
  return made;
};

const NOT_SAID = "The file does not say how many reference pixels";
const saysCounts = (source) => source.count.every((count) => count >= 0);

function legend() {
  const { names, colours, scales, most, origins, origin_colours } = props.value;
  const pair = (mark, text) => node("span", { className: "pair" }, mark, text);
  const bar = (words, least, scale, highest) => {
    const made = node("i", { className: "bar" });
    made.style.background = `linear-gradient(to right, ${scale.filter((_, at) => at % 15 === 0).join(", ")})`;
    const along = node("span", { className: "along" }, least, made, highest);
    return node("span", { className: "scale" }, words, along);
  };
  const parts = [];
  if (colour === "origin")
    parts.push(...origins.map((words, origin) => pair(swatch(origin_colours[origin]), words)));
  else if (colour === "count" && !saysCounts(cells))
    parts.push(node("span", { className: "note", text: `${NOT_SAID} each bin set has.` }));
  else if (colour === "count")
    parts.push(bar("reference pixels, log scale", "1", scales.count, most.toLocaleString("en")));
  else if (colour === "largest")
    parts.push(
      ...names.map((name, model) => pair(swatch(colours[model]), name)),
      pair(swatch(GREY), "alike"),
    );
  else
    parts.push(bar(`weight of ${names[Number(colour.split(":")[1])]}`, "0", scales.weight, "1"));
  const outlined = node("i", { className: "swatch outlined" });
  parts.push(pair(outlined, "where this picture has pixels"));
  if (colour !== "origin" && colour !== "count")
    parts.push(
      node("span", { className: "note", text: "Faint: no reference pixels, so no fit of its own." }),
    );
  find(".legend").replaceChildren(...parts);
}

function numberAt({ row, column }) {
  const { bins, rows, columns } = props.value;
  const place = bins.map((bin, model) => (model === rows ? row : model === columns ? column : bin));
  return { place, number: place.reduce((number, bin) => number * perModel() + bin, 0) };
}

const many = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

function sayCell() {
  const { names, colours, origins } = props.value;
  const at = cursor.row * perModel() + cursor.column;
  const { place, number } = numberAt(cursor);
  find("h2").textContent = `Bin set ${number.toLocaleString("en")}`;
  find("tbody").replaceChildren(
    ...names.map((name, model) => {
      const weight = weightOf(cells, at, model);
      const bar = swatch(colours[model], "");
      bar.style.width = `calc(${(100 * weight).toFixed(1)}% - 0.8rem * ${weight.toFixed(3)})`;
      return node(
        "tr",
        {},
        node("th", { scope: "row" }, swatch(colours[model]), name),
        node("td", { text: rangeOf(place[model]) }),
        node("td", { className: "weight" }, bar, weight.toFixed(3)),
      );
    }),
  );
  const count = cells.count[at];
  const words = origins[cells.origin[at]];
  const reference =
    count < 0 ? NOT_SAID : count ? many(count, "reference pixel") : "No reference pixel";
  find(".said").textContent =
    `${reference}: ${words}. ${cells.here[at] ? many(cells.here[at], "pixel") : "No pixel"} of this picture.`;
  canvas.setAttribute(
    "aria-label",
    `Lookup table, ${props.value.names[props.value.columns]} across, ${props.value.names[props.value.rows]} up. Arrow keys move, Enter shows the bin set, Page Up and Page Down change the slice.`,
  );
}

function sayTile() {
  const [third] = others();
  const cellsOfTile = perModel() ** 2;
  let [filled, here, isSaid] = [0, 0, true];
  for (let at = tile * cellsOfTile; at < (tile + 1) * cellsOfTile; at += 1) {
    filled += overview.count[at] > 0;
    isSaid &&= overview.count[at] >= 0;
    here += overview.here[at] > 0;
  }
  find("h2").textContent = `${props.value.names[third]} ${rangeOf(tile)}`;
  find("tbody").replaceChildren();
  const ofPicture = `${here} have pixels of this picture.`;
  find(".said").textContent = isSaid
    ? `Of ${cellsOfTile} bin sets ${filled} have reference pixels, and ${ofPicture}`
    : `The file does not say which bin sets have reference pixels. Of ${cellsOfTile} ${ofPicture}`;
  canvas.setAttribute(
    "aria-label",
    "All slices of the lookup table. Arrow keys move from slice to slice, Enter opens one.",
  );
}

function say() {
  const isAll = view === "all" && overview;
  find(".cell table").hidden = isAll;
  find(".cell table").style.display = isAll ? "none" : "";
  find(".pick").textContent = isAll ? "Open this slice" : "Show this bin set";
  find(".help").textContent = isAll
    ? "Each small square is the table at one bin of the third candidate."
    : "Hover or use the arrow keys; click or press Enter for the histogram and the pixels of a bin set.";
  if (isAll) sayTile();
  else sayCell();
}
