"""The baselines are the same networks."""

import pytest
import tensorflow as tf

import tf_gen
from experiments.benchmarks import plain_keras


def count(weights):
    return sum(tf.size(weight).numpy() for weight in weights)


def own_pix2pix(filters, size, depth):
    model = tf_gen.Pix2Pix(
        tf_gen.UNetGenerator(filters=filters, depth=depth), tf_gen.PatchDiscriminator(filters)
    )
    model.build((None, size, size, 3))
    return model


def test_the_plain_networks_have_the_weights_of_ours():
    model = own_pix2pix(4, 64, 6)
    generator, discriminator = plain_keras.unet(4, 64), plain_keras.patchgan(4, 64)
    assert count(generator.trainable_weights) == count(model.generator.trainable_weights)
    assert count(discriminator.trainable_weights) == count(model.discriminator.trainable_weights)
    for plain, own in (
        (plain_keras.VAE(), tf_gen.VAE()),
        (plain_keras.VAE(classes=2), tf_gen.CVAE()),
        (plain_keras.VQVAE(), tf_gen.VQVAE()),
    ):
        assert count(plain.trainable_weights) == count(own.trainable_weights)


def test_the_networks_in_pytorch_have_the_weights_of_ours():
    pytest.importorskip("torch", reason="PyTorch is no requirement")
    from experiments.benchmarks import pytorch

    def total(module):
        return sum(p.numel() for p in module.parameters())

    model = own_pix2pix(4, 64, 6)
    assert total(pytorch.UNet(4, 64)) == count(model.generator.trainable_weights)
    # a bias that Keras leaves out before a normalisation is left out there, too
    assert total(pytorch.patchgan(4)) == count(model.discriminator.trainable_weights)
    for torch_model, own in (
        (pytorch.VAE(), tf_gen.VAE()),
        (pytorch.VAE(2), tf_gen.CVAE()),
        (pytorch.VQVAE(), tf_gen.VQVAE()),
    ):
        assert total(torch_model) == count(own.trainable_weights)


def test_the_fast_manner_of_pytorch_minimises_the_same_losses():
    torch = pytest.importorskip("torch", reason="PyTorch is no requirement")
    from experiments.benchmarks import pytorch

    batch = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    found = {}
    for bfloat16 in (False, True):
        torch.manual_seed(0)
        step = pytorch.autoencoder_step(pytorch.VQVAE(), bfloat16=bfloat16)
        pair = pytorch.pix2pix_step(4, 64, bfloat16=bfloat16)[1]
        found[bfloat16] = [float(step(batch)), float(pair(batch, batch.flip(0)))]
    assert found[True] == pytest.approx(found[False], rel=0.05) and found[True] != found[False]


def test_gradients_lie_in_memory_as_their_parameters_do():
    """Or Adam in one kernel refuses them on a GPU."""
    torch = pytest.importorskip("torch", reason="PyTorch is no requirement")
    from experiments.benchmarks import pytorch

    generator, step = pytorch.pix2pix_step(4, 64)
    # from images in that order those of convolutions come in it, as torch.compile's do
    batch = torch.rand(2, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    step(batch, batch.flip(0))
    assert all(weight.grad.stride() == weight.stride() for weight in generator.parameters())
