// The walk: which step is shown, and what its buttons do.

const SHOWN = {
  1: ["pixel"],
  2: ["pixel"],
  3: ["responsibilities", "toy"],
  4: ["toy", "scores"],
  5: ["pixel"],
  6: ["distance", "leaders"],
};
const FIGURES = [...new Set(Object.values(SHOWN).flat())];
const navButtons = all("nav button");
const titles = all("nav button span").map((title) => title.textContent);
let step = 1;
let isInvented = false; // the pixel's values are those of a failure

function draw() {
  if (SHOWN[step].includes("pixel")) drawPixel(step);
  if (SHOWN[step].includes("toy")) drawToy(step);
  if (SHOWN[step].includes("distance")) {
    drawDistance();
    drawLeaders();
  }
}

function goTo(wanted) {
  step = clamp(wanted, 1, STEPS);
  if (isInvented && step !== 5) {
    examplePixel();
    isInvented = false;
  }
  all("article").forEach((article, at) => (article.hidden = at + 1 !== step));
  for (const name of FIGURES) find(`figure.${name}`).hidden = !SHOWN[step].includes(name);
  navButtons.forEach((button, at) =>
    at + 1 === step
      ? button.setAttribute("aria-current", "step")
      : button.removeAttribute("aria-current"),
  );
  enable([
    [find(".back"), step > 1],
    [find(".next"), step < STEPS],
  ]);
  find(".next span").textContent = step === STEPS ? "" : `: ${titles[step]}`;
  live("step", `Step ${step} of ${STEPS}`);
  sizes = new WeakMap(); // what was hidden had no size
  draw();
  if (root.getBoundingClientRect().top < 0) root.scrollIntoView();
}

/** A failure on the pixel of step 5. The button pressed is hidden then: the focus goes along. */
function showOnPixel(invent) {
  invent();
  isInvented = true;
  goTo(5);
  navButtons[4].focus();
}

/** A mark in the colour of a model. */
function swatch(model) {
  const mark = Object.assign(document.createElement("i"), { className: "swatch" });
  mark.style.background = colours[model];
  return mark;
}

function buildLookup() {
  find(".lookup tbody").replaceChildren(
    ...names.map((name, model) => {
      const row = document.createElement("tr");
      const head = Object.assign(document.createElement("th"), { scope: "row" });
      head.append(swatch(model), name);
      row.append(head);
      for (let cell = 0; cell < 4; cell += 1) row.insertCell();
      return row;
    }),
  );
}

const DO = {
  half: () => (place = Math.min(place + 1, lastPlace())),
  end: () => (place = lastPlace()),
  start: () => (place = 1),
  pixel: resetPixel,
  miss: () => showOnPixel(missAll),
  unseen: () => showOnPixel(neverSeen),
  toy: resetToy,
};

resetPixel();
resetToy();
buildPixel();
buildToy();
buildLookup();
all(".swatch.a").forEach((mark) => (mark.style.background = colours[0]));
all(".swatch.b").forEach((mark) => (mark.style.background = colours[1]));
live("cell", example.cell);
live("same-values", example.same_values);
live("same-gain", example.same_gain);
find(".key").append(
  ...names.map((name, model) => {
    const entry = document.createElement("span");
    entry.append(swatch(model), name);
    return entry;
  }),
);
fields.start.value = 0.3;
fields.width.addEventListener("change", () => {
  width = Number(fields.width.value);
  draw();
});
fields.share.addEventListener("input", () => {
  toy.share = Number(fields.share.value);
  renewToy();
  draw();
});
fields.start.addEventListener("input", draw);
all("[data-do]").forEach((button) =>
  button.addEventListener("click", () => {
    DO[button.dataset.do]();
    draw();
  }),
);
navButtons.forEach((button, at) => button.addEventListener("click", () => goTo(at + 1)));
find(".back").addEventListener("click", () => goTo(step - 1));
find(".next").addEventListener("click", () => goTo(step + 1));
drawnToSize(root, draw);
goTo(1);
