// The numbers beside the pictures: every layer at one pixel, and the statistics of a rectangle.

function layOutProbe(element, layers) {
  const list = element.querySelector("dl");
  list.replaceChildren(
    ...layers.map(({ name }, place) => {
      const item = made("div");
      const term = made("dt");
      if (keyOf(place)) term.append(made("kbd", "key-cap", keyOf(place)));
      term.append(made("span", "", name));
      term.title = name;
      item.append(term, made("dd"));
      return item;
    }),
  );
}

function showProbe(viewer) {
  const pixel = viewer.hover ?? viewer.pinned;
  const { probe } = viewer;
  probe.classList.toggle("blank", !pixel);
  probe.classList.toggle("pinned", Boolean(viewer.pinned));
  const where = pixel ? `x ${pixel.x}, y ${pixel.y}` : "";
  put(probe.querySelector(".where"), where);
  const isPinned = pixel && viewer.pinned && same(pixel, viewer.pinned);
  put(probe.querySelector(".state"), isPinned ? "pinned" : "");
  const seen = new Set(viewer.panels.map(({ name }) => name));
  [...probe.querySelector("dl").children].forEach((item, place) => {
    const layer = viewer.value.layers[place];
    item.hidden = !layer.picture;
    item.classList.toggle("seen", seen.has(layer.name));
    put(item.lastElementChild, pixel ? viewer.contents.words(layer, pixel).join(" ") : "");
  });
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A row of the table: null where there is nothing to compute. `regionOf` gives a layer's numbers. */
function statisticsOf(layer, truth, regionOf) {
  const row = { name: layer.name, means: null, deviations: null, psnr: null };
  const region = regionOf(layer);
  if (!region || layer.legend?.is_key) return row;
  const moments = region.planes.map((plane) => meanAndDeviation(plane, region));
  row.means = moments.map(({ mean }) => mean);
  row.deviations = moments.map(({ deviation }) => deviation);
  if (!truth || layer === truth || layer.kind !== "picture") return row;
  const target = regionOf(truth);
  if (target?.planes.length === region.planes.length) {
    row.psnr = psnr(region, target);
  }
  return row;
}

function statisticsTable({ x, y, width, height }, rows, truth) {
  const count = (width * height).toLocaleString("en");
  const caption = made("p", "caption");
  caption.append(
    made("strong", "", `${width} × ${height} pixels`),
    made("span", "", ` from x ${x}, y ${y}: ${count} in all`),
  );
  const clear = made("button", "tool", "Clear");
  clear.type = "button";
  clear.dataset.do = "clear";
  caption.append(clear);
  const head = made("tr");
  const columns = ["", "mean", "standard deviation", ...(truth ? [`PSNR, ${truth.name}`] : [])];
  head.append(...columns.map((name) => Object.assign(made("th", "", name), { scope: "col" })));
  const body = made("tbody");
  for (const { name, means, deviations, psnr } of rows) {
    const line = made("tr");
    line.append(Object.assign(made("th", "", name), { scope: "row" }));
    line.append(cell(means), cell(deviations));
    if (truth) line.append(cell(psnr === null ? null : [psnr], " dB"));
    body.append(line);
  }
  const header = made("thead");
  header.append(head);
  const table = made("table");
  table.append(header, body);
  const scroll = made("div", "scroll");
  scroll.append(table);
  return [caption, scroll];
}

/** Numbers, rounded for the eye and whole for whoever asks the page. */
function cell(numbers, unit = "") {
  const element = made("td");
  if (!numbers) element.textContent = "–";
  for (const number of numbers ?? []) {
    const data = made("data", "", rounded(number) + unit);
    data.value = number;
    element.append(data);
  }
  return element;
}

function rounded(number) {
  if (number === Infinity) return "∞";
  return number.toFixed(Math.abs(number) >= 10 ? 2 : 4);
}
