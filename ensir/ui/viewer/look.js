// Where all panels look, and every way to look elsewhere.

class Look {
  /** `measure` gives the size of the panels; `changed` is called when they must be drawn anew. */
  constructor(measure, changed) {
    Object.assign(this, {
      measure,
      changed,
      size: { width: 1, height: 1 }, // of the picture
      view: { x: 0, y: 0, scale: 1 },
      fits: true, // until it is zoomed or panned
    });
  }

  get frame() {
    return this.measure();
  }

  get density() {
    return window.devicePixelRatio || 1;
  }

  /** All that drawing has to know. */
  get place() {
    const { view, size, frame, density } = this;
    return { view, size, frame, density };
  }

  get isSmallest() {
    const { view, size, frame, density } = this;
    return limited({ ...view, scale: view.scale / 2 }, size, frame, density).scale >= view.scale;
  }

  /** Whether all of the picture is seen: then there is nothing to pan. */
  get isWhole() {
    return this.view.scale <= fittingScale(this.size, this.frame);
  }

  /** The pixels that the panels show. */
  get visible() {
    return visiblePixels(this.view, this.size, this.frame, this.density);
  }

  /** A picture of another size, seen whole. */
  begin(width, height) {
    this.size = { width, height };
    this.fit();
  }

  goTo(view, fits = false) {
    if (!this.frame.width) return; // the panels are hidden
    this.view = limited(view, this.size, this.frame, this.density);
    this.fits = fits;
    this.changed();
  }

  fit() {
    this.fits = true;
    if (this.frame.width) this.goTo(fitted(this.size, this.frame, this.density), true);
  }

  /** To a place and scale of before, or to the whole picture. */
  goBack(place) {
    if (!place) return this.fit();
    const [x, y, scale] = place;
    return this.goTo({ x, y, scale });
  }

  /** The panels have another size. */
  refit() {
    if (this.fits) this.fit();
    else this.goTo(this.view);
  }

  /** One pixel of the picture on one of the screen. */
  showActual() {
    this.goTo({ ...this.view, scale: 1 / this.density });
  }

  pan(dx, dy) {
    this.goTo(panned(this.view, dx, dy), this.fits);
  }

  /** By a factor, about a point of the panels. */
  zoomBy(factor, point) {
    this.anchor(this.placeAt(point), point, this.view.scale * factor);
  }

  /** To the next power of two, about a pixel if one is given, else the middle. */
  zoomTo(up, pixel) {
    const { frame, view, density } = this;
    const place = pixel ? { x: pixel.x + 0.5, y: pixel.y + 0.5 } : view;
    const point = toFrame(place, view, frame, density);
    this.anchor(place, point, nextPower(view.scale * density, up) / density);
  }

  /** A place of the picture to a point of the panels, at a scale. */
  anchor(place, point, scale) {
    this.goTo(anchored(place, point, scale, this.size, this.frame, this.density));
  }

  /** What two fingers hold: the place between them, and the scale for a pixel of their distance. */
  pinchOf(one, other) {
    const scale = this.view.scale / Math.max(distance(one, other), 1);
    return { place: this.placeAt(between(one, other)), scale };
  }

  /** Brings a pixel into the middle if it is out of sight. */
  reveal(pixel) {
    const { x, y, ...seen } = this.visible;
    if (isPixel({ x: pixel.x - x, y: pixel.y - y }, seen)) return;
    this.goTo({ ...this.view, x: pixel.x + 0.5, y: pixel.y + 0.5 });
  }

  placeAt(point) {
    return toPicture(point, this.view, this.frame, this.density);
  }

  /** The pixel under a point of a panel, or null beside the picture. */
  pixelAt(point) {
    const { x, y } = this.placeAt(point);
    const pixel = { x: Math.floor(x), y: Math.floor(y) };
    return isPixel(pixel, this.size) ? pixel : null;
  }

  nearestPixel(point) {
    const { x, y } = this.placeAt(point);
    return this.inside({ x: Math.floor(x), y: Math.floor(y) });
  }

  get middlePixel() {
    return this.inside({ x: Math.floor(this.view.x), y: Math.floor(this.view.y) });
  }

  inside({ x, y }) {
    return { x: clamp(x, 0, this.size.width - 1), y: clamp(y, 0, this.size.height - 1) };
  }
}
