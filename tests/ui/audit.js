// What the tests of accessibility ask of a page in the browser; run before the page's own scripts.
(() => {
  const CONTROLS = `a[href], button, input, select, textarea, summary, [contenteditable=true],
    [tabindex], [role=button], [role=checkbox], [role=combobox], [role=link], [role=option],
    [role=radio], [role=slider], [role=switch], [role=tab]`;
  const HEARD = ["click", "mousedown", "pointerdown", "keydown"];
  const heard = new WeakSet(); // what has handlers of its own
  const add = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function listen(kind, ...rest) {
    if (this instanceof Element && HEARD.includes(kind)) heard.add(this);
    return add.call(this, kind, ...rest);
  };

  // Of what an SVG does not show, the first alone says that it is seen.
  const seen = (element) =>
    element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;
  const named = (element) =>
    [
      element.tagName.toLowerCase(),
      element.closest("[id]")?.id && `in #${element.closest("[id]").id}`,
      element.getAttribute("aria-label") ?? element.textContent.trim().slice(0, 40),
    ]
      .filter(Boolean)
      .join(" ");

  // The walk with Tab

  const HALF_A_WORD = ".prose, gradio-app"; // Gradio listens there to every HTML
  const isOff = (element) => element.matches(":disabled") || element.closest("[inert], [aria-hidden=true]");

  function controls(root) {
    return [...root.querySelectorAll("*")].filter(
      (element) =>
        (element.matches(CONTROLS) || (heard.has(element) && !element.matches(HALF_A_WORD))) &&
        seen(element) &&
        !isOff(element),
    );
  }

  /** Whether a walk came by: at it, in it, around it, or at another of its group. */
  function isReached(element, reached) {
    if (reached.some((one) => element.contains(one))) return true;
    if (element.matches("button input[type=file]")) return true; // the button opens it
    if (element.matches("[role=listbox], [role=option]")) return true; // arrow keys of a combobox
    const group = element.matches("input[type=radio]") && element.name;
    return Boolean(group) && reached.some((one) => one.name === group);
  }

  /** All that can show where the focus is: the element's own look, its label's, its halo's. */
  function look(element) {
    return [[element], [element, "::after"], [element.closest("label")], [element.querySelector(".halo")]]
      .filter(([one]) => one)
      .map(([one, part]) => {
        const style = getComputedStyle(one, part);
        return [style.outlineStyle, style.outlineWidth, style.boxShadow, style.borderColor, style.stroke];
      })
      .join();
  }

  let walk = null;

  /** The next Tab goes to the first element of what is walked through. */
  function begin(selector) {
    const root = document.querySelector(selector);
    const top = document.createElement("i");
    top.tabIndex = -1;
    root.prepend(top);
    document.activeElement?.blur();
    walk = { root, controls: controls(root), reached: [], unseen: [], isDone: false };
    walk.before = new Map(walk.controls.map((element) => [element, look(element)]));
    top.focus();
    top.remove();
  }

  add.call(
    document,
    "keydown",
    ({ key }) => {
      const element = document.activeElement;
      if (key !== "Tab" || !walk || walk.isDone) return;
      if (element === document.body) return; // on the way round, or what had it is gone
      walk.isDone = walk.reached.length > 0 && !walk.root.contains(element);
      walk.isDone ||= element === walk.reached[0] && walk.reached.length > 1;
      if (walk.isDone || element === walk.reached.at(-1)) return;
      walk.reached.push(element);
      const box = element.getBoundingClientRect();
      const isIn = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
      if (look(element) === walk.before.get(element) || !isIn) walk.unseen.push(named(element));
    },
    true,
  );

  function end() {
    const { reached, unseen, isDone } = walk;
    const missed = walk.controls.filter((element) => seen(element) && !isReached(element, reached));
    walk = null;
    return { count: reached.length, isDone, unseen, missed: missed.map(named) };
  }

  // Contrast

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const read = new Map();
  function rgba(colour) {
    if (!read.has(colour)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
      read.set(colour, [red, green, blue, alpha / 255]);
    }
    return read.get(colour);
  }
  const over = ([red, green, blue, alpha], below) =>
    [red, green, blue].map((level, at) => alpha * level + (1 - alpha) * below[at]);
  const light = (levels) =>
    levels
      .map((level) => level / 255)
      .map((level) => (level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4))
      .reduce((sum, level, at) => sum + level * [0.2126, 0.7152, 0.0722][at], 0);
  const ratio = (one, other) => {
    const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  /** What lies beneath: on a picture, the worse of black and white. */
  function grounds(element) {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const colour = rgba(getComputedStyle(one).backgroundColor);
      if (colour[3]) layers.unshift(colour);
      if (colour[3] === 1) return [layers.reduce((below, layer) => over(layer, below), [0, 0, 0])];
      if (one.matches(".frame")) break;
    }
    return [0, 255].map((level) =>
      layers.reduce((below, layer) => over(layer, below), [level, level, level]));
  }
  function opacity(element) {
    let share = 1;
    for (let one = element; one; one = one.parentElement) share *= getComputedStyle(one).opacity;
    return share;
  }
  function worst(colour, element, share = 1) {
    const [red, green, blue, alpha] = rgba(colour);
    return Math.min(
      ...grounds(element).map((ground) => ratio(over([red, green, blue, alpha * share], ground), ground)),
    );
  }

  /** Text of less than 4.5:1, 3:1 where it is large, and fields whose border has less than 3:1. */
  function pale(within) {
    const found = [];
    const root = document.querySelector(within);
    const elements = new Set(root.querySelectorAll("input:not([type=range], [type=file]), select, textarea"));
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      if (texts.currentNode.data.trim()) elements.add(texts.currentNode.parentElement);
    }
    for (const element of elements) {
      const box = element.getBoundingClientRect();
      if (!seen(element) || isOff(element) || !box.width || !box.height) continue;
      if (element.closest("option, script, style, title, desc, :disabled")) continue;
      const style = getComputedStyle(element);
      const share = opacity(element);
      if (!share) continue; // for those who listen
      const size = parseFloat(style.fontSize);
      const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
      const colour = element instanceof SVGElement ? style.fill : style.color;
      const text = worst(colour, element, share);
      const isBox = element.matches("[type=checkbox], [type=radio]");
      if (!isBox && text < (isLarge ? 3 : 4.5)) found.push(`${text.toFixed(2)} ${named(element)}`);
      const isField = element.matches("input") && !element.checked && parseFloat(style.borderTopWidth);
      const border = isField && worst(style.borderTopColor, element.parentElement, share);
      if (isField && border < 3) found.push(`${border.toFixed(2)} border of ${named(element)}`);
    }
    return found;
  }

  /** Pictures and plots without a word for those who listen, that are not hidden from them either. */
  function silent(within) {
    return [...document.querySelector(within).querySelectorAll("img, svg, canvas")]
      .filter((element) => {
        if (!seen(element) || element.closest("[aria-hidden=true]")) return false;
        if (element.parentElement.closest("svg, button, [role=button], [role=tab]")) return false;
        const words =
          element.getAttribute("alt") ??
          element.getAttribute("aria-label") ??
          element.querySelector(":scope > title")?.textContent;
        return !words && !element.matches("label svg, .icon-wrap svg");
      })
      .map((element) => `${named(element)} ${element.outerHTML.slice(0, 80)}`);
  }

  // Layout shifts, whatever the visitor pressed before: a run ends long after its click.
  let shift = 0;
  const shifts = new PerformanceObserver((list) => {
    for (const { value } of list.getEntries()) shift += value;
  });
  shifts.observe({ type: "layout-shift" });

  window.audit = {
    begin,
    end,
    isDone: () => walk.isDone,
    pale,
    silent,
    shift: () => shift,
    restless: () =>
      document.getAnimations().filter(({ effect }) => effect.getComputedTiming().endTime > 10)
        .map(({ effect, animationName }) => `${animationName} of ${named(effect.target)}`),
  };
})();
