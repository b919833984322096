// The viewer: what its panels share, and everything that can be done to it.

const LAYERS_TO_SPEAK = 12;

class Viewer {
  /** `onPick` is called with a pixel, `onWant` with the names of layers, some not made yet. */
  constructor(element, onPick, onWant) {
    const find = (name) => element.querySelector(`.${name}`);
    Object.assign(this, {
      root: find("viewer"),
      grid: find("grid"),
      template: find("panel-template"),
      zoomText: find("zoom"),
      probe: find("probe"),
      statistics: find("statistics"),
      spoken: find("spoken"),
      dialog: find("keys"),
      onPick,
      onWant,
      wanted: null, // the names that were asked for last
      panels: [],
      focused: null,
      hover: null, // the pixel under the cursor
      hovered: null, // the panel under the cursor
      pinned: null,
      corner: null, // of a rectangle that is selected by keys
      selection: null,
      isHeld: false,
      isLoupeOn: false,
      isSelecting: false,
      isHighlightOn: true,
      selections: 0, // asked for so far
      frameAsked: 0,
      hasToDraw: false,
    });
    const nowhere = { width: 0, height: 0 };
    this.look = new Look(() => this.panels[0]?.size ?? nowhere, () => this.redraw());
    this.contents = new Contents(() => {
      this.showNumbers();
      this.redraw();
    });
    this.resizes = new ResizeObserver(() => this.look.refit());
    this.#listen(find);
  }

