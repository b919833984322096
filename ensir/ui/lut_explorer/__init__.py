"""The explorer of a lookup table, as one component."""

from ensir.ui.lut_explorer.lut_explorer import explorer_of, lut_explorer_panel, on_look

__all__ = ["explorer_of", "lut_explorer_panel", "on_look"]
