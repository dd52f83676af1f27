"""Parameter names and shapes of the published stage-2 files, written out by rule.

The layouts are regular, so a few loops take the place of a list of six hundred entries.
"""

from __future__ import annotations

Shapes = dict[str, list[int]]


def _norm(name: str, channels: int) -> Shapes:
    shapes = {
        f'{name}.{kind}': [channels] for kind in ('weight', 'bias', 'running_mean', 'running_var')
    }
    return {**shapes, f'{name}.num_batches_tracked': []}


def _layer(name: str, *shape: int) -> Shapes:
    return {f'{name}.weight': list(shape), f'{name}.bias': [shape[0]]}


def encoder_shapes() -> Shapes:
    """Section ``img_encoder``: ResNet-50 with its classifier."""
    root = 'encoder.model'
    shapes: Shapes = {f'{root}.conv1.weight': [64, 3, 7, 7], **_norm(f'{root}.bn1', 64)}
    previous = 64
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        width = 32 * 2**stage
        for block in range(blocks):
            name = f'{root}.layer{stage}.{block}'
            convs = ([width, previous, 1, 1], [width, width, 3, 3], [4 * width, width, 1, 1])
            for index, shape in enumerate(convs, start=1):
                shapes[f'{name}.conv{index}.weight'] = shape
                shapes.update(_norm(f'{name}.bn{index}', shape[0]))
            if block == 0:
                shapes[f'{name}.downsample.0.weight'] = [4 * width, previous, 1, 1]
                shapes.update(_norm(f'{name}.downsample.1', 4 * width))
            previous = 4 * width
    return {**shapes, **_layer(f'{root}.fc', 1000, 2048)}


def transformer_shapes(depth: int = 12, codes: int = 256, video: bool = False) -> Shapes:
    """Section ``model``: the masked transformer of images (12 blocks) or of video (8 blocks)."""
    shapes: Shapes = {'m_bias': [codes + 1], **_layer('conv_in', 384, 2048, 3, 3)}
    shapes.update({'c_emb.weight': [codes + 1, 192], 'z_emb.weight': [codes + 1, 192]})
    shapes['pos_emb.weight'] = [256, 768]
    norms = ('ln1', 'ln2', 'ln3') if video else ('ln1', 'ln2')
    for index in range(depth):
        name = f'blocks.{index}'
        for norm in norms:
            shapes.update({f'{name}.{norm}.weight': [768], f'{name}.{norm}.bias': [768]})
        for attention in ('attn1', 'attn2') if video else ('attn',):
            for part in ('key', 'query', 'value', 'proj'):
                shapes.update(_layer(f'{name}.{attention}.{part}', 768, 768))
        shapes.update(_layer(f'{name}.mlp.0', 3072, 768))
        shapes.update(_layer(f'{name}.mlp.2', 768, 3072))
    for norm in ('ln1', 'ln2'):
        shapes.update({f'dec.{norm}.weight': [768], f'dec.{norm}.bias': [768]})
    shapes.update(_layer('dec.dense', 768, 768))
    return {**shapes, 'm_dec.weight': [codes + 1, 768]}


def refiner_shapes() -> Shapes:
    """Section ``refine``: the refinement module."""
    shapes = {**_layer('conv_adapter', 2048, 2048, 1, 1), **_layer('conv_in', 256, 2048, 3, 3)}
    for index, (wide, narrow) in enumerate(((258, 258), (258, 128), (128, 64)), start=1):
        shapes.update(_layer(f'lay{index}', narrow, wide, 3, 3))
        shapes.update(_norm(f'bn{index}', narrow))
    shapes.update(_layer('adapter1', 128, 1024, 1, 1))
    for branch in ('vm', 'am'):
        shapes.update(_layer(f'lay4_{branch}', 32, 64, 3, 3))
        shapes.update(_norm(f'bn4_{branch}', 32))
        shapes.update(_layer(f'lay5_{branch}', 16, 32, 3, 3))
        shapes.update(_norm(f'bn5_{branch}', 16))
        shapes.update(_layer(f'adapter2_{branch}', 64, 512, 1, 1))
        shapes.update(_layer(f'adapter3_{branch}', 32, 256, 1, 1))
        shapes.update(_layer(f'out_lay_{branch}', 1, 16, 3, 3))
    return shapes
