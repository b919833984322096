"""What the scripts of the components that teach share: charts, mixtures, focus, how to ask."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent
CHARTS_JS, CHARTS_CSS = _HERE / "charts.js", _HERE / "charts.css"
MIXTURE_JS = _HERE / "mixture.js"
ASKING_JS = _HERE / "asking.js"
FOCUS_JS = _HERE / "focus.js"


def joined(*paths: Path) -> str:
    """The texts of files, one after the other."""
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)
