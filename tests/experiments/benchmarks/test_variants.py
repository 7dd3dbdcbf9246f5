"""Which variants are measured, on a processor and on a GPU."""

import pytest

from experiments.benchmarks import variants

BOTH = ["float32", "bfloat16"]


def labels(model, gpu, batch=2, precisions=BOTH, torch=True):
    batches = {"pix2pix": (batch,), "autoencoders": (batch,)}
    (group,) = variants.training_groups((model,), batches, precisions, torch, 64, gpu)
    return [variant.label for variant in group.variants]


def test_on_a_processor_nothing_is_compiled():
    assert labels("pix2pix", gpu=False) == [
        "plain Keras", "plain Keras, our scripts' settings", "PyTorch", "tf_gen, simultaneous",
        "tf_gen, simultaneous, bfloat16", "tf_gen, the library alone", "tf_gen, alternating",
    ]  # fmt: skip


def test_on_a_gpu_each_is_measured_compiled_and_not():
    assert labels("pix2pix", gpu=True) == [
        "plain Keras", "plain Keras, compiled", "PyTorch", "PyTorch, compiled",
        "PyTorch, compiled, bfloat16", "tf_gen, simultaneous, not compiled",
        "tf_gen, simultaneous, compiled", "tf_gen, simultaneous, compiled, bfloat16",
        "tf_gen, alternating, compiled",
    ]  # fmt: skip
    assert labels("vae", gpu=True) == [
        "plain Keras", "PyTorch", "PyTorch, compiled", "PyTorch, compiled, bfloat16",
        "tf_gen, not compiled", "tf_gen, compiled", "tf_gen, compiled, bfloat16",
        "tf_gen, the library alone",
    ]  # fmt: skip


def test_what_the_machine_lacks_is_left_out():
    found = labels("vae", gpu=False, precisions=["float32"], torch=False)
    assert not any("bfloat16" in label or "PyTorch" in label for label in found)
    assert "PyTorch" not in labels("pix2pix", gpu=True, batch=1)


@pytest.mark.parametrize(("model", "size"), [("spade", 256), ("pix2pixhd", 512)])
def test_its_successors_stand_beside_pix2pix_in_plain_keras(model, size):
    assert labels(model, gpu=False) == ["plain Keras", "tf_gen", "tf_gen, bfloat16"]
    batches = {"pix2pix": (2,), "autoencoders": (4,)}
    (group,) = variants.training_groups((model,), batches, BOTH, True, 64, False)
    assert [v.model for v in group.variants] == ["pix2pix", model, model]
    assert {(v.batch, v.size) for v in group.variants} == {(2, size)}


def test_growth_is_compiled_on_a_gpu_and_has_replicas_on_a_processor():
    on_a_gpu = variants.growth_group((1, 2), (128, 256), True, 64).variants
    assert [(v.batch, v.size, v.replicas) for v in on_a_gpu] == [
        (1, 256, 1), (2, 256, 1), (2, 128, 1),  # 256 x 256 at batch 2 once
    ]  # fmt: skip
    assert all(v.compiled for v in on_a_gpu)
    on_a_processor = variants.growth_group((1, 2), (128,), False, 64).variants
    assert on_a_processor[-1].replicas == 2 and on_a_processor[0].compiled is None
