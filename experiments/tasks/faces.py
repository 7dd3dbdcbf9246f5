"""What the tasks on faces share: the data, batches, validation, and curves of the losses."""

from pathlib import Path

import keras
import numpy as np

from experiments.data.faces import load_faces
from experiments.launch import pictures
from experiments.launch.errors import UsageError
from experiments.launch.precision import dtype_policy
from experiments.measures.autoencoders import epoch_figures, labels_of
from experiments.tasks.task import About, Built
from tf_gen.data import image_batches
from tf_gen.data.batches import WHOLE
from tf_gen.data.images import to_levels, to_unit_range
from tf_gen.optimizers import FusedAdam
from tf_gen.training.history import read_csv

SAMPLES = 5  # images of the data set shown (the report)
SHOWN = 8  # images in each other row (the report)
LOADING = """```python
import tensorflow as tf

model = tf.saved_model.load("saved_model")
{lines}```

Images are float32 [B, {size}, {size}, 3] in [0, 1]. As a Keras model: `tf_gen.load("{path}")`.
"""


class FaceTask:
    """Of ``experiments.tasks.task`` what does not depend on the model. A model's task adds
    ``build``, ``leave`` and

    - ``figures``: of ``experiments.measures.autoencoders``; ``curves``: title -> logs;
    - ``progress_logs``, ``best_by``: see ``About``.
    """

    best_by = "val_loss"

    def __init__(self, config, styles, by_class=False):
        self.config, self.data = config, load_faces(config, styles, by_class)

    def tell(self, title, lines, more="") -> About:
        """What is said of the task. Args: lines: of Python, that use ``model``; more: Markdown."""
        loading = (LOADING + more).replace("{lines}", lines)
        loading = loading.replace("{size}", str(self.config.image_size))
        kept = "the best epoch's" if self.keeps_best else "the last step's"
        return About(title, loading, self.progress_logs, self.best_by, kept)

    @property
    def keeps_best(self) -> bool:
        """Whether the best epoch's weights are measured, drawn and exported, not the last's."""
        return self.config.patience is not None

    def compiled(self, model_class, epoch_steps, **own) -> Built:
        """A compiled autoencoder with the options that all of them share."""
        shared = {name: getattr(self.config, name) for name in ("normalization", "pool_last")}
        return self.made(model_class, epoch_steps, **shared, **own)

    def made(self, model_class, epoch_steps, **options) -> Built:
        """A compiled model of these options."""
        self.epoch_steps, config, count = epoch_steps, self.config, len(self.data.train)
        if count < config.batch_size:
            raise UsageError(
                f"{config.data}: {count} training images are fewer than a batch "
                f"(--batch-size {config.batch_size}): give more images or a smaller batch"
            )
        keras.utils.set_random_seed(config.seed)
        self.model = model = model_class(
            seed=config.seed, dtype=dtype_policy(config.precision), **options
        )
        model.compile(FusedAdam(config.learning_rate, **config.accumulation))
        model.optimizer.build(model.trainable_variables)
        return Built(model, model, {"model": model, "optimizer": model.optimizer})

    def start(self) -> None:
        """Nothing is done before the first step."""

    def batches(self, first_step: int, last_step: int, parts=WHOLE):
        """The training batches of these steps."""
        config, train = self.config, self.data.train
        return image_batches(
            train.images, labels_of(train), config.batch_size, config.seed, first_step, last_step,
            parts, config.mirror,
        )  # fmt: skip

    def validate(self, check) -> dict[str, float]:
        """The model's own losses and metrics."""
        return epoch_figures(self.model, self.data, self.config, check)

    def watch(self, scalars, figures: Path):
        """The report's samples of the data."""
        train = self.data.train
        rows = {
            name: train.images[train.labels == label][:SAMPLES]
            for label, name in enumerate(train.classes or ("",))
        }
        pictures.image_table(figures / "data_samples.png", rows)
        return []

    def prepare_to_measure(self):
        """The model itself, which has what its SavedModel has."""
        if self.keeps_best:
            self.model.load_weights(self.config.run_dir / "checkpoints" / "best.weights.h5")
        return self.model

    def measure(self, model, asked) -> dict[str, float]:
        """All figures of the model, and how many images are in neither split."""
        return self.data.unused | self.figures(model, self.data, self.config, asked)

    def reconstructed(self, images, *labels):
        """Images, uint8 or float32 in [0, 1], and what the model makes of them: uint8."""
        inputs = to_unit_range(images) if images.dtype == np.uint8 else images
        outputs = self.model.reconstruct(inputs, *labels)
        return {"input": to_levels(inputs), "reconstruction": to_levels(outputs)}

    def draw_losses(self, folder: Path) -> None:
        """The report's curves of the losses."""
        steps, epochs = (read_csv(folder / "logs" / f"{name}.csv") for name in ("steps", "epochs"))
        path = folder / "figures" / "loss_curves.png"
        pictures.curves(path, steps, self.curves, self.epoch_steps, epochs)
