# The small light architecture: about a third of the operations of c2f_lite.py, tokenizer aside.
_base_ = './c2f_lite.py'

model = dict(
    backbone=dict(channels=(16, 32, 64, 96), blocks=(0, 1, 1, 1)),
    feature_channels=(16, 32, 64, 96),
    transformer=dict(feature_dims=48, visible_dims=24, amodal_dims=24, depth=3, num_heads=4),
    # The width of the transformer's state: feature, visible and amodal dims together.
    refiner=dict(channels=(48, 32, 16), state_channels=96),
)
