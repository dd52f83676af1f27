"""The data preprocessor: stacking, scaling, errors."""

from __future__ import annotations

import pytest
import torch

from c2fseg.models.data_preprocessors import AmodalDataPreprocessor


def _batch(sizes: tuple[int, ...] = (4, 4)) -> dict:
    return dict(
        inputs=dict(
            img=[torch.full((2, 3, s, s), 51, dtype=torch.uint8) for s in sizes],
            visible_mask=[torch.ones(2, 1, s, s) for s in sizes],
        ),
        data_samples=['a', 'b'],
    )


def test_pictures_are_scaled_to_the_unit_interval():
    data = AmodalDataPreprocessor()(_batch())
    assert data['inputs']['img'].shape == (2, 2, 3, 4, 4)
    torch.testing.assert_close(data['inputs']['img'], torch.full((2, 2, 3, 4, 4), 0.2))
    assert data['inputs']['visible_mask'].shape == (2, 2, 1, 4, 4)
    assert data['data_samples'] == ['a', 'b']


def test_mean_and_deviation_are_in_units_of_0_to_255():
    preprocessor = AmodalDataPreprocessor(mean=[51, 1, 0], std=[2, 50, 51])
    img = preprocessor(_batch(), training=True)['inputs']['img']
    assert img[0, 0, :, 0, 0].tolist() == [0.0, 1.0, 1.0]
    assert not preprocessor.state_dict()


def test_masks_alone_and_stacked_tensors_are_fine():
    mask = torch.ones(3, 1, 1, 4, 4)
    assert torch.equal(
        AmodalDataPreprocessor()(dict(inputs=dict(mask=mask)))['inputs']['mask'], mask
    )
    data = AmodalDataPreprocessor()(dict(inputs=dict(mask=list(mask)), data_samples=[]))
    assert torch.equal(data['inputs']['mask'], mask)


def test_bad_batches_are_errors():
    with pytest.raises(ValueError, match='must have one shape'):
        AmodalDataPreprocessor()(_batch((4, 6)))
    with pytest.raises(KeyError, match="unknown input 'image'"):
        AmodalDataPreprocessor()(dict(inputs=dict(image=torch.zeros(1))))


@pytest.mark.parametrize(
    'bad', [dict(mean=[0.0]), dict(std=[1.0]), dict(mean=[0.0], std=[1.0, 1.0])]
)
def test_mean_and_deviation_come_together(bad):
    with pytest.raises(ValueError, match='mean and std'):
        AmodalDataPreprocessor(**bad)
