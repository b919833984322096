// What was fetched and decoded, by address; freed when no layer needs it any more.

// Bytes of decoded layers beyond which only those on the screen are held.
const MOST_HELD = 512 * 2 ** 20;

class Store {
  /** `changed` is called whenever something has come or could not come. */
  constructor(changed) {
    this.entries = new Map();
    this.changed = changed;
  }

  get bytes() {
    return [...this.entries.values()].reduce((sum, { content }) => sum + (content?.bytes ?? 0), 0);
  }

  /** The content at an address, or undefined while it is not there. */
  get(url) {
    return this.entries.get(url)?.content;
  }

  failed(url) {
    return this.entries.get(url)?.failed ?? false;
  }

  /** Fetches an address once; resolves when it is there, or is known not to come. */
  want(url, decode) {
    const known = this.entries.get(url);
    if (known && !known.failed) return known.ready;
    const entry = { content: undefined, failed: false, stop: new AbortController() };
    entry.ready = this.#fetch(url, decode, entry);
    this.entries.set(url, entry);
    return entry.ready;
  }

  /** Frees everything but these addresses. */
  keep(urls) {
    for (const [url, entry] of this.entries) {
      if (urls.has(url)) continue;
      this.entries.delete(url);
      entry.stop.abort();
      entry.content?.free();
    }
  }

  async #fetch(url, decode, entry) {
    try {
      const response = await fetch(url, { signal: entry.stop.signal });
      if (!response.ok) throw new Error(`status ${response.status}`);
      const content = await decode(response);
      if (entry.stop.signal.aborted) return content.free();
      entry.content = content;
    } catch {
      if (entry.stop.signal.aborted) return;
      entry.failed = true;
    }
    this.changed();
  }
}

// As the file says: no colour profile is applied and nothing is multiplied by alpha.
const AS_IT_IS = { colorSpaceConversion: "none", premultiplyAlpha: "none" };

const pause = () => new Promise((resolve) => setTimeout(resolve));

/** A PNG as a bitmap, and halves of it, made one by one, so that a small view is quick and smooth. */
async function decodePicture(response, { width, height }) {
  const bitmap = await createImageBitmap(await response.blob(), AS_IT_IS);
  if (bitmap.width !== width || bitmap.height !== height) throw new Error("size");
  const content = {
    bitmap,
    sizes: [bitmap],
    bytes: bitmap.width * bitmap.height * 4,
    async halve() {
      const last = this.sizes.at(-1);
      if (this.freed || this.halving || Math.min(last.width, last.height) < 256) return false;
      this.halving = true;
      await pause();
      const half = await createImageBitmap(last, {
        ...AS_IT_IS,
        resizeWidth: Math.ceil(last.width / 2),
        resizeHeight: Math.ceil(last.height / 2),
        resizeQuality: "medium",
      });
      this.halving = false;
      if (this.freed) {
        half.close();
        return false;
      }
      this.sizes.push(half);
      this.bytes += half.width * half.height * 4;
      return true;
    },
    free() {
      this.freed = true;
      this.sizes.forEach((size) => size.close());
    },
  };
  return content;
}

/** A decoder of stored numbers; files of another length than expected are refused. */
function decodeNumbers({ type, channels }, size) {
  return async (response) => {
    const data = new NUMBERS[type](await response.arrayBuffer());
    if (data.length !== channels * size.width * size.height) throw new Error("length");
    return { data, bytes: data.byteLength, free() {} };
  };
}

// What is not highlighted fades to this: on a dark picture as well as on a bright one.
const VEIL = [112, 112, 118, 214];

/** A mask as a veil over all that is not in it; a half keeps every pixel that has one inside. */
async function decodeMask(response) {
  const mask = await createImageBitmap(await response.blob(), AS_IT_IS);
  const { width, height } = mask;
  const [{ data, step }] = pictureRegion(mask, { x: 0, y: 0, width, height }).planes;
  mask.close();
  let inside = new Uint8Array(width * height).map((_, place) => (data[place * step] ? 1 : 0));
  const sizes = [];
  let size = { width, height };
  while (true) {
    sizes.push(await veil(inside, size));
    if (Math.min(size.width, size.height) < 256) break;
    [inside, size] = halvedMask(inside, size);
    await pause();
  }
  const bytes = sizes.reduce((sum, one) => sum + one.width * one.height * 4, 0);
  return { sizes, bytes, free: () => sizes.forEach((one) => one.close()) };
}

function veil(inside, { width, height }) {
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const outside = new Uint32Array(new Uint8Array(VEIL).buffer)[0];
  inside.forEach((one, place) => { pixels[place] = one ? 0 : outside; });
  return createImageBitmap(image);
}

function halvedMask(inside, { width, height }) {
  const half = { width: Math.ceil(width / 2), height: Math.ceil(height / 2) };
  const result = new Uint8Array(half.width * half.height);
  for (let y = 0; y < height; y += 1) {
    const row = (y >> 1) * half.width;
    for (let x = 0; x < width; x += 1) result[row + (x >> 1)] |= inside[y * width + x];
  }
  return [result, half];
}
