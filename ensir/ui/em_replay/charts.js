// Charts in SVG: axes, and marks given as data, drawn anew for each state. Colours of text and grid
// come from the page, so that light and dark follow. Names of candidates never enter: they are text
// of the page, not markup of ours.

const MARGIN = { left: 52, right: 10, top: 8, bottom: 36 };

const raised = (power) =>
  [...String(power)].map((sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]).join("");

/** A power of ten. */
function powerOfTen(value) {
  const power = Math.round(Math.log10(value));
  return power === 0 ? "1" : power === 1 ? "10" : `10${raised(power)}`;
}

/** A number as a person writes it: few digits, a real minus, no long row of zeros. */
function written(value, digits = 3) {
  if (value === null || !Number.isFinite(value)) return "–";
  if (value !== 0 && Math.abs(value) < 0.5 * 10 ** -digits) {
    const [figure, power] = value.toExponential(0).split("e");
    return `${figure}·10${raised(Number(power))}`.replace("-", "−");
  }
  return value.toFixed(digits).replace("-", "−");
}

/** Round places between two ends, about as many as asked for. */
function roundPlaces(from, to, count) {
  const raw = (to - from) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= raw * 0.999);
  const places = [];
  for (let place = Math.ceil(from / step) * step; place <= to + step * 1e-9; place += step) {
    places.push(Number(place.toPrecision(12)));
  }
  return places;
}

function scaleOf({ from, to, log }, start, end) {
  const place = log ? Math.log10 : Number;
  const [low, high] = [place(from), place(to)];
  const share = (end - start) / (high - low || 1);
  const forth = (value) => start + (place(value) - low) * share;
  forth.back = (pixel) => {
    const value = low + (pixel - start) / share;
    return log ? 10 ** value : value;
  };
  return forth;
}

/** The points of a line; a gap where a value is missing. */
function path(xs, ys, x, y) {
  let pen = "M";
  let text = "";
  for (let place = 0; place < xs.length; place += 1) {
    const value = ys[place];
    if (value === null || !Number.isFinite(value)) {
      pen = "M";
      continue;
    }
    text += `${pen}${x(xs[place]).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  }
  return text;
}

const MARKS = {
  /** Counts or shares by level, one level wide, from 0 or from `low`. */
  bars({ values, low = [], colour, opacity = 1 }, x, y) {
    let shape = "";
    const width = (x(1) - x(0)).toFixed(2);
    values.forEach((value, level) => {
      const foot = low[level] ?? 0;
      if (value <= foot) return;
      const floor = y(foot).toFixed(1);
      shape += `M${x(level - 0.5).toFixed(1)} ${floor}V${y(value).toFixed(1)}h${width}V${floor}z`;
    });
    return `<path d="${shape}" fill="${colour}" fill-opacity="${opacity}"/>`;
  },
  line({ xs, ys, colour, width = 2, dash = "", opacity = 1 }, x, y) {
    return `<path d="${path(xs, ys, x, y)}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-dasharray="${dash}" stroke-opacity="${opacity}" stroke-linejoin="round"/>`;
  },
  /** What lies between two lines. */
  area({ xs, low, high, colour, opacity = 1 }, x, y) {
    const back = [...xs.keys()].reverse();
    const upper = path(xs, high, x, y);
    const lower = path(
      back.map((place) => xs[place]),
      back.map((place) => low[place]),
      x,
      y,
    );
    return `<path d="${upper}${lower.replace("M", "L")}Z" fill="${colour}" fill-opacity="${opacity}"/>`;
  },
  /** A line across the chart at one value, with a word beside it. */
  rule(
    { at, of, colour = "currentColor", dash = "4 4", text = "", opacity = 1, end = false },
    x,
    y,
  ) {
    const line =
      of === "x"
        ? `x1="${x(at)}" x2="${x(at)}" y1="${y.floor}" y2="${y.ceiling}"`
        : `y1="${y(at)}" y2="${y(at)}" x1="${x.start}" x2="${x.end}"`;
    const beside = end
      ? `x="${x.end - 4}" y="${y(at) - 6}" text-anchor="end"`
      : `x="${x.start + 5}" y="${y(at) + 13}"`;
    const word = of === "x" ? `x="${x(at) + 5}" y="${y.ceiling + 11}"` : beside;
    return `<line ${line} stroke="${colour}" stroke-dasharray="${dash}" stroke-opacity="${opacity}"/><text class="word" ${word}>${text}</text>`;
  },
  /** A word `gap` pixels beside a point: to its right, or to its left with `end`. */
  word({ at, text, end = false, gap = 6 }, x, y) {
    return `<text class="word" x="${x(at[0]) + (end ? -gap : gap)}" y="${y(at[1]) + 4}" text-anchor="${end ? "end" : "start"}">${text}</text>`;
  },
  dots({ xs, ys, colour, size = 3.5, hollow = false }, x, y) {
    return xs
      .map((one, place) =>
        Number.isFinite(ys[place]) && ys[place] !== null
          ? `<circle cx="${x(one).toFixed(1)}" cy="${y(ys[place]).toFixed(1)}" r="${size}" fill="${hollow ? "none" : colour}" stroke="${colour}" stroke-width="1.5"/>`
          : "",
      )
      .join("");
  },
};

