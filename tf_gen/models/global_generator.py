"""pix2pixHD's global generator (Wang et al. 2018, section 3.1 and appendix)."""

import keras

from .resnet_generator import ResNetGenerator


@keras.saving.register_keras_serializable("tf_gen")
class GlobalGenerator(ResNetGenerator):
    """``ResNetGenerator`` of the paper's size: 4 halvings, 9 blocks.

    Alone it makes whole images; within ``LocalEnhancer`` it sees them at half their size.
    """

    def __init__(self, filters=64, halvings=4, blocks=9, **kwargs):
        super().__init__(filters, halvings, blocks, **kwargs)
