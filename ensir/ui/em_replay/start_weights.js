// The first weights, chosen with sliders that add up to 1; the engine traces EM from them anew.

const engine = asker((weights, asked) => {
  const { channel, number } = props.value;
  trigger("restart", { channel, number, weights, asked });
});

function buildSliders() {
  const { names, colours } = props.value;
  find(".sliders").replaceChildren(
    ...names.map((name, candidate) => {
      const label = document.createElement("label");
      const said = document.createElement("span");
      said.append(swatch(colours[candidate]), name);
      const slider = Object.assign(document.createElement("input"), {
        type: "range",
        min: 0,
        max: 1,
        step: 0.01,
      });
      slider.addEventListener("input", () => chosen(candidate));
      label.append(said, slider, document.createElement("output"));
      return label;
    }),
  );
}

const sliders = () => [...find(".sliders").querySelectorAll("input")];

function showStart(weights) {
  sliders().forEach((slider, candidate) => {
    slider.value = weights[candidate];
    slider.nextElementSibling.textContent = written(weights[candidate], 2);
  });
}

/** One weight was moved: the others share what is left as they shared it before. */
function chosen(moved) {
  const weights = sliders().map((slider) => Number(slider.value));
  const others = weights.reduce((sum, one, candidate) => sum + (candidate === moved ? 0 : one), 0);
  const left = 1 - weights[moved];
  const shared = weights.map((one, candidate) =>
    candidate === moved ? one : others ? (one / others) * left : left / (weights.length - 1),
  );
  showStart(shared);
  engine.ask(shared);
}
