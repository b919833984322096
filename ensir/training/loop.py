"""The loop: steps towards a smaller loss, and all that is needed to go on after a kill.

A step is a function of the state before it: the crops depend on the seed and the step alone, so an
interrupted run that is resumed ends with the weights of an undisturbed one.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ensir.ensemble.levels import levels_of
from ensir.errors import InputError
from ensir.files import digest, shown_name, write_whole
from ensir.metrics import psnr
from ensir.progress import OnProgress
from ensir.restorers.architectures import ARCHITECTURES
from ensir.restorers.weights import Weights, pack, unpack, weights_bytes, write_weights
from ensir.training.data import WHITE, Degrade, batch, middle, read_photos
from ensir.training.losses import restoration_loss
from ensir.training.recipes import RECIPES, Recipe

STATE_FORMAT = "ensir training 1"
LARGEST_GRADIENT = 1.0  # its norm: a rare bad batch does not undo many good ones
LOWEST_RATE = 0.01  # of the peak, at the end
HELD_OUT_SIDE = 128  # pixels of the crop that a held-out photograph is judged by
SAVE_EVERY = 60  # seconds
CHECK_EVERY = 300  # seconds
FIRST_MOMENT, SECOND_MOMENT = "exp_avg", "exp_avg_sq"  # torch's names

Report = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Plan:
    """What a run of training is.

    The same plan on the same photographs, computed alike, gives the same weights.

    Raises InputError for a task or architecture that there is not, and for numbers out of range.
    """

    task: str  # a name in RECIPES
    architecture: str  # a name in ARCHITECTURES
    steps: int
    seed: int = 0
    rate: float = 3e-3  # of learning, at its peak
    warm_up: int = 200  # steps until the peak
    decay: float = 0.999  # of the moving average of the weights
    begun: int = 0  # the step of the weights that training begins with, which sets it; else 0

    def __post_init__(self) -> None:
        for what, name, known in (
            ("task", self.task, RECIPES),
            ("architecture", self.architecture, ARCHITECTURES),
        ):
            if name not in known:
                raise InputError(f"there is no {what} {name!r}: choose {', '.join(known)}")
        if self.steps < 1 or self.seed < 0 or not 0 < self.rate < 1 or not 0 <= self.decay < 1:
            raise InputError(
                "training takes 1 step or more, a seed of 0 or more, and a rate and a decay below "
                f"1, got {self.steps}, {self.seed}, {self.rate} and {self.decay}"
            )

    def rate_at(self, step: int) -> float:
        """The rate of learning: down a cosine, after a straight line up to it.

        >>> plan = Plan("denoising", "nafnet", steps=1200)
        >>> [round(plan.rate_at(step), 6) for step in (0, 199, 700, 1200)]
        [1.5e-05, 0.003, 0.001515, 3e-05]
        >>> round(replace(plan, begun=600).rate_at(600), 8)  # a 200th of what it then rises to
        5.28e-06
        """
        risen = self.begun + self.warm_up
        if step < risen:
            return self.rate_at(risen) * (step + 1 - self.begun) / self.warm_up
        done = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        wave = (1 + math.cos(math.pi * min(done, 1))) / 2
        return self.rate * (LOWEST_RATE + (1 - LOWEST_RATE) * wave)


class Training:
    """A network on its way: its weights, their moving average, and the moments of AdamW.

    With `half` its layers work in bfloat16, compiled; weights and loss stay float32, so that a
    state may be gone on from either way. With `weights` it begins with them, at their step: their
    moments were not kept, so that the rate rises once more. Raises InputError for weights of
    another task or architecture.
    """

    def __init__(
        self,
        plan: Plan,
        device: torch.device,
        half: bool = False,
        weights: Weights | None = None,
    ) -> None:
        self.device, self.half = device, half
        architecture = ARCHITECTURES[plan.architecture]
        begun, self.seconds, self.settings = 0, 0.0, architecture.small
        self.begun_with: str | None = None  # a digest of the weights
        if weights is not None:
            _require_fit(plan, weights)
            begun, self.seconds = weights.about["steps"], weights.about["seconds"]
            self.settings = weights.settings
            self.begun_with = digest(weights_bytes(weights))
        self.plan = replace(plan, begun=begun)
        self.step = self.plan.begun
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay
            torch.manual_seed(plan.seed)
            network = architecture.network(self.settings)
        if weights is not None:
            network.load_state_dict(weights.tensors)
        network = network.to(device)
        # Channels last: a third faster on a CPU.
        self.network: nn.Module = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network)
        self.average.eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), betas=(0.9, 0.99))
        if half:
            self.network.compile()  # bfloat16 alone is hardly faster on a CPU

    def advance(self, photos: Sequence[Tensor], recipe: Recipe) -> float:
        """One step; returns its loss."""
        begun = time.monotonic()
        degraded, clean = (
            it.to(self.device, memory_format=torch.channels_last)
            for it in batch(photos, recipe.degrade, recipe.crops, self.plan.seed, self.step)
        )
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.rate_at(self.step)
        self.optimizer.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            outputs = self.network(degraded)
        loss = restoration_loss(outputs, clean)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        self.optimizer.step()
        # A young average forgets the untrained weights faster.
        decay = min(self.plan.decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            pairs = zip(self.average.parameters(), self.network.parameters(), strict=True)
            for average, weight in pairs:
                average.lerp_(weight, 1 - decay)
        self.step += 1
        self.seconds += time.monotonic() - begun
        return loss.item()

    def save(self, path: Path) -> None:
        """Writes all that the next step depends on, whole or not at all."""
        tensors: dict[str, Tensor] = {}
        for name, weight, average in self._parameters():
            moments = self.optimizer.state[weight]
            tensors |= {
                f"weight.{name}": weight,
                f"average.{name}": average,
                f"first.{name}": moments[FIRST_MOMENT],
                f"second.{name}": moments[SECOND_MOMENT],
            }
        header = {
            "format": STATE_FORMAT,
            "plan": asdict(self.plan),
            "begun_with": self.begun_with,
            "settings": repr(self.settings),
            "step": self.step,
            "seconds": self.seconds,
        }
        write_whole(path, pack(tensors, header))

    def resume(self, path: Path) -> None:
        """Goes on from a saved state.

        Its plan must be this one but for the steps: with more of them it goes on, from where it
        is, on the rates of the longer run. Raises InputError for another plan, for one begun with
        other weights, and for another file.
        """
        tensors, header = unpack(path, STATE_FORMAT)
        # States of before say less: they began with no weights, or do not say with which.
        plan = {"begun": 0, **header["plan"], "steps": self.plan.steps}
        begun_with = header.get("begun_with", self.begun_with)
        found = plan, begun_with, header["settings"]
        if found != (asdict(self.plan), self.begun_with, repr(self.settings)):
            raise InputError(
                f"{shown_name(path)} was begun by another plan or network: go on with the same "
                "task, architecture, seed and weights, or choose another state"
            )
        self.step, self.seconds = header["step"], header["seconds"]
        with torch.no_grad():
            for name, weight, average in self._parameters():
                weight.copy_(tensors[f"weight.{name}"])
                average.copy_(tensors[f"average.{name}"])
                self.optimizer.state[weight] = {
                    "step": torch.tensor(float(self.step - self.plan.begun)),
                    FIRST_MOMENT: torch.empty_like(weight).copy_(tensors[f"first.{name}"]),
                    SECOND_MOMENT: torch.empty_like(weight).copy_(tensors[f"second.{name}"]),
                }

    def weights(self, **about: object) -> Weights:
        """The averaged weights and what is known of them."""
        said = {
            "steps": self.step,
            "planned_steps": self.plan.steps,
            "seed": self.plan.seed,
            "rate": self.plan.rate,
            "seconds": round(self.seconds),
            "date": datetime.now(UTC).date().isoformat(),
            **about,
        }
        tensors = {name: it.cpu() for name, it in self.average.state_dict().items()}
        return Weights(self.plan.task, self.plan.architecture, self.settings, tensors, said)

    def _parameters(self) -> list[tuple[str, nn.Parameter, nn.Parameter]]:
        """Name, weight and average; what is used in several places stands here once."""
        averages = dict(self.average.named_parameters())
        return [(name, it, averages[name]) for name, it in self.network.named_parameters()]


def train(
    plan: Plan,
    folder: Path,
    state: Path,
    output: Path,
    *,
    minutes: float = math.inf,
    device: str = "cpu",
    half: bool = False,
    weights: Weights | None = None,
    report: Report = lambda line: None,
    on_progress: OnProgress = lambda done, total: None,
) -> Weights:
    """Trains until the plan's steps are done or the minutes are over, and returns the weights.

    It begins with `weights`, or with none. `state` is gone on from if it is there, begun with the
    same, and written about every minute; `output` gets the averaged weights about every five
    minutes and at the end, and `report` is told the step, the seconds, the mean loss and the
    held-out PSNR by check. Held-out photographs are never trained on. At least one step is made,
    unless all are done. `half` computes the layers in bfloat16, compiled: faster after a minute or
    two of compiling, which needs a C++ compiler.

    Raises InputError for photographs, weights or a state that do not fit.
    """
    recipe = RECIPES[plan.task]
    training = Training(plan, torch.device(device), half, weights)
    photos, kept = read_photos(folder)
    recipe.crops.require_room({**photos, **kept})
    learned_from = list(photos.values())
    if state.exists():
        training.resume(state)
    data = f"{len(photos)} photographs of {shown_name(folder)}"
    degraded = held_out_psnr(lambda levels: levels, kept, recipe.checks)
    losses: list[float] = []

    def publish() -> Weights:
        scores = held_out_psnr(partial(restored, training.average), kept, recipe.checks)
        weights = training.weights(
            data=data, held_out=len(kept), psnr=scores, degraded_psnr=degraded
        )
        write_weights(weights, output)
        loss = sum(losses) / len(losses) if losses else math.nan
        report({"step": training.step, "seconds": training.seconds, "loss": loss, **scores})
        losses.clear()
        return weights

    begun = saved = checked = time.monotonic()
    while training.step < plan.steps:
        losses.append(training.advance(learned_from, recipe))
        on_progress(training.step, plan.steps)
        now = time.monotonic()
        if now - begun > 60 * minutes:
            break
        if now - saved > SAVE_EVERY:
            training.save(state)
            saved = now
        if now - checked > CHECK_EVERY:
            publish()
            checked = time.monotonic()
    training.save(state)
    return publish()


def _require_fit(plan: Plan, weights: Weights) -> None:
    """Raises InputError for weights that the plan does not go on with."""
    wanted, found = (f"{it.architecture} for {it.task}" for it in (plan, weights))
    if found != wanted:
        raise InputError(f"the weights are of {found}, wanted {wanted}: choose other weights")
    steps, seconds = (weights.about.get(what) for what in ("steps", "seconds"))
    if not isinstance(steps, int) or not isinstance(seconds, int) or min(steps, seconds) < 0:
        raise InputError(
            "the weights do not say how many steps and seconds they were trained for: choose "
            "weights that ensir train wrote"
        )
    if steps >= plan.steps:
        raise InputError(
            f"the weights were trained for {steps} steps, wanted fewer than the {plan.steps} "
            "planned: plan more steps"
        )


def held_out_psnr(
    restore: Callable[[Tensor], Tensor],
    photos: Mapping[str, Tensor],
    checks: Mapping[str, Degrade],
) -> dict[str, float]:
    """The mean PSNR, in dB, on the middle of each photograph, by check; rounded to 0.01.

    `restore` takes and gives levels, uint8 (3, H, W). The photograph's place in the order of names
    is the seed, so that every network sees the same.
    """
    scores: dict[str, float] = {}
    for check, degrade in checks.items():
        total = 0.0
        for place, name in enumerate(sorted(photos)):
            truth = middle(photos[name], HELD_OUT_SIDE)
            total += psnr(restore(degrade(truth, np.random.default_rng(place))), truth)
        scores[check] = round(total / len(photos), 2)
    return scores


@torch.inference_mode()
def restored(network: nn.Module, degraded: Tensor) -> Tensor:
    """What a network makes of levels: uint8 (3, H, W), sides as the network wants, to the same.

    On the network's device and back to the CPU.
    """
    device = next(network.parameters()).device
    outputs = network(degraded.unsqueeze(0).to(device).float() / WHITE)
    final = outputs if isinstance(outputs, Tensor) else outputs[0]
    return levels_of(final[0] * WHITE).cpu()
