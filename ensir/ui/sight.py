"""Scripts that bring into sight what a press leads to, where a small screen has it below."""

from __future__ import annotations

import json

# On a wide screen the result stands beside the form, and nothing moves. Who has gone elsewhere
# meanwhile is left there.
SCRIPT = """
async () => {
  await new Promise((done) => setTimeout(done, 50)); // until what came is laid out
  const { block, ...ids } = %s;
  const there = Object.values(ids).map((id) => document.getElementById(id));
  if (there.includes(null)) return;
  const [target, pressed, result] = there;
  const place = (element) => element.getBoundingClientRect();
  const { top, bottom, right } = place(pressed);
  const isBelow = place(result).left < right;
  const isThere = bottom > 0 && top < innerHeight;
  const isEditing = document.activeElement?.matches("input, select, textarea");
  if (isEditing || !isBelow || !isThere || place(target).top < innerHeight / 2) return;
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  target.scrollIntoView({ behavior: isCalm ? "auto" : "smooth", block });
}
"""


def result_script(result: str, beside: str) -> str:
    """Brings a result to the top, for a visitor who still sees what stands beside the button."""
    return SCRIPT % _named(result, beside, result, "start")


def progress_script(progress: str, pressed: str, result: str) -> str:
    """Brings the progress of a press into sight, where the result would stand below it."""
    return SCRIPT % _named(progress, pressed, result, "center")


def _named(target: str, pressed: str, result: str, block: str) -> str:
    return json.dumps({"target": target, "pressed": pressed, "result": result, "block": block})
