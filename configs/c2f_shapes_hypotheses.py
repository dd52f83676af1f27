# Eight masks of each object in place of one, their best and their mean beside the plain answer, and
# how far the probabilities can be believed. The weights are those of c2f_shapes.py.
_base_ = './c2f_shapes.py'

model = dict(test_cfg=dict(num_hypotheses=8))

test_evaluator = [
    dict(type='AmodalIoU', protocol='c2f-image', visible_source='gt'),
    dict(type='AmodalCalibration', visible_source='gt', out_file='outputs/calibration.json'),
]
