"""What harms an image, seeded: for trying restorers and for training them.

An image is uint8 or uint16 (C, H, W) and stays so. It is harmed as its values are stored, not in
linear light, and rounded once, half up.
"""

from ensir.degradations.blur import motion_blur, shake_kernel
from ensir.degradations.compression import jpeg
from ensir.degradations.noise import gaussian_noise, poisson_gaussian_noise, poisson_noise
from ensir.degradations.rain import Rain, rainy
from ensir.degradations.resizing import larger, smaller

__all__ = [
    "Rain",
    "gaussian_noise",
    "jpeg",
    "larger",
    "motion_blur",
    "poisson_gaussian_noise",
    "poisson_noise",
    "rainy",
    "shake_kernel",
    "smaller",
]
