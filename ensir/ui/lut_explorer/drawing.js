// Planes of cells on the canvas, a large one or all as small ones.

let size = 0; // CSS pixels, of the side of the canvas
const css = (name) => getComputedStyle(element).getPropertyValue(name).trim();

function prepared() {
  const density = devicePixelRatio || 1;
  size = canvas.clientWidth;
  if (!size) return null;
  if (canvas.width !== Math.round(size * density))
    canvas.width = canvas.height = Math.round(size * density);
  const context = canvas.getContext("2d");
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, size, size);
  return context;
}

/** Paints a plane whose first cell is number `from`, low levels at the bottom left. */
function paintPlane(context, source, from, { x, y, side }, outlines) {
  const count = perModel();
  const cell = side / count;
  const gap = cell > 9 ? 1 : 0;
  for (let row = 0; row < count; row += 1) {
    for (let column = 0; column < count; column += 1) {
      const [fill, opacity] = painted(source, from + row * count + column);
      context.globalAlpha = opacity;
      context.fillStyle = fill;
      context.fillRect(
        x + column * cell,
        y + (count - 1 - row) * cell,
        cell - gap + 0.3 * !gap,
        cell - gap + 0.3 * !gap,
      );
    }
  }
  context.globalAlpha = 1;
  if (!outlines) return;
  const width = Math.min(2, Math.max(cell / 8, 1));
  context.lineWidth = width;
  context.strokeStyle = css("--body-text-color");
  for (let row = 0; row < count; row += 1) {
    for (let column = 0; column < count; column += 1) {
      if (!source.here[from + row * count + column]) continue;
      const inner = width / 2;
      context.strokeRect(
        x + column * cell + inner,
        y + (count - 1 - row) * cell + inner,
        cell - gap - width,
        cell - gap - width,
      );
    }
  }
}

const plane = () => {
  const side = Math.min(size - EDGE.left - EDGE.right, size - EDGE.top - EDGE.bottom);
  return { x: EDGE.left, y: EDGE.top, side };
};

function tiles() {
  const across = Math.ceil(Math.sqrt(perModel()));
  const down = Math.ceil(perModel() / across);
  const room = size / across;
  const label = 15;
  const side = Math.min(room - GAP, size / down - GAP - label);
  return {
    across,
    label,
    side,
    at: (bin) => ({
      x: (bin % across) * room,
      y: Math.floor(bin / across) * (side + label + GAP) + label,
      side,
    }),
  };
}

function drawLevels(context, { x, y, side }) {
  context.fillStyle = css("--body-text-color-subdued");
  context.font = "11px system-ui, sans-serif";
  for (const level of [0, 64, 128, 192, 256]) {
    const place = (level / (perModel() * props.value.width)) * side;
    context.textAlign = level === 0 ? "left" : level === 256 ? "right" : "center";
    context.fillText(Math.min(level, 255), x + Math.min(place, side), y + side + 14);
    context.textAlign = "right";
    context.fillText(
      Math.min(level, 255),
      x - 5,
      Math.min(Math.max(y + side - place + 4, y + 9), y + side),
    );
  }
}

function markCell(context, { x, y, side }) {
  const cell = side / perModel();
  const frame = [
    x + cursor.column * cell - 1.5,
    y + (perModel() - 1 - cursor.row) * cell - 1.5,
    cell + 2,
    cell + 2,
  ];
  context.lineWidth = 5;
  context.strokeStyle = css("--background-fill-primary");
  context.strokeRect(...frame);
  context.lineWidth = 2.5;
  context.strokeStyle = css("--color-accent");
  context.strokeRect(...frame);
}

function draw() {
  const { value } = props;
  if (!cells) return;
  const context = prepared();
  if (!context) return;
  if (view === "all" && overview) {
    const shown = tiles();
    for (let bin = 0; bin < perModel(); bin += 1) {
      const place = shown.at(bin);
      context.fillStyle =
        bin === tile ? css("--body-text-color") : css("--body-text-color-subdued");
      context.font = `${bin === tile ? "bold " : ""}11px system-ui, sans-serif`;
      context.textAlign = "left";
      context.fillText(rangeOf(bin), place.x, place.y - 4);
      paintPlane(context, overview, bin * perModel() ** 2, place, place.side / perModel() > 4);
      context.lineWidth = bin === tile ? 2.5 : 1;
      context.strokeStyle = css(bin === tile ? "--color-accent" : "--border-color-primary");
      context.strokeRect(place.x - 0.5, place.y - 0.5, place.side + 1, place.side + 1);
    }
  } else {
    paintPlane(context, cells, 0, plane(), true);
    drawLevels(context, plane());
    markCell(context, plane());
  }
  canvas.dataset.shown = `${view} ${value.channel} ${value.bins.join(",")} ${colour}`;
}
