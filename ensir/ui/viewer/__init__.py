"""The viewer: layers of one picture in panels that pan and zoom together, as one component."""

from ensir.ui.viewer.layers import Layer, Legend, Values, ViewerValue, stored_mask, stored_values
from ensir.ui.viewer.viewer import viewer

__all__ = ["Layer", "Legend", "Values", "ViewerValue", "stored_mask", "stored_values", "viewer"]
