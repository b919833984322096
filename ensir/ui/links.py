"""A link that opens the page as it is set: the button that copies it, and what it does then."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import gradio as gr

from ensir.settings import Settings
from ensir.ui import views
from ensir.ui.addresses import Link, query_of, read_query
from ensir.ui.choices import chosen, settings_of, view_of, weights_of
from ensir.ui.errors import say_input_errors
from ensir.ui.events import NEW_INPUT, RESTORE, on_run
from ensir.ui.example import example_files, example_pictures

COPY_LABEL = "Copy link"
# The page knows best under which address it was reached: behind a proxy Python would not.
COPY = """
async (query) => {
  const address = location.origin + location.pathname + query;
  try {
    await navigator.clipboard.writeText(address);
    return [address, "✓ Copied"];
  } catch {
    return [address, "Copy it from below"]; // a browser may refuse
  }
}
"""
LABEL_AGAIN = f"() => new Promise((done) => setTimeout(() => done('{COPY_LABEL}'), 2500))"


@say_input_errors
def on_copy(
    picture: str | None,
    task: str,
    strength: float,
    restorers: list[str] | None,
    eightfold: bool,
    *weights_and_view: Any,  # noqa: ANN401 - as a run takes them
) -> object:
    """Shows the query of an address with what is chosen; the page puts its own place before it."""
    settings = settings_of(task, strength, restorers, eightfold, *weights_and_view)
    return gr.update(value=query_of(settings, _example_of(picture, settings)), visible=True)


@say_input_errors
def on_arrive(inputs: int, request: gr.Request) -> object:
    """Sets the fields as the address of the page says; one without settings changes nothing."""
    link = read_query(dict(request.query_params))
    if link is None:
        return gr.skip()
    settings, view = link.settings, view_of(link.settings)
    return (
        link,
        gr.update(value=views.notes(*link.ignored), visible=bool(link.ignored)),
        views.notes(NEW_INPUT),
        inputs + 1,
        RESTORE,
        *example_pictures(link.example, settings.task, settings.strength),
        *(view.map_kind, view.x, view.y),
        gr.skip() if view.sort_by is None else view.sort_by,
        *chosen(settings),
    )


@say_input_errors
def on_linked(
    link: Link | None,
    picture: str | None,
    truth: str | None,
    inputs: int,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio hands it over
) -> Generator[object, None, None]:
    """Restores and fuses the example of an address; the channel comes with its result."""
    if link is None:
        return
    settings = link.settings
    steps = on_run(
        start=RESTORE,
        picture=picture,
        task=settings.task,
        degrade=False,
        strength=settings.strength,
        restorers=list(settings.models),
        eightfold=settings.eightfold,
        own_files=None,
        crop=False,
        truth=truth,
        inputs=inputs,
        **vars(weights_of(settings)),
        **vars(view_of(settings)),
        progress=progress,
    )
    for step in steps:
        yield (*step, settings.channel) if isinstance(step, tuple) else step


def _example_of(picture: str | None, settings: Settings) -> str | None:
    """The name of the example that the picture is of, degraded as the settings say."""
    for path in example_files():
        noisy, _ = example_pictures(path, settings.task, settings.strength)
        if picture is not None and Path(noisy).resolve() == Path(picture).resolve():
            return path.stem
    return None
