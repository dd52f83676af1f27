# The prompt model that ships: trained on the built-in shapes and on photographs, half each.
_base_ = [
    '_base_/models/prompt_light.py',
    '_base_/datasets/general_prompts.py',
    '_base_/schedules/prompt_light.py',
    '_base_/default_runtime.py',
]

default_hooks = dict(checkpoint=dict(interval=100))
