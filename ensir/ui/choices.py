"""Between the fields of the page and the settings that a workspace and a link keep."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, cast

from ensir.settings import ALL_CHANNELS, Settings, read_settings
from ensir.ui.base_models import offered
from ensir.ui.events import View, Weights, on_task
from ensir.ui.layers import ALL
from ensir.ui.reference import FILE, NONE, OWN_TRUTH, SAMPLE

SOURCES = {SAMPLE: "sample", FILE: "file", OWN_TRUTH: "truth", NONE: "none"}
SOURCE_OF = {key: source for source, key in SOURCES.items()}
OF_WEIGHTS = len(fields(Weights))


def settings_of(
    task: str,
    strength: float,
    restorers: list[str] | None,
    eightfold: bool,
    *weights_and_view: Any,  # noqa: ANN401 - as a run takes them
) -> Settings:
    """What is chosen on the page. Raises InputError for a value that no field of ours holds."""
    weights = Weights(*weights_and_view[:OF_WEIGHTS])
    view = View(*weights_and_view[OF_WEIGHTS:])
    return read_settings(
        {
            "task": task,
            "strength": strength,
            "models": restorers or [],
            "eightfold": eightfold is True,
            "weights": SOURCES.get(weights.source) if isinstance(weights.source, str) else None,
            "bin_width": weights.bin_width,
            "method": weights.method,
            "trust": weights.trust,
            "soft": weights.soft is True,
            "map_kind": view.map_kind,
            "map_channel": ALL_CHANNELS if view.map_channel == ALL else view.map_channel,
            "map_opacity": view.map_opacity,
            "sort_by": view.sort_by,
            "channel": view.channel,
            "x": view.x,
            "y": view.y,
        }
    )


def weights_of(settings: Settings, file: str | None = None) -> Weights:
    """Where the weights come from by settings."""
    return Weights(
        source=SOURCE_OF[settings.weights],
        file=file,
        bin_width=settings.bin_width,
        method=settings.method,
        trust=settings.trust,
        soft=settings.soft,
    )


def view_of(settings: Settings) -> View:
    """What is looked at by settings."""
    return View(
        map_kind=settings.map_kind,
        map_channel=_map_channel(settings),
        x=settings.x,
        y=settings.y,
        channel=settings.channel,
        map_opacity=settings.map_opacity,
        sort_by=settings.sort_by,
    )


def chosen(settings: Settings) -> tuple[object, ...]:
    """Fields that no result fills as settings have them, in the order of `compare_page`.

    Base models that there are not here are left out.
    """
    models, strength, degrade = cast(
        tuple[dict[str, Any], ...], on_task(settings.task, None, False)
    )
    there = offered(settings.task)
    return (
        settings.task,
        {**strength, "value": settings.strength},
        {**degrade, "value": False},
        {**models, "value": [name for name in settings.models if name in there]},
        settings.eightfold,
        SOURCE_OF[settings.weights],
        settings.bin_width,
        settings.method,
        settings.trust,
        settings.soft,
        _map_channel(settings),
        settings.map_opacity,
    )


def _map_channel(settings: Settings) -> str:
    return ALL if settings.map_channel == ALL_CHANNELS else settings.map_channel
