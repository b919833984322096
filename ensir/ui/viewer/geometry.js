// One view for all panels: the point of the picture in their middle, and how many CSS pixels one of
// its pixels takes. A size or frame is {width, height}, a point {x, y}. Pure functions.

const MOST_SCALE = 64;

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

function fittingScale(size, frame) {
  return Math.min(frame.width / size.width, frame.height / size.height);
}

/** The whole picture; pixels of one size on the screen where that costs little room. */
function fitted(size, frame, density) {
  const fit = fittingScale(size, frame);
  const whole = Math.floor(fit * density) / density;
  return { x: size.width / 2, y: size.height / 2, scale: whole > 0.85 * fit ? whole : fit };
}

/** The nearest view in which no panel shows more emptiness than it must. */
function limited(view, size, frame, density) {
  const fit = fittingScale(size, frame);
  const scale = clamp(view.scale, Math.min(1 / density, fit), Math.max(MOST_SCALE, fit));
  const middle = (place, length, room) =>
    length * scale <= room ? length / 2 : clamp(place, room / 2 / scale, length - room / 2 / scale);
  return {
    x: middle(view.x, size.width, frame.width),
    y: middle(view.y, size.height, frame.height),
    scale,
  };
}

/** Where the corner of the picture lies in a panel: on a whole pixel of the screen, for sharpness. */
function corner(view, frame, density) {
  const whole = (place) => Math.round(place * density) / density;
  return {
    x: whole(frame.width / 2 - view.x * view.scale),
    y: whole(frame.height / 2 - view.y * view.scale),
  };
}

function toPicture(point, view, frame, density) {
  const { x, y } = corner(view, frame, density);
  return { x: (point.x - x) / view.scale, y: (point.y - y) / view.scale };
}

function toFrame(point, view, frame, density) {
  const { x, y } = corner(view, frame, density);
  return { x: point.x * view.scale + x, y: point.y * view.scale + y };
}

function panned(view, dx, dy) {
  return { ...view, x: view.x - dx / view.scale, y: view.y - dy / view.scale };
}

/** The view at a scale that has the point `anchor` of the picture under a point of the panel. */
function anchored(anchor, point, wanted, size, frame, density) {
  const { scale } = limited({ x: 0, y: 0, scale: wanted }, size, frame, density);
  return {
    x: anchor.x - (point.x - frame.width / 2) / scale,
    y: anchor.y - (point.y - frame.height / 2) / scale,
    scale,
  };
}

/** The next power of two above (or below) a magnification: 1, 2, 4 or a half, a quarter. */
function nextPower(zoom, up) {
  const power = Math.log2(zoom);
  return 2 ** (up ? Math.floor(power + 1.001) : Math.ceil(power - 1.001));
}

/** The pixels that a panel shows, at least in part: {x, y, width, height}. */
function visiblePixels(view, size, frame, density) {
  const start = toPicture({ x: 0, y: 0 }, view, frame, density);
  const end = toPicture({ x: frame.width, y: frame.height }, view, frame, density);
  const x = clamp(Math.floor(start.x), 0, size.width);
  const y = clamp(Math.floor(start.y), 0, size.height);
  return {
    x,
    y,
    width: clamp(Math.ceil(end.x), x, size.width) - x,
    height: clamp(Math.ceil(end.y), y, size.height) - y,
  };
}

/** The pixels from one to another, both included, in any order. */
function rectangle(first, second) {
  const x = Math.min(first.x, second.x);
  const y = Math.min(first.y, second.y);
  return {
    x,
    y,
    width: Math.abs(first.x - second.x) + 1,
    height: Math.abs(first.y - second.y) + 1,
  };
}

const isPixel = (pixel, size) =>
  pixel.x >= 0 && pixel.y >= 0 && pixel.x < size.width && pixel.y < size.height;
