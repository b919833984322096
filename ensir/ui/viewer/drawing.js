// What is drawn on the two canvases of a panel: the picture below, the marks above it.
// `place` is {view, size, frame, density}: the view, the picture's size, the panel's, and the
// screen's pixels to a CSS pixel, in which all canvases are drawn.

const GRID_FROM = 16; // CSS pixels to a pixel of the picture
const NUMBERS_FROM = 28;
const LOUPE_RADIUS = 72; // CSS pixels
const LOUPE_POWER = 6;

/** Fits a canvas to its panel and wipes it; drawing is in CSS pixels from here on. */
function cleared(canvas, { frame, density }) {
  const width = Math.max(1, Math.round(frame.width * density));
  const height = Math.max(1, Math.round(frame.height * density));
  const context = canvas.getContext("2d", { colorSpace: "srgb" });
  if (canvas.width !== width || canvas.height !== height) {
    Object.assign(canvas, { width, height });
    canvas.style.width = `${width / density}px`;
    canvas.style.height = `${height / density}px`;
  }
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, frame.width, frame.height);
  return context;
}

/** The visible part of a bitmap, from the smallest of its `sizes` that loses nothing. */
function drawBitmap(context, sizes, place) {
  const { view, size, frame, density } = place;
  const seen = visiblePixels(view, size, frame, density);
  if (!seen.width || !seen.height) return;
  const zoom = view.scale * density;
  const wanted = zoom < 1 ? Math.floor(-Math.log2(zoom)) : 0;
  const bitmap = sizes[Math.min(wanted, sizes.length - 1)];
  const across = bitmap.width / size.width;
  const down = bitmap.height / size.height;
  const at = toFrame(seen, view, frame, density);
  context.imageSmoothingEnabled = zoom < 1;
  context.drawImage(
    bitmap,
    seen.x * across, seen.y * down, seen.width * across, seen.height * down,
    at.x, at.y, seen.width * view.scale, seen.height * view.scale,
  );
}

/** Whether a view this small would be drawn better from a half that is not there yet. */
function wantsHalf(sizes, { view, density }) {
  return view.scale * density < 0.5 ** sizes.length;
}

function clipped(context, left, width, frame, draw) {
  context.save();
  context.beginPath();
  context.rect(left, 0, width, frame.height);
  context.clip();
  draw();
  context.restore();
}

function drawGrid(context, { view, size, frame, density }) {
  const seen = visiblePixels(view, size, frame, density);
  const at = toFrame(seen, view, frame, density);
  const line = 1 / density;
  context.fillStyle = "rgb(128 128 128 / 40%)";
  for (let x = 0; x <= seen.width; x += 1) {
    context.fillRect(at.x + x * view.scale, at.y, line, seen.height * view.scale);
  }
  for (let y = 0; y <= seen.height; y += 1) {
    context.fillRect(at.x, at.y + y * view.scale, seen.width * view.scale, line);
  }
}

/** The numbers of the pixels in `seen`, black or white, whatever reads better on the `colours`. */
function drawNumbers(context, region, colours, seen, { view, size, frame, density }) {
  const { planes, type } = region;
  const lines = planes.length;
  const height = Math.min(view.scale / (lines + 0.5), view.scale / 3.2, 15);
  const characters = Math.floor((view.scale - 5) / (0.6 * height)); // of a monospaced font
  const at = toFrame(seen, view, frame, density);
  const [red, green, blue] = colours.planes;
  context.font = `${height}px ui-monospace, "DejaVu Sans Mono", Consolas, monospace`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let y = 0; y < seen.height; y += 1) {
    for (let x = 0; x < seen.width; x += 1) {
      const light =
        0.3 * numberAt(red, x, y) + 0.59 * numberAt(green, x, y) + 0.11 * numberAt(blue, x, y);
      context.fillStyle = light > 127 ? "#000" : "#fff";
      const middle = at.y + (y + 0.5) * view.scale - ((lines - 1) / 2) * height;
      planes.forEach((plane, line) => {
        const text = brief(numberAt(plane, x, y), type, characters);
        const room = view.scale - 3;
        context.fillText(text, at.x + (x + 0.5) * view.scale, middle + line * height, room);
      });
    }
  }
}

/** A line that is seen on any ground: dark below, light above. */
function strokeTwice(context, trace, light = "#fff") {
  for (const [style, width] of [["rgb(0 0 0 / 75%)", 3.5], [light, 1.5]]) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.beginPath();
    trace();
    context.stroke();
  }
}

/** The cursor of another panel, at the same place in this one. */
function drawCursor(context, pixel, { view, frame, density }) {
  if (view.scale >= GRID_FROM) {
    const corner = toFrame(pixel, view, frame, density);
    strokeTwice(context, () => context.rect(corner.x, corner.y, view.scale, view.scale));
    return;
  }
  const { x, y } = toFrame({ x: pixel.x + 0.5, y: pixel.y + 0.5 }, view, frame, density);
  strokeTwice(context, () => {
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + 4 * dx, y + 4 * dy);
      context.lineTo(x + 11 * dx, y + 11 * dy);
    }
  });
}

/** The pinned pixel: its outline, never too small to be seen. */
function drawPin(context, pixel, { view, frame, density }) {
  const at = toFrame(pixel, view, frame, density);
  const side = Math.max(view.scale, 11);
  const x = at.x + (view.scale - side) / 2;
  const y = at.y + (view.scale - side) / 2;
  strokeTwice(context, () => context.rect(x, y, side, side), "#ffd21f");
}

function drawSelection(context, selection, { view, frame, density }) {
  const { x, y } = toFrame(selection, view, frame, density);
  const width = selection.width * view.scale;
  const height = selection.height * view.scale;
  context.fillStyle = "rgb(255 255 255 / 8%)";
  context.fillRect(x, y, width, height);
  strokeTwice(context, () => context.rect(x, y, width, height), "#5ec8ff");
}

/** What lies under `pixel`, magnified, in a circle about it that stays in the panel; `draw` draws
 * for another place. */
function drawLoupe(context, pixel, place, draw) {
  const { view, size, frame, density } = place;
  const radius = Math.min(LOUPE_RADIUS, frame.width / 3, frame.height / 3);
  const at = toFrame({ x: pixel.x + 0.5, y: pixel.y + 0.5 }, view, frame, density);
  if (!isPixel(at, frame)) return; // out of sight
  const room = radius + 2; // of the circle and its line
  const middle = {
    x: clamp(at.x, room, frame.width - room),
    y: clamp(at.y, room, frame.height - room),
  };
  const scale = Math.min(Math.max(view.scale * LOUPE_POWER, 4), MOST_SCALE);
  const circle = () => context.arc(middle.x, middle.y, radius, 0, 2 * Math.PI);
  context.save();
  context.beginPath();
  circle();
  context.clip();
  context.fillStyle = "#707076";
  context.fillRect(middle.x - radius, middle.y - radius, 2 * radius, 2 * radius);
  const left = Math.round((middle.x - radius) * density) / density;
  const top = Math.round((middle.y - radius) * density) / density;
  context.translate(left, top);
  draw({
    view: { x: pixel.x + 0.5, y: pixel.y + 0.5, scale },
    size,
    frame: { width: 2 * radius, height: 2 * radius },
    density,
  });
  context.restore();
  strokeTwice(context, circle);
  const half = Math.max(scale / 2, 3);
  strokeTwice(context, () => context.rect(middle.x - half, middle.y - half, 2 * half, 2 * half));
}
