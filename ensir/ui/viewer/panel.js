// One panel: a chooser of its layer, the picture, the marks on it, the numbers under the cursor.

class Panel {
  /** `element` is a copy of the template; the viewer is asked for all that panels share. */
  constructor(viewer, element, number) {
    const find = (name) => element.querySelector(`.${name}`);
    Object.assign(this, {
      viewer,
      element,
      number,
      name: "", // of its layer
      wipe: null, // {name, share}: another layer from this share of the width on
      chooser: find("chooser"),
      wiped: find("wiped"),
      frame: find("frame"),
      picture: find("picture"),
      marks: find("marks"),
      handle: find("handle"),
      badge: find("badge"),
      reading: find("reading"),
      message: find("message"),
      legend: find("legends"),
      key: find("key-cap"),
    });
    this.chooser.setAttribute("aria-label", `Layer of panel ${number}`);
    this.wiped.setAttribute("aria-label", `Layer of panel ${number}, right of the wipe`);
    this.chooser.addEventListener("change", () => viewer.choose(this, this.chooser.value));
    this.wiped.addEventListener("change", () => viewer.chooseWiped(this, this.wiped.value));
    this.frame.addEventListener("focus", () => viewer.focus(this));
    this.element.addEventListener("focusin", () => viewer.focus(this));
    listenToHandle(this);
    listenToPointers(this);
  }

  get size() {
    return { width: this.frame.clientWidth, height: this.frame.clientHeight };
  }

  get place() {
    return this.viewer.look.place;
  }

  /** The layers to be seen, each from one share of the width to another. */
  get strips() {
    const { viewer, wipe } = this;
    const layer = viewer.layer(viewer.isHeld ? viewer.value.reference : this.name);
    if (!layer) return [];
    const other = !viewer.isHeld && wipe && viewer.layer(wipe.name);
    if (!other) return [{ layer, from: 0, to: 1 }];
    return [{ layer, from: 0, to: wipe.share }, { layer: other, from: wipe.share, to: 1 }];
  }

  /** The layer under a pixel of the picture. */
  layerAt(pixel) {
    const { view, frame, density } = this.place;
    const x = toFrame({ x: pixel.x + 0.5, y: 0 }, view, frame, density).x / frame.width;
    return (this.strips.find(({ to }) => x < to) ?? this.strips.at(-1))?.layer;
  }

  /** Brings everything but the canvases up to date. */
  update() {
    const { viewer, wipe, element, handle } = this;
    fillChooser(this.chooser, viewer.value.layers, this.name);
    this.wiped.hidden = handle.hidden = !wipe;
    if (wipe) {
      fillChooser(this.wiped, viewer.value.layers, wipe.name);
      handle.style.left = `${wipe.share * 100}%`;
      handle.setAttribute("aria-valuenow", Math.round(wipe.share * 100));
      handle.setAttribute("aria-valuetext", `${Math.round(wipe.share * 100)} % ${this.name}`);
    }
    element.classList.toggle("focused", viewer.focused === this);
    const layer = viewer.value.layers.findIndex(({ name }) => name === this.name);
    this.key.textContent = keyOf(layer) || "·";
    const names = [this.name, wipe?.name].filter(Boolean).join(" and ");
    const { width, height } = viewer.look.size;
    this.frame.setAttribute(
      "aria-label",
      `Panel ${this.number} of ${viewer.panels.length}: ${names}, ${width} by ${height} pixels`,
    );
    this.badge.hidden = !viewer.isHeld || viewer.value.reference === this.name;
    this.badge.textContent = viewer.value.reference ?? "";
    showLegends(this.legend, this.strips.map(({ layer }) => layer));
  }

  draw() {
    const { viewer, place } = this;
    const context = cleared(this.picture, place);
    const contents = this.strips.map(({ layer }) => viewer.contents.pictureOf(layer));
    this.#paint(context);
    if (place.view.scale >= GRID_FROM) drawGrid(context, place);
    if (place.view.scale >= NUMBERS_FROM) this.#drawNumbers(context);
    for (const content of contents) {
      if (content && wantsHalf(content.sizes, place)) {
        content.halve().then((made) => made && viewer.redraw());
      }
    }
    const isThere = contents.every(Boolean);
    const failed = this.strips.some(({ layer }) => viewer.contents.failed(layer));
    this.element.dataset.shown = isThere ? this.strips.map(({ layer }) => layer.name).join("|") : "";
    this.frame.setAttribute("aria-busy", !isThere && !failed);
    this.message.hidden = !failed;
    this.drawMarks();
  }

