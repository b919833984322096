"""Events touch what they change, and nothing else."""

from __future__ import annotations

from copy import copy
from typing import Any

import gradio as gr
from gradio.state_holder import SessionState

SKIP = gr.skip()
KIND, VALUE = "__type__", "value"  # Gradio's names in an update


class SparingBlocks(gr.Blocks):
    """An app in which it costs nothing to leave a component as it is.

    For every update, of nothing too, Gradio makes the component anew and describes it twice: some
    milliseconds each, and an event that may change a whole page returns two dozen.
    """

    async def postprocess_data(
        self,
        block_fn: Any,  # noqa: ANN401
        predictions: Any,  # noqa: ANN401
        state: SessionState | None,
    ) -> list[Any]:
        outputs = list(block_fn.outputs)
        if _is_skip(predictions):
            predictions = [predictions] * len(outputs)
        elif len(outputs) == 1:
            predictions = [predictions]
        if not isinstance(predictions, list | tuple) or len(predictions) != len(outputs):
            return await super().postprocess_data(block_fn, predictions, state)
        told = [
            one
            if block.stateful or state is None
            else without_known(one, state.get(block._id, block))
            for one, block in zip(predictions, outputs, strict=True)
        ]
        changed = [place for place, one in enumerate(told) if not _is_skip(one)]
        data: list[Any] = [None if block.stateful else SKIP for block in outputs]
        if changed:
            fewer = copy(block_fn)
            fewer.outputs = [outputs[place] for place in changed]
            values = [told[place] for place in changed]
            made = await super().postprocess_data(
                fewer, values if len(values) > 1 else values[0], state
            )
            for place, one in zip(changed, made, strict=True):
                data[place] = one
        return data


def without_known(told: Any, component: gr.blocks.Block) -> Any:  # noqa: ANN401
    """What a handler tells a component, less what that is already.

    An update of nothing but the value becomes the value, and one of nothing at all a skip.
    """
    if not isinstance(told, dict) or told.get(KIND) != SKIP[KIND]:
        return told
    known = component.constructor_args
    if any(key not in known or known[key] != told[key] for key in told.keys() - {KIND, VALUE}):
        return told
    return told.get(VALUE, SKIP)


def _is_skip(told: object) -> bool:
    return isinstance(told, dict) and told == SKIP