  #listen(find) {
    const commands = {
      out: () => this.look.zoomTo(false),
      in: () => this.look.zoomTo(true),
      fit: () => this.look.fit(),
      actual: () => this.look.showActual(),
      wipe: () => this.toggleWipe(),
      loupe: () => this.toggleLoupe(),
      select: () => this.toggleSelecting(),
      highlight: () => this.toggleHighlight(),
      keys: () => this.help(),
      full: () => this.toggleFullScreen(),
      close: () => this.dialog.close(),
      clear: () => this.clearSelection(),
    };
    this.root.addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (button?.dataset.panels) this.setCount(Number(button.dataset.panels));
      else if (button?.dataset.do in commands) commands[button.dataset.do]();
      if (target === this.dialog) this.dialog.close(); // its surroundings
    });
    const reference = find("reference");
    reference.addEventListener("pointerdown", () => this.hold(true));
    for (const end of ["pointerup", "pointerleave", "pointercancel"]) {
      reference.addEventListener(end, () => this.hold(false));
    }
    for (const [kind, isDown] of [["keydown", true], ["keyup", false]]) {
      reference.addEventListener(kind, ({ key }) => {
        if (key === " " || key === "Enter") this.hold(isDown);
      });
    }
    listenToKeys(this, this.root);
    find("full").hidden = !document.fullscreenEnabled;
    this.root.addEventListener("fullscreenchange", () => this.refresh());
  }

  // What is shown

  get value() {
    return this.contents.value;
  }

  layer(name) {
    return this.contents.layer(name);
  }

  /** A new value. Zoom, place, panels and the pinned pixel stay as far as they still make sense. */
  show(value) {
    const { panels } = this.value;
    const isSameSize = this.contents.take(value);
    const { value: now } = this;
    this.root.classList.toggle("empty", !now.layers.length);
    if (!isSameSize) {
      Object.assign(this, { selection: null, hover: null });
      if (now.layers.length) this.look.begin(...now.size);
    }
    if (!isSameSize || now.move) {
      this.pinned = now.pinned ? { x: now.pinned[0], y: now.pinned[1] } : null;
    }
    if (now.look) this.#bringBack(now.look);
    else if (same(now.panels, panels)) this.#replaceGone();
    else this.#layOut(now.panels);
    layOutProbe(this.probe, now.layers);
    this.update();
  }

  /** Panels, wipes and place, as a value has them to bring them back. */
  get kept() {
    const { view, fits } = this.look;
    const panels = this.panels.map(({ name, wipe }) => (
      { name, wipe: wipe?.name ?? null, share: wipe?.share ?? 0.5 }));
    return { panels, place: fits ? null : [view.x, view.y, view.scale] };
  }

  #bringBack({ panels, place }) {
    this.#layOut(panels.map(({ name }) => name));
    panels.forEach(({ wipe, share }, number) => {
      this.panels[number].wipe = wipe && this.layer(wipe) ? { name: wipe, share } : null;
    });
    this.refresh(); // so that the panels have their size
    this.look.goBack(place);
  }

  /** The panels of these layers, by name; panels there are already keep their wipe. */
  #layOut(names) {
    while (this.panels.length > names.length) this.panels.pop().element.remove();
    while (this.panels.length < names.length) {
      const element = this.template.content.firstElementChild.cloneNode(true);
      this.grid.append(element);
      this.panels.push(new Panel(this, element, this.panels.length + 1));
      this.resizes.observe(this.panels.at(-1).frame);
    }
    names.forEach((name, place) => { this.panels[place].name = name; });
    if (!this.panels.includes(this.focused)) this.focused = this.panels[0] ?? null;
    this.#replaceGone();
  }

  #replaceGone() {
    this.panels.forEach((panel, place) => {
      if (!this.layer(panel.name)) panel.name = this.value.panels[place] ?? this.#unseen();
      if (panel.wipe && !this.layer(panel.wipe.name)) panel.wipe = null;
    });
  }

  /** A layer that no panel shows, if there is one. */
  #unseen() {
    const seen = new Set(this.panels.map(({ name }) => name));
    const { layers } = this.value;
    return (layers.find(({ name }) => !seen.has(name)) ?? layers[0])?.name ?? "";
  }

  setCount(count) {
    const names = this.panels.slice(0, count).map(({ name }) => name);
    this.#layOut([...names, ...Array(count - names.length).fill("")]);
    this.panels.forEach((panel) => { panel.name ||= this.#unseen(); });
    this.update();
  }

  choose(panel, name) {
    panel.name = name;
    this.update();
  }

  chooseNumber(number) {
    const layer = this.value.layers[number - 1];
    if (layer) this.choose(this.focused, layer.name);
  }

  flip(step) {
    const { layers } = this.value;
    const place = layers.findIndex(({ name }) => name === this.focused?.name);
    if (place >= 0) this.choose(this.focused, layers.at((place + step) % layers.length).name);
  }

  focus(panel) {
    if (this.focused === panel) return;
    this.focused = panel;
    this.refresh();
  }

  /** What covers all but the highlighted pixels, while that is wanted. */
  get veil() {
    return this.isHighlightOn ? this.contents.veil : undefined;
  }

  // Pixels

  hoverAt(panel, point) {
    this.hover = point && this.look.pixelAt(point);
    this.hovered = this.hover && panel;
    this.showNumbers();
    this.redraw(false);
  }

  /** Pins a pixel, says so, and tells Python. */
  pick(pixel) {
    if (!pixel) return;
    this.pinned = pixel;
    this.showNumbers();
    this.redraw(false);
    const made = this.value.layers.filter(({ picture }) => picture);
    const layers = made.slice(0, LAYERS_TO_SPEAK);
    const words = layers.map((layer) => `${layer.name} ${this.contents.words(layer, pixel).join(" ")}`);
    this.spoken.textContent = `Pixel ${pixel.x}, ${pixel.y}: ${words.join("; ")}`;
    this.onPick(pixel);
  }

  pickHere() {
    this.corner = null;
    this.pick(this.hover ?? this.look.middlePixel);
  }

  /** Moves the pinned pixel, and the view with it where it would leave the panels. */
  movePin(dx, dy) {
    if (!this.pinned) return this.pickHere();
    const pixel = this.look.inside({ x: this.pinned.x + dx, y: this.pinned.y + dy });
    if (this.isSelecting) this.select(rectangle((this.corner ??= this.pinned), pixel), true);
    this.look.reveal(pixel);
    return this.pick(pixel);
  }

  // Rectangles

  /** The rectangle that is drawn; its statistics are shown once it `isDone`. */
  select(pixels, isDone) {
    this.selection = pixels;
    this.redraw(false);
    if (isDone) this.showStatistics();
  }

  selectVisible() {
    this.select(this.look.visible, true);
  }

  clearSelection() {
    this.select(null, true);
  }

  async showStatistics() {
    const round = ++this.selections;
    if (!this.selection) return this.#putStatistics();
    const seen = new Set(this.panels.flatMap(({ strips }) => strips.map(({ layer }) => layer)));
    const truth = this.layer(this.value.truth);
    const rows = [];
    for (const layer of seen) {
      await pause(); // a large rectangle takes a while: the picture stays alive
      if (round !== this.selections) return undefined;
      const region = (of) => this.contents.region(of, this.selection);
      rows.push(statisticsOf(layer, truth, region));
    }
    return this.#putStatistics(...statisticsTable(this.selection, rows, truth));
  }

  /** The focus of a button that goes stays inside: keys are heard nowhere else. */
  #putStatistics(...parts) {
    const hadFocus = this.statistics.contains(document.activeElement);
    this.statistics.replaceChildren(...parts);
    const next = this.statistics.querySelector("button") ?? this.focused?.frame;
    if (hadFocus) next?.focus({ preventScroll: true });
  }

  // Switches

  toggleWipe() {
    const panel = this.focused;
    if (!panel) return;
    const others = this.value.layers.filter(({ name }) => name !== panel.name);
    const reference = others.find(({ name }) => name === this.value.reference) ?? others[0];
    panel.wipe = panel.wipe || !reference ? null : { name: reference.name, share: 0.5 };
    this.update();
  }

  chooseWiped(panel, name) {
    panel.wipe.name = name;
    this.update();
  }

  /** Moves the line between the two layers of a panel to a share of its width. */
  setWipe(panel, share) {
    panel.wipe.share = clamp(share, 0, 1);
    this.refresh();
  }

  moveWipe(step) {
    const { wipe } = this.focused ?? {};
    if (wipe) this.setWipe(this.focused, wipe.share + step);
  }

  toggleLoupe() {
    this.isLoupeOn = !this.isLoupeOn;
    this.refresh();
  }

  toggleSelecting() {
    this.isSelecting = !this.isSelecting;
    this.corner = null;
    this.refresh();
  }

  toggleHighlight() {
    this.isHighlightOn = !this.isHighlightOn;
    this.refresh();
  }

  /** The reference in every panel, as long as a key or button is down. */
  hold(isDown) {
    const isHeld = isDown && Boolean(this.layer(this.value.reference));
    if (isHeld === this.isHeld) return;
    this.isHeld = isHeld;
    this.refresh();
  }

  toggleFullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen?.().catch(() => {}); // a browser may refuse
  }

  help() {
    this.dialog.showModal();
  }

  // Keeping up

  /** After a change of layers: fetches what is missing as well. */
  update() {
    this.refresh();
    const names = this.#lookedAt();
    this.#askFor(names);
    this.contents.load(names, () => {
      this.showNumbers();
      this.showStatistics();
    });
  }

  #lookedAt() {
    const { reference, truth } = this.value;
    const names = this.panels.flatMap(({ name, wipe }) => [name, wipe?.name]);
    return [...new Set([...names, reference, truth].filter(Boolean))];
  }

  /** Once: what is not made then cannot be. */
  #askFor(names) {
    const isMade = !this.contents.missing(names).length;
    if (!isMade && !same(names, this.wanted)) this.onWant(names);
    this.wanted = isMade ? null : names;
  }

  /** Brings everything but the canvases up to date, and has those drawn. */
  refresh() {
    this.grid.dataset.count = this.panels.length;
    this.grid.style.setProperty("--shape", this.look.size.width / this.look.size.height);
    this.panels.forEach((panel) => panel.update());
    for (const button of this.root.querySelectorAll("[data-panels]")) {
      button.setAttribute("aria-pressed", Number(button.dataset.panels) === this.panels.length);
    }
    const pressed = {
      wipe: Boolean(this.focused?.wipe),
      loupe: this.isLoupeOn,
      select: this.isSelecting,
      highlight: Boolean(this.value.highlight) && this.isHighlightOn,
      reference: this.isHeld,
      full: document.fullscreenElement === this.root,
    };
    for (const [name, isPressed] of Object.entries(pressed)) {
      this.root.querySelector(`[data-do=${name}]`).setAttribute("aria-pressed", isPressed);
    }
    this.root.querySelector("[data-do=highlight]").hidden = !this.value.highlight;
    this.root.querySelector("[data-do=reference]").hidden = !this.layer(this.value.reference);
    this.root.querySelector("[data-do=wipe]").disabled = this.value.layers.length < 2;
    this.root.classList.toggle("selecting", this.isSelecting);
    this.showNumbers();
    this.redraw();
  }

  /** Draws with the next frame of the screen: everything, or the marks alone. */
  redraw(isAll = true) {
    this.hasToDraw ||= isAll;
    this.frameAsked ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    const isAll = this.hasToDraw;
    this.frameAsked = 0;
    this.hasToDraw = false;
    const { view, frame, density, isWhole } = this.look;
    if (!frame.width) return;
    if (!isAll) return this.panels.forEach((panel) => panel.drawMarks());
    this.root.dataset.view = `${view.x} ${view.y} ${view.scale}`;
    this.zoomText.textContent = percent(view.scale * density);
    this.panels.forEach((panel) => {
      // Where there is nothing to pan, a finger scrolls the page.
      panel.frame.style.touchAction = isWhole && !this.isSelecting ? "pan-y" : "none";
      panel.draw();
    });
  }

  /** The numbers of the pixel under the cursor, else of the pinned one: at once, without a frame. */
  showNumbers() {
    showProbe(this);
    this.panels.forEach((panel) => panel.showReading());
  }
}

const percent = (zoom) => `${zoom < 0.1 ? (zoom * 100).toFixed(1) : Math.round(zoom * 100)} %`;

// One object for all events of a kind: where Gradio holds an event back until the one before is done,
// it sends what it was given first, which by then holds the last pixel, or the last names.
const picked = {};
const wanted = {};
const viewer = new Viewer(
  element,
  (pixel) => trigger("pick", Object.assign(picked, pixel)),
  (names) => trigger("want", Object.assign(wanted, { names })),
);
viewer.root.look = () => viewer.kept;
watch("value", () => viewer.show(props.value));
viewer.show(props.value);
