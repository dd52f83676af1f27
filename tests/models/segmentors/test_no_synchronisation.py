"""From the condition to the refined masks no value is read back: a GPU never has to be waited for.

Tensors on the meta device have no values, so reading one (an ``item``, a ``bool``, an index by
mask) is an error there.
"""

from __future__ import annotations

import pytest
import torch

from c2fseg.apis.init_model import init_model


def test_reading_a_value_would_be_noticed() -> None:
    with pytest.raises((RuntimeError, NotImplementedError)):
        bool(torch.ones(3, device='meta').sum() > 2)


@pytest.mark.parametrize('steps', [1, 3])
@pytest.mark.parametrize(('name', 'frames'), [('c2f_shapes', 1), ('lite/c2f_movid_a', 3)])
def test_decoding_reads_no_value(name: str, frames: int, steps: int) -> None:
    model = init_model(name, cfg_options={'model.decoder.num_steps': steps}).to('meta')
    size, batch = 128, (2, frames)
    images = torch.empty(2 * frames, 4, size, size, device='meta')
    visible = torch.empty(2 * frames, 1, size, size, device='meta')
    visible_tokens = torch.zeros(*batch, 256, dtype=torch.long, device='meta')
    states = []

    def predict_logits(tokens: torch.Tensor) -> torch.Tensor:
        logits, state = model.transformer.predict_tokens(condition, tokens)
        states.append(state)
        return logits

    with torch.no_grad():
        feats = model.backbone(images)
        last = feats[-1].unflatten(0, batch)
        condition = model.transformer.embed_condition(last, visible_tokens)
        tokens = model.decoder.decode(
            predict_logits, (*batch, 256), mask_token=model.mask_token, device='meta'
        )
        coarse = model.tokenizer.decode(tokens.flatten(0, 1))
        state = states[-1].flatten(0, 1).transpose(1, 2).unflatten(2, (16, 16))
        masks = model.refiner(feats, coarse, visible_mask=visible, state=state)
    assert len(states) == steps
    assert [tuple(mask.shape) for mask in masks] == [(2 * frames, 1, size, size)] * 2
