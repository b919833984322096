// The numbers behind the pixels: reading, writing and summing them up, all in float64.
// A region is {planes, width, height, type}; a plane's number at column x and row y is
// data[start + y * row + x * step].

const NUMBERS = { uint8: Uint8Array, float32: Float32Array };
const scratch = document
  .createElement("canvas")
  .getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });

/** The levels of a bitmap without alpha: red, green and blue, bit for bit those of the PNG. */
function pictureRegion(bitmap, { x, y, width, height }) {
  const { canvas } = scratch;
  if (canvas.width < width) canvas.width = width;
  if (canvas.height < height) canvas.height = height;
  scratch.clearRect(0, 0, width, height);
  scratch.drawImage(bitmap, x, y, width, height, 0, 0, width, height);
  const { data } = scratch.getImageData(0, 0, width, height);
  if (width * height > 2 ** 20) canvas.width = canvas.height = 1; // gives a large one back
  const planes = [0, 1, 2].map((start) => ({ data, start, row: 4 * width, step: 4 }));
  return { planes, width, height, type: "uint8" };
}

/** Numbers stored as planes, row by row. */
function storedRegion(data, { type, channels }, size, { x, y, width, height }) {
  const planes = Array.from({ length: channels }, (_, channel) => ({
    data,
    start: (channel * size.height + y) * size.width + x,
    row: size.width,
    step: 1,
  }));
  return { planes, width, height, type };
}

const numberAt = ({ data, start, row, step }, x, y) => data[start + y * row + x * step];

/** The shortest decimal that is this number and no other of its type. */
function written(number, type) {
  if (type !== "float32" || !Number.isFinite(number)) return String(number);
  for (let digits = 1; digits < 9; digits += 1) {
    const text = Number(number.toPrecision(digits));
    if (Math.fround(text) === number) return String(text);
  }
  return String(Number(number.toPrecision(9)));
}

/** A number with as many decimals as there is room for, 3 at most. */
function brief(number, type, characters) {
  if (type !== "float32" || !Number.isFinite(number)) return String(number);
  const whole = number.toFixed(0).length;
  return number.toFixed(clamp(characters - whole - 1, 0, 3));
}

/** The sum of powers of the distances of a plane's numbers from `origin`. */
function sumOfPowers({ data, start, row, step }, { width, height }, origin, power) {
  let sum = 0;
  for (let y = 0; y < height; y += 1) {
    let place = start + y * row;
    for (let x = 0; x < width; x += 1, place += step) {
      const distance = data[place] - origin;
      sum += power === 1 ? distance : distance * distance;
    }
  }
  return sum;
}

/** Mean and standard deviation (of all pixels, not of a sample) of a plane. */
function meanAndDeviation(plane, region) {
  const count = region.width * region.height;
  const mean = sumOfPowers(plane, region, 0, 1) / count;
  return { mean, deviation: Math.sqrt(sumOfPowers(plane, region, mean, 2) / count) };
}

/** PSNR in dB of a region against the truth, both from 0 to 255. */
function psnr(region, truth) {
  const { width, height } = region;
  let squares = 0;
  region.planes.forEach((plane, channel) => {
    const other = truth.planes[channel];
    for (let y = 0; y < height; y += 1) {
      let place = plane.start + y * plane.row;
      let otherPlace = other.start + y * other.row;
      for (let x = 0; x < width; x += 1) {
        const error = (plane.data[place] - other.data[otherPlace]) / 255;
        squares += error * error;
        place += plane.step;
        otherPlace += other.step;
      }
    }
  });
  return -10 * Math.log10(squares / (region.planes.length * width * height));
}
