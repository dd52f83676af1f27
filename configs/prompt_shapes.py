# From a click or a box to the visible mask of an object, trained on the built-in shapes; two CPU
# cores are enough.
_base_ = [
    '_base_/models/prompt_light.py',
    '_base_/datasets/shapes_prompts.py',
    '_base_/schedules/prompt_light.py',
    '_base_/default_runtime.py',
]

default_hooks = dict(checkpoint=dict(interval=100))
