// Buttons that can be pressed: one that is disabled would lose the focus to nobody.

const isFocused = (one) => one.getRootNode().activeElement === one;

/** Enables some of the buttons, [[button, whether]]; a focus that would be lost goes to one of
    these, or to `heir` where there is none. */
function enable(buttons, heir) {
  const isLost = buttons.some(([button, can]) => !can && isFocused(button));
  for (const [button, can] of buttons) button.disabled = !can;
  if (!isLost) return;
  const [next] = buttons.find(([, can]) => can) ?? [heir];
  next.focus({ preventScroll: true });
}
