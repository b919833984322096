// The colour of a cell.

function weightOf(source, at, model) {
  const share = source.weights[at * props.value.names.length + model];
  return source.weights instanceof Uint8Array ? share / 255 : share;
}

/** The model of the largest weight; -1 where another has as much, as in an average. */
function largest(source, at) {
  const weights = props.value.names.map((_, model) => weightOf(source, at, model));
  const [first, second] = [...weights].sort((one, other) => other - one);
  return first - second < ALIKE ? -1 : weights.indexOf(first);
}

function shade(scale, share) {
  return scale[Math.round(Math.min(Math.max(share, 0), 1) * (scale.length - 1))];
}

const known = (source, at) => source.count[at] !== 0; // -1: the file does not say

/** The colour of a cell, and how much of it is shown. */
function painted(source, at) {
  const { scales, colours, most, origin_colours } = props.value;
  if (colour === "origin") return [origin_colours[source.origin[at]], 1];
  if (colour === "count") {
    const count = source.count[at];
    return count > 0
      ? [shade(scales.count, Math.log(count + 1) / Math.log(most + 1)), 1]
      : ["transparent", 1];
  }
  const opacity = known(source, at) ? 1 : PALE;
  if (colour === "largest") return [colours[largest(source, at)] ?? GREY, opacity];
  return [shade(scales.weight, weightOf(source, at, Number(colour.split(":")[1]))), opacity];
}
