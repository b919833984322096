"""What a visitor reads when something cannot be done."""

from __future__ import annotations

import errno
import functools
import inspect
import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any, ParamSpec, TypeVar

import gradio as gr

from ensir.errors import InputError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

log = logging.getLogger("ensir.ui")

FULL = (
    "there is not enough memory for this just now: take a smaller picture, fewer candidates or "
    "wider bins"
)
# By torch of a processor, by Python of a thread, and by OpenCV.
SAID_WHEN_FULL = ("can't allocate memory", "can't start new thread", "Insufficient memory")


def say_input_errors(event: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Turns an InputError into its sentence on screen and anything else into an error id.

    `functools.wraps` matters: Gradio finds `gr.SelectData` and `gr.Progress` by the signature. A
    generator yields once before it works: Gradio closes one at a stop only after its first step.
    """
    if inspect.isgeneratorfunction(event):

        @functools.wraps(event)
        def steps(*arguments: Parameters.args, **named: Parameters.kwargs) -> Iterator[object]:
            yield gr.skip()
            with _said():
                yield from event(*arguments, **named)

        return steps  # type: ignore[return-value]

    @functools.wraps(event)
    def once(*arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
        with _said():
            return event(*arguments, **named)

    return once


def told(event: gr.EventData, **kinds: type) -> list[Any]:
    """What an event says under these names, each of just the type it shall have.

    Raises InputError for an event that no page of ours sends.
    """
    values = [getattr(event, name, None) for name in kinds]
    if [type(value) for value in values] != list(kinds.values()):
        raise InputError(
            f"this click has no {', '.join(kinds)} as the page says it: reload the page"
        )
    return values


class Refusal(gr.Error):
    """A sentence of ours; other errors of Gradio may repeat all that was sent."""


def shown_error(error: InputError) -> Refusal:
    """The sentence as a message on screen; Gradio would render markup in a name."""
    text = escape(str(error), quote=False)
    return Refusal(text, title="This cannot be used", print_exception=False)


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise shown_error(error) from None
    except gr.Error:
        raise
    except Exception as error:
        if _is_out_of_memory(error):
            raise shown_error(InputError(FULL)) from None
        error_id = secrets.token_hex(4)
        log.exception("error %s", error_id)
        raise gr.Error(
            f"Something failed here (id {error_id}). Nothing was lost: try again, or with another "
            "picture.",
            title="Something failed",
            print_exception=False,
        ) from None


def _is_out_of_memory(error: Exception) -> bool:
    """Whether memory lacked for values, a thread or a process; many say it in words alone."""
    is_said = isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM
    return is_said or any(words in str(error) for words in SAID_WHEN_FULL)
