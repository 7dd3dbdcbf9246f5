"""A variant's work, built in its own process: a function that does it so many times, or a few
more, and says how many.

TensorFlow or PyTorch is imported when a variant is built, since that decides which of them, and
whether with the settings of our scripts.
"""

import math
import tempfile

import numpy as np

from experiments.benchmarks.variants import (
    ALTERNATING,
    AS_THEY_COME,
    BASELINES,
    ON_PAIRS,
    OWN,
    SAVED,
    SAVED_ALONE,
    TORCH,
    Variant,
)


def make(variant: Variant):
    """(``run(count)``, which does the work so often and waits for it; a function that gives what
    bounds one: ``_facts`` of ours, nothing of the others)."""
    if variant.maker not in AS_THEY_COME:
        from experiments.launch.cli import hold_memory, load_tensorflow

        hold_memory()
        load_tensorflow()
    if variant.maker == TORCH:
        return _torch(variant), dict
    if variant.task == "inference":
        return _inference(variant), dict
    if variant.model in ON_PAIRS:
        return _plain_pix2pix(variant) if variant.maker in BASELINES else _own_pix2pix(variant)
    return _autoencoder(variant)


def _arrays(variant: Variant):
    """A batch as NumPy arrays, channels last: one array, or two."""
    rng = np.random.default_rng(0)
    shape = (variant.batch, variant.size, variant.size, 3)
    images = rng.random(shape, np.float32)
    if variant.model in ON_PAIRS:
        return 2.0 * images - 1.0, 2.0 * rng.random(shape, np.float32) - 1.0
    if variant.model == "cvae":
        return images, rng.integers(0, 2, variant.batch).astype(np.int32)
    return (images,)


def _repeated(step, read):
    def run(count):
        for _ in range(count):
            found = step()
        read(found)
        return count

    return run


def _plain_pix2pix(variant):
    import tensorflow as tf

    from experiments.benchmarks import plain_keras

    _, step = plain_keras.pix2pix_step(variant.filters, variant.size, variant.compiled)
    batch = tuple(map(tf.constant, _arrays(variant)))
    return _repeated(lambda: step(*batch), lambda losses: float(losses[0])), dict


def _own_pix2pix(variant):
    import tensorflow as tf

    strategy = _strategy(variant.replicas)
    with strategy.scope():
        model = _own_model(variant)
        _compile(model, variant)
        model.build((None, variant.size, variant.size, 3))
        model.build_optimizers()
    batch = tuple(map(tf.constant, _arrays(variant)))
    share = variant.batch // variant.replicas
    shares = [tuple(part[i * share : (i + 1) * share] for part in batch)
              for i in range(variant.replicas)]  # fmt: skip
    if variant.replicas == 1:
        step = tf.function(model.train_step, jit_compile=model.jit_compile or None)
        given, first = batch, lambda loss: loss
    else:
        step = tf.function(lambda batch: strategy.run(model.train_step, args=(batch,)))
        given = strategy.experimental_distribute_values_from_function(
            lambda context: shares[context.replica_id_in_sync_group]
        )
        first = lambda loss: strategy.experimental_local_results(loss)[0]  # noqa: E731
    run = _repeated(lambda: step(given), lambda logs: float(first(logs["generator_loss"])))
    return run, lambda: _facts(model, batch)


def _compile(model, variant, **options):
    model.compile(jit_compile="auto" if variant.compiled is None else variant.compiled, **options)
    if variant.compiled and not model.jit_compile:  # of which Keras but warns
        raise RuntimeError("Keras does not let XLA compile this model's step")


def _strategy(replicas):
    import tensorflow as tf

    if replicas == 1:
        return tf.distribute.get_strategy()
    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration()] * replicas
    tf.config.set_logical_device_configuration(cpu, logical)
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(replicas)])


