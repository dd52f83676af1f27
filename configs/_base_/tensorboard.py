# Put this file in the place of default_runtime.py in a recipe's _base_ list for TensorBoard curves:
#   tensorboard --logdir work_dirs
_base_ = './default_runtime.py'

vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
visualizer = dict(vis_backends=vis_backends)
