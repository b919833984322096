// Pointers and keys, turned into what the viewer can do.

// A press that moves less is a click. CSS pixels; fingers tremble.
const CLICK_WITHIN = { mouse: 3, pen: 5, touch: 10 };

const placeIn = (element, event) => {
  const box = element.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
};

const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
const between = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });

function listenToPointers(panel) {
  const { frame, viewer } = panel;
  const down = new Map(); // by pointer: where it is
  let start = null; // of a press that may still be a click
  let corner = null; // of a rectangle being drawn
  let pinch = null; // what two fingers hold

  const endsClick = (event, point) =>
    start && distance(start, point) >= (CLICK_WITHIN[event.pointerType] ?? 3);

  frame.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest(".handle")) return;
    frame.focus({ preventScroll: true });
    frame.setPointerCapture(event.pointerId);
    const point = placeIn(frame, event);
    down.set(event.pointerId, point);
    start = down.size === 1 ? point : null;
    pinch = down.size === 2 ? viewer.look.pinchOf(...down.values()) : null;
    corner = down.size === 1 && (event.shiftKey || viewer.isSelecting) ? viewer.look.pixelAt(point) : null;
  });

  frame.addEventListener("pointermove", (event) => {
    const point = placeIn(frame, event);
    const before = down.get(event.pointerId);
    viewer.hoverAt(panel, event.pointerType === "touch" ? null : point);
    if (!before) return;
    if (endsClick(event, point)) start = null;
    if (corner) {
      if (!start) viewer.select(rectangle(corner, viewer.look.nearestPixel(point)), false);
    } else if (down.size === 1) {
      if (start) return; // not moved yet: a click must not shift the picture
      viewer.look.pan(point.x - before.x, point.y - before.y);
    } else if (pinch) {
      down.set(event.pointerId, point);
      const [one, other] = down.values();
      viewer.look.anchor(pinch.place, between(one, other), pinch.scale * distance(one, other));
    }
    down.set(event.pointerId, point);
  });

  const end = (event, isClick) => {
    const point = placeIn(frame, event);
    if (!down.delete(event.pointerId)) return;
    if (corner && !start) viewer.select(rectangle(corner, viewer.look.nearestPixel(point)), true);
    else if (isClick && start && !down.size) viewer.pick(viewer.look.pixelAt(start));
    start = corner = null;
  };
  frame.addEventListener("pointerup", (event) => end(event, true));
  frame.addEventListener("pointercancel", (event) => end(event, false));
  frame.addEventListener("pointerleave", () => viewer.hoverAt(panel, null));

  frame.addEventListener("wheel", (event) => {
    // A page must not get stuck in a picture that cannot become smaller.
    if (event.deltaY > 0 && viewer.look.isSmallest) return;
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1;
    const pixels = clamp(event.deltaY * lines * (event.ctrlKey ? 4 : 1), -240, 240);
    viewer.look.zoomBy(2 ** (-pixels / 240), placeIn(frame, event));
    viewer.hoverAt(panel, placeIn(frame, event));
  }, { passive: false });
}

/** The line between two layers: dragged, or moved by keys. */
function listenToHandle(panel) {
  const { handle, frame, viewer } = panel;
  const moveTo = (share) => viewer.setWipe(panel, share);
  handle.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    handle.focus({ preventScroll: true });
    handle.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  handle.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    moveTo(placeIn(frame, event).x / frame.clientWidth);
    event.stopPropagation();
  });
  handle.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -0.01, ArrowRight: 0.01, PageDown: -0.1, PageUp: 0.1 };
    const ends = { Home: 0, End: 1 };
    if (event.key in steps) moveTo(panel.wipe.share + steps[event.key]);
    else if (event.key in ends) moveTo(ends[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

const PAN_STEP = 48; // CSS pixels
const ARROWS = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
};
// By key; letters in lower case. The keys are listed for people in viewer.html.
const KEYS = {
  "+": (viewer) => viewer.look.zoomTo(true, viewer.hover),
  "=": (viewer) => viewer.look.zoomTo(true, viewer.hover),
  "-": (viewer) => viewer.look.zoomTo(false, viewer.hover),
  0: (viewer) => viewer.look.fit(),
  o: (viewer) => viewer.look.showActual(),
  w: (viewer) => viewer.toggleWipe(),
  "[": (viewer) => viewer.moveWipe(-0.02),
  "]": (viewer) => viewer.moveWipe(0.02),
  l: (viewer) => viewer.toggleLoupe(),
  h: (viewer) => viewer.toggleHighlight(),
  s: (viewer) => viewer.toggleSelecting(),
  a: (viewer) => viewer.selectVisible(),
  f: (viewer) => viewer.toggleFullScreen(),
  "?": (viewer) => viewer.help(),
  Enter: (viewer) => viewer.pickHere(),
  PageUp: (viewer) => viewer.flip(-1),
  PageDown: (viewer) => viewer.flip(1),
  Escape: (viewer) => viewer.clearSelection(),
};
const HELD = new Set(["r", " "]);

function listenToKeys(viewer, element) {
  const isTyped = ({ target }) => target.closest("select, input, textarea, dialog");
  const isPress = ({ target, key }) => target.closest("button") && (key === " " || key === "Enter");

  element.addEventListener("keydown", (event) => {
    if (isTyped(event) || isPress(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const digit = /^Digit([1-9])$/.exec(event.code) ?? /^([1-9])$/.exec(key);
    if (key in ARROWS) {
      const [dx, dy] = ARROWS[key];
      if (event.shiftKey) viewer.movePin(dx, dy);
      else viewer.look.pan(-dx * PAN_STEP, -dy * PAN_STEP);
    } else if (HELD.has(key)) {
      viewer.hold(true);
    } else if (KEYS[key]) {
      if (key === "Escape" && !viewer.selection) return;
      KEYS[key](viewer);
    } else if (digit) {
      viewer.chooseNumber(Number(digit[1]));
    } else {
      return;
    }
    event.preventDefault();
  });
  element.addEventListener("keyup", (event) => {
    if (HELD.has(event.key.toLowerCase())) viewer.hold(false);
  });
  element.addEventListener("focusout", (event) => {
    if (!element.contains(event.relatedTarget)) viewer.hold(false);
  });
  // A window that is left keeps no key down.
  window.addEventListener("blur", () => viewer.hold(false));
}
