# The large light architecture: nearly three times the operations of c2f_lite.py, tokenizer aside.
_base_ = './c2f_lite.py'

model = dict(
    backbone=dict(channels=(32, 64, 128, 192), blocks=(0, 2, 2, 2)),
    feature_channels=(32, 64, 128, 192),
    transformer=dict(feature_dims=144, visible_dims=72, amodal_dims=72, depth=6, num_heads=9),
    # The width of the transformer's state: feature, visible and amodal dims together.
    refiner=dict(channels=(96, 64, 48), state_channels=288),
)