def _own_model(variant):
    import tf_gen

    policy = {"float32": "float32", "bfloat16": "mixed_bfloat16"}[variant.precision]
    if variant.model == "pix2pix":
        depth = min(8, variant.size.bit_length() - 1)
        shared = {"filters": variant.filters, "dtype": policy}
        return tf_gen.Pix2Pix(
            tf_gen.UNetGenerator(depth=depth, **shared),
            tf_gen.PatchDiscriminator(**shared),
            update="alternating" if variant.maker == ALTERNATING else "simultaneous",
        )
    if variant.model == "spade":
        shared = {"filters": variant.filters, "dtype": policy}
        return tf_gen.Pix2Pix(
            tf_gen.SPADEGenerator(input_kind="colours", **shared),
            tf_gen.MultiScaleDiscriminator(normalization="instance", spectral=True, **shared),
            "hinge", reconstruction_weight=0.0, feature_matching_weight=10.0,
        )  # fmt: skip
    if variant.model == "pix2pixhd":
        shared = {"normalization": "instance", "dtype": policy}
        return tf_gen.Pix2Pix(
            tf_gen.LocalEnhancer(variant.filters // 2, edges=True, **shared),
            tf_gen.MultiScaleDiscriminator(3, variant.filters, **shared),
            "least_squares", reconstruction_weight=0.0, feature_matching_weight=10.0,
            update="simultaneous",
        )  # fmt: skip
    cls = {"vae": tf_gen.VAE, "cvae": tf_gen.CVAE, "vq_vae": tf_gen.VQVAE}[variant.model]
    return cls(dtype=policy)


def _plain_model(variant):
    from experiments.benchmarks import plain_keras

    if variant.model == "pix2pix":
        return plain_keras.unet(variant.filters, variant.size)
    cls = {"vae": plain_keras.VAE, "vq_vae": plain_keras.VQVAE}
    return plain_keras.VAE(classes=2) if variant.model == "cvae" else cls[variant.model]()


def _autoencoder(variant):
    """Ours by the loop of our commands, or alone under Keras' ``fit``, as the plain one is."""
    import keras
    import tensorflow as tf

    from tf_gen.data.batches import without_autotune
    from tf_gen.optimizers import FusedAdam

    own = variant.maker not in BASELINES
    model = _own_model(variant) if own else _plain_model(variant)
    optimizer = (FusedAdam if own else keras.optimizers.Adam)(1e-3)
    _compile(model, variant, optimizer=optimizer)
    batch = _arrays(variant)
    batch = batch if len(batch) > 1 else batch[0]
    # else the end of each fit waits, for as long as it took at worst: not what is measured
    batches = without_autotune(tf.data.Dataset.from_tensors(batch).repeat())
    run = (_trained if variant.maker == OWN else _fitted)(model, batches)
    return run, (lambda: _facts(model, batch)) if own else dict


def _trained(model, batches):
    from experiments.benchmarks.trained import InTurns

    model.optimizer.build(model.trainable_variables)
    return InTurns(model, batches).run


def _fitted(model, batches):
    def run(count):
        model.fit(batches, steps_per_epoch=count, shuffle=False, verbose=0)
        return count

    return run


def _facts(model, batch) -> dict:
    """Of a step: its floating-point operations, and the weights that it trains."""
    import tensorflow as tf

    from experiments.measures.operations import operations

    weights = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    graph = tf.function(model.train_step).get_concrete_function(batch).graph
    return {"operations": operations(graph), "weights": weights}


def _inference(variant):
    import tensorflow as tf

    images = tf.random.stateless_uniform([variant.batch, variant.size, variant.size, 3], [0, 0])
    if variant.maker in BASELINES:
        model = _plain_model(variant)
        function = tf.function(lambda images: model(images, training=False))
    else:
        model = _own_model(variant)
        if variant.model == "pix2pix":
            model.build((None, variant.size, variant.size, 3))
        saved = variant.maker in (SAVED, SAVED_ALONE)
        function = _saved(variant, model) if saved else _own_call(variant, model)
    return _repeated(lambda: function(images), lambda outputs: float(outputs[0, 0, 0, 0]))


def _own_call(variant, model):
    import tensorflow as tf

    if variant.model != "pix2pix":
        return tf.function(model.reconstruct)
    return tf.function(lambda images: model.generator(images * 2.0 - 1.0) / 2.0 + 0.5)


def _saved(variant, model):
    import tensorflow as tf

    from tf_gen import export

    with tempfile.TemporaryDirectory() as folder:
        if variant.model == "pix2pix":
            export.export_pix2pix(model.generator, folder, variant.size)
        else:
            {"vae": export.export_vae, "vq_vae": export.export_vq_vae}[variant.model](model, folder)
        loaded = tf.saved_model.load(folder)
    name = "translate" if variant.model == "pix2pix" else "reconstruct"
    return lambda images: getattr(loaded, name)(images)  # the variables live as long as loaded


def _torch(variant):
    import torch

    from experiments.benchmarks import pytorch

    pytorch.as_tensorflow()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    manner = {"compiled": bool(variant.compiled), "bfloat16": variant.precision == "bfloat16"}
    with device:  # for the networks alone: as a default it would slow each call
        if variant.model == "pix2pix":
            model, step = pytorch.pix2pix_step(variant.filters, variant.size, **manner)
        else:
            models = {"vae": pytorch.VAE, "cvae": lambda: pytorch.VAE(2), "vq_vae": pytorch.VQVAE}
            model = models[variant.model]()
            step = pytorch.autoencoder_step(model, **manner)
    arrays = [_channels_first(array, device, manner["bfloat16"]) for array in _arrays(variant)]
    if variant.task == "training":
        model.train()
        return _repeated(lambda: step(*arrays), float)
    model.eval()

    def infer():
        with torch.inference_mode():
            return model(arrays[0])

    return _repeated(infer, lambda outputs: float(outputs[0, 0, 0, 0]))


def _channels_first(array, device, channels_last_in_memory):
    import torch

    if array.ndim != 4:
        return torch.from_numpy(array.astype(np.int64)).to(device)
    kept = torch.channels_last if channels_last_in_memory else torch.contiguous_format
    return torch.from_numpy(np.moveaxis(array, -1, 1)).to(device).contiguous(memory_format=kept)
