// The layers of a value: their pictures and numbers, fetched in the order of need.

const NOTHING = { size: [0, 0], layers: [], panels: [], pinned: null };

class Contents {
  /** `changed` is called whenever something has come. */
  constructor(changed) {
    Object.assign(this, {
      store: new Store(changed),
      value: NOTHING,
      before: new Map(), // layers of the value before by name, seen until the new ones are there
      rounds: 0,
    });
  }

  get layers() {
    return this.value.layers;
  }

  get size() {
    const [width, height] = this.value.size;
    return { width, height };
  }

  /** Takes a value; whether its layers have the size of those before. */
  take(value) {
    const { value: old } = this;
    this.value = value?.layers?.length ? value : NOTHING;
    const isSameSize = same(this.value.size, old.size);
    const lastMade = (layer) => (layer.picture ? layer : this.before.get(layer.name) ?? layer);
    this.before = new Map(isSameSize ? old.layers.map((one) => [one.name, lastMade(one)]) : []);
    return isSameSize;
  }

  layer(name) {
    return this.layers.find((layer) => layer.name === name);
  }

  /** The decoded picture of a layer; while it comes, that of the layer of its name before. */
  pictureOf(layer) {
    const before = this.before.get(layer.name);
    return this.store.get(layer.picture?.url) ?? this.store.get(before?.picture?.url);
  }

  failed(layer) {
    return this.store.failed(layer.picture?.url);
  }

  /** What covers all that is not highlighted. */
  get veil() {
    return this.store.get(this.value.highlight?.url);
  }

  /** Of these layers, those that were not made yet. */
  missing(names) {
    return names.filter((name) => !this.layer(name).picture);
  }

  /** The numbers of a layer; undefined while they come, null where there are none. */
  region(layer, pixels) {
    if (!layer.picture) return null;
    if (layer.values) {
      const stored = this.store.get(layer.values.file.url);
      return stored && storedRegion(stored.data, layer.values, this.size, pixels);
    }
    if (layer.kind === "map") return null;
    const content = this.store.get(layer.picture.url);
    return content && pictureRegion(content.bitmap, pixels);
  }

  /** The numbers of a pixel as text, or the name that its number stands for. */
  words(layer, { x, y }) {
    const region = this.region(layer, { x, y, width: 1, height: 1 });
    if (!region) return [region === null ? "–" : "…"];
    const numbers = region.planes.map((plane) => numberAt(plane, 0, 0));
    if (layer.legend?.is_key) return [layer.legend.labels[numbers[0]] ?? String(numbers[0])];
    return numbers.map((number) => written(number, region.type));
  }

  /** Fetches the layers of these names and calls `shown`, then the others as far as there is room. */
  async load(names, shown) {
    const round = ++this.rounds;
    const isOver = () => round !== this.rounds;
    const { size } = this;
    const layers = this.layers.filter(({ picture }) => picture);
    const { highlight } = this.value;
    const first = layers.filter(({ name }) => names.includes(name));
    const mask = highlight && this.store.want(highlight.url, decodeMask);
    await Promise.all([mask, ...first.map((layer) => this.#wantPicture(layer))]);
    await Promise.all(first.map((layer) => this.#wantValues(layer)));
    if (isOver()) return;
    if (!this.missing(names).length) this.before.clear(); // else they are still to be made
    const kept = this.store.bytes > MOST_HELD ? first : layers;
    const old = [...this.before.values()].filter(({ picture }) => picture);
    this.store.keep(new Set([...kept, ...old].flatMap(addresses).concat(highlight?.url)));
    shown();
    for (const layer of layers) {
      const bytes = size.width * size.height * 4 * (1 + (layer.values?.channels ?? 0));
      if (isOver() || this.store.bytes + bytes > MOST_HELD) return;
      await this.#wantPicture(layer);
      await this.#wantValues(layer);
    }
  }

  #wantPicture({ picture }) {
    return this.store.want(picture.url, (response) => decodePicture(response, this.size));
  }

  #wantValues({ values }) {
    return values && this.store.want(values.file.url, decodeNumbers(values, this.size));
  }
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

const addresses = ({ picture, values }) => [picture.url, ...(values ? [values.file.url] : [])];
