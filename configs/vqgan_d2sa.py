# Stage 1 on D2SA: the mask tokenizer by the recipe of the paper (supplementary A.1).
# It needs VGG-16 weights, or model.perceptual_loss=None: see the model.
_base_ = [
    '_base_/models/vqgan_published.py',
    '_base_/datasets/d2sa_masks.py',
    '_base_/schedules/vqgan_100k.py',
    '_base_/default_runtime.py',
]

custom_hooks = [dict(type='ReconstructionVisualizationHook', num_samples=12)]
