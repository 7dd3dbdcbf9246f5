"""What is measured: the variants by name, in groups that are measured in turn."""

import dataclasses

PLAIN, TORCH = "plain Keras", "PyTorch"
OWN, LIBRARY = "tf_gen", "tf_gen, the library alone"  # under a script of ours, or of somebody else
ALTERNATING = "tf_gen, alternating"
SAVED, IN_FUNCTION = "tf_gen, SavedModel", "tf_gen, in a tf.function"
SAVED_ALONE = "tf_gen, SavedModel, in another's program"
TUNED = "plain Keras, our scripts' settings"  # oneDNN, held memory
BASELINES = (PLAIN, TUNED)
AS_THEY_COME = (PLAIN, TORCH, LIBRARY, SAVED_ALONE)  # without these settings
MODELS = ("pix2pix", "vae", "cvae", "vq_vae")
TITLES = {"pix2pix": "pix2pix", "vae": "VAE", "cvae": "CVAE", "vq_vae": "VQ-VAE"}


@dataclasses.dataclass(frozen=True)
class Variant:
    """One way to do one piece of work."""

    task: str  # "training" or "inference"
    model: str  # of MODELS
    maker: str
    batch: int
    size: int  # height and width of the images
    precision: str = "float32"
    replicas: int = 1  # logical processors' devices under a mirrored strategy
    filters: int = 64  # of pix2pix

    @property
    def label(self) -> str:
        # all baselines update both networks from one pass, so that like is compared with like
        simultaneous = (self.task, self.model, self.maker) == ("training", "pix2pix", OWN)
        name = f"{self.maker}, simultaneous" if simultaneous else self.maker
        return name + ("" if self.precision == "float32" else f", {self.precision}")


@dataclasses.dataclass(frozen=True)
class Group:
    """Variants that do the same work, and so are measured in turn; the first is the baseline."""

    title: str
    variants: tuple[Variant, ...]


def training_groups(models, batches, precisions, torch: bool, filters: int) -> list[Group]:
    """Training steps: pix2pix at 256 x 256 with batches of 1, 2 and 8, the others at 64 x 64."""
    groups = []
    for model in models:
        for batch in batches["pix2pix" if model == "pix2pix" else "autoencoders"]:
            size, name = (256, "pix2pix") if model == "pix2pix" else (64, model)
            own = [(OWN, precision) for precision in precisions]
            own += [(LIBRARY, "float32"), *[(ALTERNATING, "float32")] * (model == "pix2pix")]
            # PyTorch refuses to normalise the 1 x 1 bottleneck over a batch of one
            others = [TORCH] * (torch and (model, batch) != ("pix2pix", 1))
            makers = [(maker, "float32") for maker in (*BASELINES, *others)] + own
            groups.append(
                Group(
                    f"{TITLES[name]}, {size} x {size}, batch {batch}",
                    tuple(
                        Variant("training", model, maker, batch, size, precision, filters=filters)
                        for maker, precision in makers
                    ),
                )
            )
    return groups


def inference_groups(models, batches, torch: bool, filters: int) -> list[Group]:
    """One image or eight through a trained model; the CVAE's networks are the VAE's."""
    return [
        Group(
            f"{TITLES[model]}, {size} x {size}, batch {batch}",
            tuple(
                Variant("inference", model, maker, batch, size, filters=filters)
                for maker in (*BASELINES, *[TORCH] * torch, IN_FUNCTION, SAVED, SAVED_ALONE)
            ),
        )
        for model, size in (("pix2pix", 256), ("vae", 64), ("vq_vae", 64))
        if model in models
        for batch in batches
    ]


def growth_group(filters: int) -> Group:
    """pix2pix by batch size, by image size, and by replicas that share a batch."""
    cases = [(1, 256, 1), (2, 256, 1), (4, 256, 1), (8, 256, 1), (2, 128, 1), (2, 512, 1),
             (2, 256, 2)]  # fmt: skip
    return Group(
        "pix2pix, by size",
        tuple(
            Variant("training", "pix2pix", OWN, batch, size, replicas=replicas, filters=filters)
            for batch, size, replicas in cases
        ),
    )
