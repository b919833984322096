// Words, controls and the clock of the replay.

function say() {
  const { score, stop } = trace();
  const step = stepNow();
  const half = place === 0 ? "the start" : place % 2 ? "E step done" : "M step done";
  const end = place === lastPlace() ? (stop === "breakdown" ? "broke down" : "converged") : half;
  const where = `step ${step + (place % 2)} of ${lastStep()}, ${end === "converged" && stop === "most steps" ? "step limit" : end}`;
  // A screen reader is told when the replay rests, not thirty times a second.
  find(".where").setAttribute("aria-live", playing ? "off" : "polite");
  find(".where").textContent = where[0].toUpperCase() + where.slice(1);
  find(".steps").setAttribute("aria-valuetext", where);
  find(".e-half").classList.toggle("fresh", place % 2 === 1);
  find(".m-half").classList.toggle("fresh", place > 0 && place % 2 === 0);
  const isEnd = place >= lastPlace();
  const halves = [find(".expect"), find(".maximise")].map((button, half) => [
    button,
    !isEnd && place % 2 === half,
  ]);
  for (const [button, isNext] of halves) button.classList.toggle("next", isNext);
  enable(halves, root);
  const gain = step && score[step] !== null ? score[step] - score[step - 1] : null;
  const last = step ? `Step ${step} raised it by ${written(gain, 7)} nats.` : "";
  const broken = place === lastPlace() && stop === "breakdown" ? props.value.breakdown : last;
  find(".stop-rule").textContent = `${props.value.rules[rule]} ${broken}`;
  props.value.names.forEach((_, candidate) => {
    const { weight, variance } = trace();
    const numbers = [weight[0], weight[step], weight[lastStep()]].map((one) => written(one[candidate]));
    [...numbers, written(variance[step][candidate], 1)].forEach((text, at) => {
      const cell = find("tbody").rows[candidate].cells[2 + at];
      if (cell.textContent !== text) cell.textContent = text; // else the table is laid out anew
    });
  });
}

function draw() {
  if (!trace()) return;
  drawResponsibilities();
  drawMixture();
  drawSteps();
  say();
}

const within = (wanted) => Math.min(Math.max(Math.round(wanted), 0), lastPlace());

/** Moves within a trace, drawing only what a half step changes. */
function goTo(wanted) {
  const before = { explained: explainedStep(), step: stepNow(), isStart: place === 0 };
  place = within(wanted);
  find(".steps").value = place;
  const isStart = place === 0;
  if (explainedStep() !== before.explained || isStart !== before.isStart) drawResponsibilities();
  if (stepNow() !== before.step) {
    drawMixture();
    drawSteps();
  }
  say();
}

/** Comes to rest in another trace. */
function open(wanted) {
  play(false);
  place = within(wanted);
  find(".steps").value = place;
  draw();
}

// Reduced motion: a step a second, so that nothing flickers.
const halvesASecond = () => 2 * (calm.matches ? 1 : Number(find(".speed select").value));

let clock = 0;

function play(on) {
  if (on === playing) return;
  playing = on;
  find(".play b").textContent = on ? "Pause" : "Play";
  find(".play path").setAttribute("d", on ? "M3 2h4v12H3zM9 2h4v12H9z" : "M4 2l10 6-10 6z");
  if (!on) return;
  if (place >= lastPlace()) goTo(0);
  let [before, exact] = [performance.now(), place];
  clock += 1;
  const mine = clock; // an earlier one may still wait for its frame
  const tick = (now) => {
    if (!playing || mine !== clock || !element.isConnected) return;
    exact += ((now - before) / 1000) * halvesASecond();
    before = now;
    if (place !== Math.floor(exact)) goTo(Math.floor(exact));
    if (place < lastPlace()) requestAnimationFrame(tick);
    else toggle();
  };
  requestAnimationFrame(tick);
}

function toggle() {
  play(!playing);
  say();
}

function rest(wanted) {
  play(false);
  goTo(wanted);
}

/** Whose colour is whose, and the levels of its bin. */
function buildKey() {
  const { names, colours, ranges } = props.value;
  find(".key").replaceChildren(
    ...names.map((name, candidate) => {
      const entry = document.createElement("span");
      entry.append(swatch(colours[candidate]), `${name} ${ranges[candidate].join("–")}`);
      return entry;
    }),
  );
}

function buildTable() {
  const { names, colours, mean } = props.value;
  find("tbody").replaceChildren(
    ...names.map((name, candidate) => {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.append(swatch(colours[candidate]), name);
      row.append(head);
      for (let cell = 0; cell < 5; cell += 1) row.insertCell().className = cell === 2 ? "now" : "";
      row.cells[1].textContent = written(mean[candidate], 1);
      return row;
    }),
  );
}

function swatch(colour) {
  const mark = document.createElement("i");
  mark.className = "swatch";
  mark.style.background = colour;
  return mark;
}

function show() {
  const { value } = props;
  const ready = Boolean(value?.traces);
  engine.heard(value?.asked);
  find(".body").hidden = !ready;
  find(".rules").hidden = !ready;
  find(".empty").hidden = ready;
  find(".empty").textContent = value?.note ?? "";
  find(".which").textContent = ready ? value.title : "";
  if (!ready) return play(false);
  find(".insight").textContent = value.insight;
  const about = JSON.stringify([value.title, value.names, value.ranges]);
  // Only other first weights are asked for; the rest may be of another fit of the same bin set.
  const isNew = value.asked === undefined || subject !== about;
  subject = about;
  if (isNew) {
    buildKey();
    rule = value.rule;
    find(`[name="replay-rule"][value="${rule}"]`).checked = true;
    buildTable();
    buildSliders();
  }
  find(".steps").max = lastPlace();
  if (isNew || value.weights_from !== "chosen") showStart(trace().weight[0]);
  for (const [name, svg] of Object.entries(charts))
    svg.setAttribute("aria-label", value.spoken[name]);
  // A bin set opens on its result; other first weights open on the start, to be watched.
  open(isNew ? lastPlace() : 0);
}

find(".play").addEventListener("click", toggle);
find(".to-start").addEventListener("click", () => rest(0));
find(".to-end").addEventListener("click", () => rest(lastPlace()));
find(".expect").addEventListener("click", () => rest(place + 1));
find(".maximise").addEventListener("click", () => rest(place + 1));
find(".steps").addEventListener("input", (event) => rest(Number(event.target.value)));
find(".rules").addEventListener("change", (event) => {
  const share = place / Math.max(lastPlace(), 1);
  rule = event.target.value;
  find(".steps").max = lastPlace();
  showStart(trace().weight[0]);
  open(share === 1 ? lastPlace() : place);
});
find(".presets").addEventListener("click", ({ target }) => {
  if (target.dataset.weights) engine.ask(target.dataset.weights);
});
root.addEventListener("keydown", (event) => {
  if (event.target !== root || !trace()) return;
  const moves = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: lastPlace() };
  if (event.key === " ") toggle();
  else if (event.key in moves) rest(moves[event.key]);
  else return;
  event.preventDefault();
});
watch("value", show);
drawnToSize(root, draw);
show();
