// The table as a picture: a plane of bin sets, or all planes of three candidates as small ones.
// `props.value` has the cells as numbers, packed; another plane is asked of the engine.

const find = (selector) => element.querySelector(selector);
const canvas = find("canvas");
const NUMBERS = { u1: Uint8Array, f4: Float32Array, f8: Float64Array };
const PALE = 0.3; // how much of its colour a cell without reference pixels shows
const ALIKE = 1 / 255; // weights that differ by less
const GREY = "rgb(128 128 128)";
const GAP = 4; // CSS pixels between small planes
const EDGE = { left: 30, bottom: 20, top: 4, right: 4 }; // room for the levels

let cells = null; // unpacked: {weights, count, origin, here}
let overview = null;
let view = "one";
let colour = "weight:0";
let cursor = { row: 0, column: 0 };
let tile = 0;

function unpacked(packed) {
  if (!packed) return null;
  return Object.fromEntries(
    Object.entries(packed).map(([name, { type, data }]) => {
      const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
      return [name, new NUMBERS[type](bytes.buffer)];
    }),
  );
}

const perModel = () => Math.ceil(256 / props.value.width);
const rangeOf = (bin) =>
  `${bin * props.value.width}–${Math.min((bin + 1) * props.value.width, 256) - 1}`;
const canShowAll = () => props.value.names.length === 3 && props.value.has_overview;
const others = () =>
  props.value.names
    .map((_, place) => place)
    .filter((place) => place !== props.value.rows && place !== props.value.columns);
