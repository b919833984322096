"""Events touch what they change, and nothing else."""

from __future__ import annotations

from copy import copy
from typing import Any

import gradio as gr
from gradio.state_holder import SessionState

SKIP = gr.skip()


class SparingBlocks(gr.Blocks):
    """An app in which it costs nothing to leave a component as it is.

    For every update, of nothing too, Gradio makes the component anew and describes it twice: some
    milliseconds each, and an event that may change a whole page returns two dozen. Events come one
    by one, not in batches.
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
        told = [place for place, one in enumerate(predictions) if not _is_skip(one)]
        data: list[Any] = [None if block.stateful else SKIP for block in outputs]
        if told:
            fewer = copy(block_fn)
            fewer.outputs = [outputs[place] for place in told]
            values = [predictions[place] for place in told]
            made = await super().postprocess_data(
                fewer, values if len(values) > 1 else values[0], state
            )
            for place, one in zip(told, made, strict=True):
                data[place] = one
        return data


def _is_skip(told: object) -> bool:
    return isinstance(told, dict) and told == SKIP
