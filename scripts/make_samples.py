"""Makes the sample statistics: photographs, noise, our restorers, and `ensir fit`.

    python scripts/make_samples.py PHOTOS

PHOTOS is a folder of clean photographs (BSDS500 for the shipped file). No pixel of them is kept.
The same packages on the same machine give the same bytes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from ensir.__main__ import main as ensir
from ensir.degradations import gaussian_noise
from ensir.images import read_image, write_image
from ensir.reference_set import GROUND_TRUTH
from ensir.restorers import RESTORERS

SIGMA = 25
PHOTOS = 24  # 3 MB of statistics
BIN_WIDTH = 8  # every multiple of it has its table too
SAMPLES = Path(__file__).parent.parent / "sample_luts"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    photos = sorted(parser.parse_args().photos.glob("*.jpg"))
    chosen = photos[:: max(1, len(photos) // PHOTOS)][:PHOTOS]
    names = list(RESTORERS)
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / f"{PHOTOS} photos of BSDS500, gaussian noise of sigma {SIGMA}"
        for name in (GROUND_TRUTH, *names):
            (folder / name).mkdir(parents=True)
        for seed, photo in enumerate(chosen):
            truth = read_image(photo)
            noisy = gaussian_noise(truth, SIGMA, seed)
            write_image(folder / GROUND_TRUTH / f"{photo.stem}.png", truth)
            for name, restorer in RESTORERS.items():
                candidate = restorer.restore(noisy, lambda done, total: None, lambda: False)
                write_image(folder / name / f"{photo.stem}.png", candidate)
            print(f"{seed + 1} of {len(chosen)}: {photo.name}")
        table = SAMPLES / f"noise{SIGMA}_b{BIN_WIDTH}.safetensors"
        chosen_width = ["--bin-width", str(BIN_WIDTH)]
        done = ensir(["fit", str(folder), "--candidates", *names, *chosen_width, "-o", str(table)])
        table.unlink(missing_ok=True)  # tables of any width are fitted from the statistics
        return done


if __name__ == "__main__":
    raise SystemExit(main())
