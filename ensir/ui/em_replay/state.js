// The replay of one bin set's EM. `props.value` has the mixtures of every step as the engine made
// them; only the responsibilities are computed here, from a step's mixture.
//
// A place counts half steps: at 2k the mixture after k steps stands and its M step was the last
// thing done; at 2k + 1 its responsibilities were found by the E step that follows.

const find = (selector) => element.querySelector(selector);
const root = find(".replay");
const charts = Object.fromEntries(
  ["responsibilities", "weights", "scores", "mixture", "variances", "gains"].map((name) => [
    name,
    find(`svg.${name}`),
  ]),
);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const DASHES = ["", "8 3", "2 3", "8 3 2 3"]; // so that lines are told apart without colours
const levels = [...Array(LEVELS).keys()];

let rule = "em";
let place = 0;
let playing = false;
let subject = ""; // which bin set the sliders belong to

const trace = () => props.value?.traces?.[rule];
const lastStep = () => trace().score.length - 1;
const lastPlace = () => 2 * lastStep();
const stepNow = () => Math.floor(place / 2);
const mixtureAt = (step) => ({
  weight: trace().weight[step],
  mean: props.value.mean,
  variance: trace().variance[step],
});
const whole = (mixture) =>
  mixture.variance.every((one) => one !== null) && mixture.weight.every((one) => one !== null);

/** The step whose mixture the responsibilities on screen come from. */
const explainedStep = () => (place % 2 ? stepNow() : Math.max(stepNow() - 1, 0));

let explainedOf = "";
let explainedNow = [];
function responsibilitiesNow() {
  const mixture = mixtureAt(explainedStep());
  const key = JSON.stringify(mixture);
  if (key !== explainedOf) [explainedOf, explainedNow] = [key, responsibilities(mixture)];
  return explainedNow;
}
