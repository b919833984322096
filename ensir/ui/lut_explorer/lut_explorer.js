// Controls, and what is asked of the engine.

function buildControls() {
  const { names, rows, columns } = props.value;
  const options = (list) => list.map(([value, text]) => node("option", { value, text }));
  const kinds = [
    ...names.map((name, model) => [`weight:${model}`, `weight of ${name}`]),
    ["largest", "largest weight"],
    ["count", "reference pixels"],
    ["origin", "origin of weights"],
  ];
  find(".colour").replaceChildren(...options(kinds));
  if (!kinds.some(([value]) => value === colour)) colour = "weight:0";
  find(".colour").value = colour;
  for (const [name, chosen] of [
    ["columns", columns],
    ["rows", rows],
  ]) {
    find(`select.${name}`).replaceChildren(...options(names.map((one, model) => [model, one])));
    find(`select.${name}`).value = chosen;
  }
  find(".axis-name.across").textContent = `${names[columns]}, level`;
  find(".axis-name.up").textContent = `${names[rows]}, level`;
  find(".views").hidden = !canShowAll();
  if (!canShowAll()) view = "one";
  find(`[name="explorer-view"][value="${view}"]`).checked = true;
  const channel = find(`[name="explorer-channel"][value="${props.value.channel}"]`);
  if (channel) channel.checked = true;
  find(".channels").hidden = props.value.channels === 1;
  buildSliders();
}

function buildSliders() {
  const { names, bins } = props.value;
  find(".sliders").hidden = view === "all" || !others().length;
  const there = find(".sliders").querySelectorAll("input");
  const key = others().join();
  // A slider that is being dragged must stay the same element.
  if (find(".sliders").dataset.of === `${names} ${key} ${perModel()}`) {
    there.forEach((slider, at) => {
      if (engine.underWay || document.activeElement === slider) return;
      slider.value = bins[others()[at]];
      slider.nextElementSibling.textContent = rangeOf(bins[others()[at]]);
    });
    return;
  }
  find(".sliders").dataset.of = `${names} ${key} ${perModel()}`;
  find(".sliders").replaceChildren(
    ...others().map((model) => {
      const slider = node("input", { type: "range", min: 0, max: perModel() - 1, step: 1 });
      const output = node("output", { text: rangeOf(bins[model]) });
      slider.value = bins[model];
      slider.addEventListener("input", () => {
        output.textContent = rangeOf(Number(slider.value));
        askFor({ bin: [model, Number(slider.value)] });
      });
      return node("label", {}, node("span", { text: `Slice at ${names[model]}` }), slider, output);
    }),
  );
}

const engine = asker((plane, asked) => trigger("look", { ...plane, asked }));

/** The plane that was asked for last, or else the one shown. */
const wanted = () => engine.latest ?? { ...props.value, all: view === "all" };

/** Asks for another plane: the wanted one with a change. */
function askFor({ bin, ...change }) {
  const { channel, rows, columns, bins, all } = wanted();
  const asked = { channel, rows, columns, bins: [...bins], all, ...change };
  if (bin) asked.bins[bin[0]] = bin[1];
  engine.ask(asked);
}

function pick() {
  if (view === "all" && overview) return open(tile);
  const { number } = numberAt(cursor);
  trigger("pick", { channel: props.value.channel, number });
}

function open(bin) {
  view = "one";
  askFor({ bin: [others()[0], bin], all: false });
}

function pointed(event) {
  const box = canvas.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  if (view === "all" && overview) {
    for (let bin = 0; bin < perModel(); bin += 1) {
      const place = tiles().at(bin);
      if (x >= place.x && x < place.x + place.side && y >= place.y - 14 && y < place.y + place.side)
        return { bin };
    }
    return null;
  }
  const { x: left, y: top, side } = plane();
  const column = Math.floor(((x - left) / side) * perModel());
  const row = perModel() - 1 - Math.floor(((y - top) / side) * perModel());
  const inside = (place) => place >= 0 && place < perModel();
  return inside(row) && inside(column) ? { row, column } : null;
}

function moveTo(place) {
  if (!place) return;
  if (place.bin !== undefined) tile = place.bin;
  else cursor = place;
  draw();
  say();
}

function moved(event) {
  const isAll = view === "all" && overview;
  const last = perModel() - 1;
  const limited = (one) => Math.min(Math.max(one, 0), last);
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[
    event.key
  ] ?? [0, 0];
  if (dx || dy)
    moveTo(
      isAll
        ? { bin: limited(tile + dx - dy * tiles().across) }
        : { row: limited(cursor.row + dy), column: limited(cursor.column + dx) },
    );
  else if (event.key === "Enter" || event.key === " ") pick();
  else if ((event.key === "PageUp" || event.key === "PageDown") && !isAll && others().length) {
    const slider = find(".sliders input");
    slider.value = Number(slider.value) + (event.key === "PageUp" ? 1 : -1);
    slider.dispatchEvent(new Event("input"));
  } else return;
  event.preventDefault();
}

let subject = "";
function show() {
  const { value } = props;
  const ready = Boolean(value?.cells);
  engine.heard(value?.asked);
  find(".body").hidden = !ready;
  find(".empty").hidden = ready;
  find(".empty").textContent = value?.note ?? "";
  if (!ready) return;
  cells = unpacked(value.cells);
  overview = unpacked(value.overview);
  find(".which").textContent = value.title;
  if (value.asked === undefined || subject !== value.title) {
    cursor = { row: value.bins[value.rows], column: value.bins[value.columns] };
    subject = value.title;
  }
  if (view === "all" && !overview && !engine.latest?.all) view = "one";
  tile = value.bins[others()[0]] ?? 0;
  buildControls();
  legend();
  draw();
  say();
}

canvas.addEventListener(
  "pointermove",
  (event) => event.pointerType === "mouse" && moveTo(pointed(event)),
);
canvas.addEventListener("click", (event) => {
  const place = pointed(event);
  moveTo(place);
  if (place) pick();
});
canvas.addEventListener("keydown", moved);
find(".pick").addEventListener("click", pick);
find(".colour").addEventListener("change", (event) => {
  colour = event.target.value;
  legend();
  draw();
});
find("select.columns").addEventListener("change", (event) => {
  const columns = Number(event.target.value);
  const before = wanted();
  askFor({ columns, rows: columns === before.rows ? before.columns : before.rows });
});
find("select.rows").addEventListener("change", (event) => {
  const rows = Number(event.target.value);
  const before = wanted();
  askFor({ rows, columns: rows === before.columns ? before.rows : before.columns });
});
find(".channels").addEventListener("change", (event) =>
  askFor({ channel: Number(event.target.value) }),
);
find(".views").addEventListener("change", (event) => {
  view = event.target.value;
  askFor({ all: view === "all" });
});
new ResizeObserver(draw).observe(canvas);
// Colours of text and lines change with the page's mode.
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
watch("value", show);
show();
