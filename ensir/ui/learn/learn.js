// The walk: which step is shown, and what its buttons do.

const SHOWN = {
  1: ["pixel"],
  2: ["pixel"],
  3: ["responsibilities", "toy"],
  4: ["responsibilities", "toy", "scores"],
  5: ["pixel"],
  6: ["distance"],
};
let step = 1;

function draw() {
  if (SHOWN[step].includes("pixel")) drawPixel(step);
  if (SHOWN[step].includes("toy")) drawToy(step);
  if (SHOWN[step].includes("distance")) drawDistance();
}

function goTo(wanted) {
  step = clamp(wanted, 1, STEPS);
  if (step === 3) place = 0;
  all("article").forEach((article, at) => (article.hidden = at + 1 !== step));
  for (const name of ["pixel", "responsibilities", "toy", "scores", "distance"])
    find(`figure.${name}`).hidden = !SHOWN[step].includes(name);
  all("nav button").forEach((button, at) =>
    at + 1 === step
      ? button.setAttribute("aria-current", "step")
      : button.removeAttribute("aria-current"),
  );
  find(".back").disabled = step === 1;
  find(".next").disabled = step === STEPS;
  live("step", `Step ${step} of ${STEPS}`);
  sizes = new WeakMap(); // what was hidden had no size
  draw();
}

function buildLookup() {
  find(".lookup tbody").replaceChildren(
    ...names.map((name, model) => {
      const row = document.createElement("tr");
      const head = Object.assign(document.createElement("th"), { scope: "row" });
      const mark = Object.assign(document.createElement("i"), { className: "swatch" });
      mark.style.background = colours[model];
      head.append(mark, name);
      row.append(head);
      for (let cell = 0; cell < 4; cell += 1) row.insertCell();
      return row;
    }),
  );
}

const DO = {
  half: () => (place = Math.min(place + 1, lastPlace())),
  end: () => (place = lastPlace()),
  start: () => (place = 0),
  pixel: resetPixel,
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
live("diagonal", example.diagonal);
live("moved-same", example.moved_same);
live("moved-other", example.moved_other);
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
all("nav button").forEach((button, at) => button.addEventListener("click", () => goTo(at + 1)));
find(".back").addEventListener("click", () => goTo(step - 1));
find(".next").addEventListener("click", () => goTo(step + 1));
drawnToSize(root, draw);
goTo(1);
