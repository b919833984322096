// The walk: a pixel of the running example, whose values the reader drags (steps 1, 2 and 5), and a
// toy bin set of two models, whose means, deviations and data the reader drags (steps 3, 4 and 6).
// `props.value` has the example's numbers, made by the engine.

const root = element.querySelector(".learn");
const find = (selector) => root.querySelector(selector);
const all = (selector) => [...root.querySelectorAll(selector)];
const fields = Object.fromEntries(all("[data-field]").map((field) => [field.dataset.field, field]));
const example = props.value;
const { names, colours } = example;
const INK = "var(--body-text-color)";
const levels = [...Array(LEVELS).keys()];
const TOY_PIXELS = 1000;
const STEPS = 6;
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
const sum = (values) => values.reduce((total, one) => total + one, 0);

function live(name, text) {
  all(`[data-live="${name}"]`).forEach((place) => {
    place.textContent = text;
  });
}
