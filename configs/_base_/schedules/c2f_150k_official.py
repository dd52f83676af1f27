# c2f_150k.py with the defect of the reference implementation: the group of parameters without decay
# was empty, so no bias of the transformer and neither LayerNorm of a block was trained, and all
# other weights decay.
_base_ = './c2f_150k.py'

optim_wrapper = dict(
    paramwise_cfg=dict(
        _delete_=True,
        custom_keys={
            **{
                f'transformer.blocks.{block}.{name}': dict(lr_mult=0.0, decay_mult=0.0)
                for block in range(12)
                for name in (
                    'norm1',
                    'norm2',
                    'attn.qkv.bias',
                    'attn.proj.bias',
                    'mlp.0.bias',
                    'mlp.2.bias',
                )
            },
            **{
                f'transformer.{name}.bias': dict(lr_mult=0.0, decay_mult=0.0)
                for name in ('feature_proj', 'head', 'head.norm1', 'head.dense', 'head.norm2')
            },
        },
    ),
)