const OVER_THE_EDGE = new Set(["rule", "dots", "word"]); // the others end at the frame

function axes(spec, x, y) {
  const digits = (places) =>
    Math.max(0, Math.min(4, -Math.floor(Math.log10((places[1] ?? 1) - (places[0] ?? 0)))));
  const xs =
    spec.x.ticks ??
    roundPlaces(spec.x.from, spec.x.to, Math.max(2, Math.min(8, (x.end - x.start) / 64)));
  const ys =
    spec.y.ticks ??
    roundPlaces(spec.y.from, spec.y.to, Math.max(2, Math.min(5, (y.floor - y.ceiling) / 32)));
  const [xDigits, yDigits] = [digits(xs), digits(ys)];
  const say = (axis, value, places) => (axis.say ? axis.say(value) : written(value, places));
  const across = ys
    .map(
      (value) =>
        `<line class="grid" x1="${x.start}" x2="${x.end}" y1="${y(value)}" y2="${y(value)}"/><text x="${x.start - 6}" y="${y(value) + 4}" text-anchor="end">${say(spec.y, value, yDigits)}</text>`,
    )
    .join("");
  const along = xs
    .map(
      (value) =>
        `<line class="tick" x1="${x(value)}" x2="${x(value)}" y1="${y.floor}" y2="${y.floor + 4}"/><text x="${x(value)}" y="${y.floor + 16}" text-anchor="middle">${say(spec.x, value, xDigits)}</text>`,
    )
    .join("");
  const middle = (x.start + x.end) / 2;
  return `${across}${along}<line class="tick" x1="${x.start}" x2="${x.end}" y1="${y.floor}" y2="${y.floor}"/>
    <text class="name" x="${middle}" y="${y.floor + 31}" text-anchor="middle">${spec.x.name ?? ""}</text>`;
}

let sizes = new WeakMap(); // measuring between two drawings would lay the page out each time

/** The group of what lies still in a chart, and that of what moves. */
function groupsOf(svg) {
  if (!svg.querySelector("g.drawn")) {
    const group = () => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", "g");
      made.classList.add("drawn");
      return made;
    };
    svg.prepend(group(), group());
  }
  return svg.querySelectorAll("g.drawn");
}

/**
 * Draws a chart into an SVG of any size and returns its scales; undefined while it has no size.
 *
 * Below its `marks` lie the axes and the marks in `still`: while that is the very same list, they
 * are left as they are.
 */
function drawChart(svg, spec) {
  if (!sizes.has(svg)) sizes.set(svg, { width: svg.clientWidth, height: svg.clientHeight });
  const size = sizes.get(svg);
  const { width, height } = size;
  if (!width || !height) return undefined;
  const margin = { ...MARGIN, ...spec.margin };
  const x = scaleOf(spec.x, margin.left, width - margin.right);
  const y = scaleOf(spec.y, height - margin.bottom, margin.top);
  Object.assign(x, { start: margin.left, end: width - margin.right });
  Object.assign(y, { floor: height - margin.bottom, ceiling: margin.top });
  const box = [x.start, y.ceiling, Math.max(x.end - x.start, 1), Math.max(y.floor - y.ceiling, 1)];
  const place = ["x", "y", "width", "height"].map((name, at) => `${name}="${box[at]}"`).join(" ");
  const drawn = (marks) => {
    const some = (over) =>
      marks
        .filter(({ kind }) => OVER_THE_EDGE.has(kind) === over)
        .map(({ kind, ...mark }) => MARKS[kind](mark, x, y))
        .join("");
    return `<svg ${place} viewBox="${box.join(" ")}">${some(false)}</svg>${some(true)}`;
  };
  const [below, above] = groupsOf(svg);
  if (!spec.still || spec.still !== size.still) {
    below.innerHTML = `${spec.bare ? "" : axes(spec, x, y)}${drawn(spec.still ?? [])}`;
    size.still = spec.still;
  }
  above.innerHTML = drawn(spec.marks);
  return { x, y };
}

/** Calls `draw` now and whenever the size of an element changes. */
function drawnToSize(host, draw) {
  new ResizeObserver(() => {
    sizes = new WeakMap();
    draw();
  }).observe(host);
}
