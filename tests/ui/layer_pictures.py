"""What the viewer is to show, as the engine has it."""

from torch import Tensor

from ensir.comparison import Comparison
from ensir.maps import map_picture, map_values
from ensir.ui.layers import ALL, SOLID, maps_by_name, place_of, share_of
from ensir.ui.layers import layer_picture as picture_of


def layer_picture(
    comparison: Comparison, name: str, map_channel: str = ALL, opacity: float = SOLID
) -> Tensor:
    """A picture or map by name, (3, H, W) uint8."""
    if name in comparison.pictures:
        return picture_of(comparison, name)
    layer = maps_by_name(comparison, place_of(map_channel))[name]
    (values,) = map_values(comparison, layer)
    return map_picture(comparison, layer, values, share_of(opacity))
