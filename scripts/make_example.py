"""Makes the candidates that the app opens on, and writes what they are beside them.

    python scripts/make_example.py

To be called when the weights for deraining change, their sample statistics, or anything else that
the scores follow from: their test says so.
"""

from __future__ import annotations

import json

from ensir.comparison import scores
from ensir.files import digest, write_whole
from ensir.images import write_image
from ensir.restorers import restore_with
from ensir.restorers.weights_folder import SHIPPED
from ensir.ui.example import ABOUT_STORED, RESTORERS, STORED, compare_example, rainy_picture


def main() -> int:
    made = restore_with(RESTORERS, rainy_picture(), lambda done, total: None, lambda: False)
    ABOUT_STORED.parent.mkdir(exist_ok=True)
    for name, candidate in made.items():
        write_image(STORED[name], candidate)
    weights = [SHIPPED / f"{path.stem}.safetensors" for path in STORED.values()]
    compared = compare_example(made)
    scores(compared)  # it keeps them
    about = {
        "weights": {path.name: digest(path.read_bytes()) for path in weights},
        "scores": compared.known_scores,
    }
    write_whole(ABOUT_STORED, (json.dumps(about, indent=2) + "\n").encode())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
