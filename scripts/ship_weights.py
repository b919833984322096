"""Copies trained weights into assets/weights and writes what they are beside them.

    python scripts/ship_weights.py FOLDER

FOLDER holds what `ensir train` wrote, as TASK-ARCHITECTURE.safetensors. Without it only the
card is written again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ensir.files import write_whole
from ensir.restorers.architectures import ARCHITECTURES
from ensir.restorers.weights import Weights, load_weights
from ensir.training.recipes import RECIPES

WEIGHTS = Path(__file__).parent.parent / "assets" / "weights"

HEAD = """# Weights of our own small networks

Three networks for each task, written from the papers of MPRNet, NAFNet and Restormer, much smaller
than the published ones, and trained by this project from nothing. No weight of the authors is in
them.

**Licence**: the code that made them is MIT; the photographs they learned from are BSDS500
(Arbelaez, Maire, Fowlkes, Malik, TPAMI 2011), for research and education, and so are the weights.

**Trained on** 350 photographs of BSDS500, its train and test parts but for every eighth by name, in
steps of 4 crops of 64 × 64 pixels (for deblurring, after the first 1,000 steps, 2 of 96 × 96),
turned and mirrored: Charbonnier loss and a tenth of the absolute difference of the Fourier
coefficients, AdamW, a cosine after 200 steps of warm-up, averaged weights. The networks of a task
start from different seeds and are trained for the same number of steps.

**Judged on** the 50 photographs left out: 128 × 128 pixels in the middle of each, degraded as the
column says, RGB, whole levels.

Noise, rain, blur and down-sampling are those of `ensir.degradations`; what each task draws is in
`ensir/training/recipes.py`. They are made, not photographed: expect less on real pictures. Rain
streaks are straight and grey, blur is the same everywhere and of paths up to 14 pixels, and a
super-resolution network takes the picture enlarged four times by `ensir.degradations.larger`.

"""

TAIL = """
PSNR in dB. Minutes are those of one thread on a machine with two cores and other work to do.

## Train one, or go on training it

```
python -m ensir train denoising nafnet --photos PHOTOS --steps 5000 --rate 0.001 --seed 2 \\
    -o denoising-nafnet.safetensors
```

The state is kept beside the output, and the same command goes on from it; with more `--steps` a
finished run goes on as well. Where there is no state, `--weights FILE` begins with weights such as
these, at the step they have reached: that is how those of more than one evening were made, the rate
rising anew each time. `python scripts/ship_weights.py FOLDER` copies what is in a folder here and
writes this page.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    folder = parser.parse_args().folder
    names = [f"{task}-{kind}.safetensors" for task in RECIPES for kind in ARCHITECTURES]
    for name in names if folder else []:
        if (folder / name).exists():
            load_weights(folder / name)  # nothing is shipped that cannot be read
            write_whole(WEIGHTS / name, (folder / name).read_bytes())
    shipped = [load_weights(WEIGHTS / name) for name in names if (WEIGHTS / name).exists()]
    tables = [table(task, [it for it in shipped if it.task == task]) for task in RECIPES]
    write_whole(WEIGHTS / "README.md", (HEAD + "\n".join(filter(None, tables)) + TAIL).encode())
    return 0


def table(task: str, shipped: list[Weights]) -> str:
    """What is known of the networks of a task, as a table of Markdown."""
    if not shipped:
        return ""
    checks = ", ".join(RECIPES[task].checks)
    lines = [
        f"## {task.capitalize()}",
        "",
        f"| file | parameters | steps | minutes | rate | seed | date | PSNR at {checks} |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines.append(
        f"| as it came | | | | | | | {decibels(task, shipped[0].about['degraded_psnr'])} |"
    )
    for weights in shipped:
        about = weights.about
        count = sum(it.numel() for it in weights.network().parameters())
        cells = [
            f"`{weights.task}-{weights.architecture}.safetensors`",
            f"{count:,}",
            f"{about['steps']:,}",
            f"{about['seconds'] / 60:.0f}",
            about["rate"],
            about["seed"],
            about["date"],
            decibels(task, about["psnr"]),
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*lines, ""])


def decibels(task: str, scores: dict[str, float]) -> str:
    """The scores in the order of the checks: a header keeps none."""
    return ", ".join(f"{scores[check]:.2f}" for check in RECIPES[task].checks)


if __name__ == "__main__":
    raise SystemExit(main())
