// What can be dragged: by pointer, and by arrow keys when focused.

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = {
  round: "M-8 0a8 8 0 1 0 16 0a8 8 0 1 0-16 0z",
  square: "M-7-7h14v14h-14z",
  up: "M0-9L9 7H-9z",
  diamond: "M0-9L9 0 0 9-9 0z",
};

/** A handle on an SVG: `read` and `write` its value, `at(scales)` where it stands, `of` the value
    that stands at a level. Its word is read above it, or beside it, from `gap` pixels on, at the
    side "start" (right) or "end". */
function addHandle(
  svg,
  {
    name,
    shape,
    colour,
    least,
    most,
    step = 1,
    read,
    write,
    at,
    of = Number,
    word = () => "",
    beside = () => ({ side: "middle" }),
    isShown = () => true,
  },
) {
  const handle = document.createElementNS(SVG, "g");
  handle.classList.add("handle");
  handle.innerHTML = `<circle class="halo" r="15"/><path class="shape" d="${SHAPES[shape]}" fill="${colour}"/><text></text>`;
  const said = handle.querySelector("text");
  const attributes = {
    tabindex: 0,
    role: "slider",
    "aria-label": name,
    "aria-valuemin": least,
    "aria-valuemax": most,
  };
  for (const [key, value] of Object.entries(attributes)) handle.setAttribute(key, value);
  const move = (value) => {
    write(clamp(Math.round(value / step) * step, least, most));
    draw();
  };
  handle.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    handle.setPointerCapture(event.pointerId);
    handle.focus();
    const off = at(svg.scales).x - event.clientX;
    const follow = (moved) => move(of(svg.scales.x.back(moved.clientX + off)));
    const done = () => handle.removeEventListener("pointermove", follow);
    handle.addEventListener("pointermove", follow);
    handle.addEventListener("pointerup", done, { once: true });
    handle.addEventListener("pointercancel", done, { once: true });
    event.preventDefault();
  });
  handle.addEventListener("keydown", (event) => {
    const far = 10 * step;
    const by = {
      ArrowLeft: -step,
      ArrowDown: -step,
      ArrowRight: step,
      ArrowUp: step,
      PageDown: -far,
      PageUp: far,
    }[event.key];
    const to = { Home: least, End: most }[event.key];
    if (by === undefined && to === undefined) return;
    event.preventDefault();
    move(to ?? read() + by);
  });
  handle.follow = () => {
    handle.style.display = isShown() ? "" : "none";
    if (!svg.scales || !isShown()) return;
    const { x, y } = at(svg.scales);
    handle.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    handle.setAttribute("aria-valuenow", Number(read().toFixed(1)));
    const { side, gap = 14 } = beside();
    said.textContent = word();
    said.setAttribute("text-anchor", side);
    said.setAttribute("x", { start: gap, middle: 0, end: -gap }[side]);
    said.setAttribute("y", side === "middle" ? -14 : 4);
  };
  svg.append(handle);
  (svg.handles ??= []).push(handle);
}

function drawn(svg, spec) {
  svg.scales = drawChart(svg, spec) ?? svg.scales;
  svg.handles?.forEach((handle) => handle.follow());
}