  /** The layers, and the veil over what is not highlighted. */
  #paint(context) {
    const { viewer, place } = this;
    const { width } = place.frame;
    for (const { layer, from, to } of this.strips) {
      const content = viewer.contents.pictureOf(layer);
      if (!content) continue;
      clipped(context, from * width, (to - from) * width, place.frame, () =>
        drawBitmap(context, content.sizes, place));
    }
    if (viewer.veil) drawBitmap(context, viewer.veil.sizes, place);
  }

  drawMarks() {
    const { viewer, place } = this;
    const context = cleared(this.marks, place);
    const { selection, pinned, hover, isLoupeOn, hovered } = viewer;
    if (selection) drawSelection(context, selection, place);
    if (pinned) drawPin(context, pinned, place);
    const point = hover ?? (isLoupeOn ? pinned : null);
    if (point && isLoupeOn) {
      const layer = this.layerAt(point);
      drawLoupe(context, point, place, (inside) => this.#paintLoupe(context, inside, layer));
    } else if (hover && hovered !== this && !same(hover, pinned)) {
      drawCursor(context, hover, place);
    }
  }

  /** What the loupe shows: one layer, also where there is a wipe. */
  #paintLoupe(context, place, layer) {
    const { viewer } = this;
    const content = viewer.contents.pictureOf(layer);
    for (const { sizes } of [content, viewer.veil].filter(Boolean)) drawBitmap(context, sizes, place);
  }

  /** The numbers of the pixel under the cursor, else of the pinned one. */
  showReading() {
    const pixel = this.viewer.hover ?? this.viewer.pinned;
    const layer = pixel && this.layerAt(pixel);
    const words = layer ? this.viewer.contents.words(layer, pixel) : null;
    const text = words ? words.join("  ") : "";
    if (this.reading.textContent !== text) this.reading.textContent = text;
    this.reading.hidden = !text;
  }

  #drawNumbers(context) {
    const { viewer, place, strips } = this;
    const seen = visiblePixels(place.view, place.size, place.frame, place.density);
    if (!seen.width || !seen.height) return;
    for (const { layer, from, to } of strips) {
      const content = viewer.contents.pictureOf(layer);
      const region = viewer.contents.region(layer, seen);
      if (!content || !region) continue;
      const colours = pictureRegion(content.bitmap, seen);
      clipped(context, from * place.frame.width, (to - from) * place.frame.width, place.frame, () =>
        drawNumbers(context, region, colours, seen, place));
    }
  }
}

/** The key that shows the layer at this place, if there is one. */
const keyOf = (place) => (place >= 0 && place < 9 ? String(place + 1) : "");

/** The options of a chooser; names are put in as text, never as markup. */
function fillChooser(chooser, layers, chosen) {
  const names = layers.map(({ name }) => name);
  const shown = [...chooser.options].map(({ value }) => value);
  if (names.length !== shown.length || names.some((name, place) => name !== shown[place])) {
    chooser.replaceChildren(
      ...names.map((name) => {
        const option = document.createElement("option");
        option.value = name;
        option.textContent = name;
        return option;
      }),
    );
  }
  chooser.value = chosen;
}

/** What the colours of maps mean: a scale with its ends, or a key with a name for each colour. */
function showLegends(element, layers) {
  const legends = layers.map(({ legend }) => legend).filter(Boolean);
  const told = JSON.stringify(legends);
  if (element.dataset.told === told) return;
  element.dataset.told = told;
  element.replaceChildren(...legends.map((legend) => (legend.is_key ? key(legend) : scale(legend))));
}

// What lies beneath a map that lets it through: any grey.
const GREYS = "linear-gradient(to top, #000, #fff)";

function scale({ meaning, colours, labels, places }) {
  const bar = made("i", "ramp");
  bar.style.background = `linear-gradient(to right, ${colours.join(", ")}), ${GREYS}`;
  const ends = made("span", "ends");
  ends.append(
    ...labels.map((text, place) => {
      const label = made("span", "", text);
      // Centred below its place, and at the ends flush with the bar.
      label.style.left = `${100 * places[place]}%`;
      label.style.transform = `translateX(${-100 * places[place]}%)`;
      return label;
    }),
  );
  const legend = made("div", "map-legend");
  legend.append(bar, ends, made("em", "", meaning));
  return legend;
}

function key({ meaning, colours, labels }) {
  const list = made("ul", "map-key");
  colours.forEach((colour, place) => {
    const item = made("li");
    const swatch = made("i", "chip");
    swatch.style.background = `linear-gradient(${colour}, ${colour}), ${GREYS}`;
    item.append(swatch, made("span", "", labels[place]));
    list.append(item);
  });
  const legend = made("div", "map-legend");
  legend.append(list, made("em", "", meaning));
  return legend;
}

function made(tag, name = "", text = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text) element.textContent = text;
  return element;
}
