"""What is measured: the variants by name, in groups that are measured in turn."""

import dataclasses

PLAIN, TORCH = "plain Keras", "PyTorch"
# by our commands' loop and with their settings, or as somebody else uses it
OWN, LIBRARY = "tf_gen", "tf_gen, the library alone"
ALTERNATING = "tf_gen, alternating"
SAVED, IN_FUNCTION = "tf_gen, SavedModel", "tf_gen, in a tf.function"
SAVED_ALONE = "tf_gen, SavedModel, in another's program"
TUNED = "plain Keras, our scripts' settings"  # oneDNN, held memory
BASELINES = (PLAIN, TUNED)
# without these settings, but for one: all of a group lie on one card at once, so that every
# TensorFlow is told to take its memory as it needs it (rounds.QUIET)
AS_THEY_COME = (PLAIN, TORCH, LIBRARY, SAVED_ALONE)
MODELS = ("pix2pix", "vae", "cvae", "vq_vae", "spade", "pix2pixhd")
TITLES = {
    "pix2pix": "pix2pix", "vae": "VAE", "cvae": "CVAE", "vq_vae": "VQ-VAE",
    "spade": "SPADE beside pix2pix in plain Keras",
    "pix2pixhd": "pix2pixHD beside pix2pix in plain Keras",
}  # fmt: skip
ON_PAIRS = {"pix2pix": 256, "spade": 256, "pix2pixhd": 512}  # at that size


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
    filters: int = 64  # of what trains on pairs
    # whether XLA or torch.compile compiles the step; None: as it comes, which means that ``fit``
    # compiles an autoencoder on a GPU
    compiled: bool | None = None

    @property
    def label(self) -> str:
        # all baselines update both networks from one pass, so that like is compared with like
        simultaneous = (self.task, self.model, self.maker) == ("training", "pix2pix", OWN)
        name = f"{self.maker}, simultaneous" if simultaneous else self.maker
        name += {None: "", True: ", compiled", False: ", not compiled"}[self.compiled]
        return name + ("" if self.precision == "float32" else f", {self.precision}")


@dataclasses.dataclass(frozen=True)
class Group:
    """Variants that do the same work, and so are measured in turn; the first is the baseline."""

    title: str
    variants: tuple[Variant, ...]


def training_groups(models, batches, precisions, torch: bool, filters: int, gpu: bool):
    """Groups of training steps: on pairs by ``ON_PAIRS``, the others at 64 x 64. SPADE and
    pix2pixHD, which have no other maker here, stand beside plain Keras' pix2pix."""
    groups = []
    for model in models:
        pairs = model in ON_PAIRS
        makers = (PLAIN, OWN) if model in ("spade", "pix2pixhd") else None
        for batch in batches["pix2pix" if pairs else "autoencoders"]:
            size = ON_PAIRS.get(model, 64)
            # PyTorch refuses to normalise the 1 x 1 bottleneck over a batch of one
            with_torch = torch and (model, batch) != ("pix2pix", 1)
            variants = tuple(
                Variant("training", "pix2pix" if pairs and maker == PLAIN else model, maker, batch,
                        size, precision, filters=filters, compiled=compiled)
                for maker, precision, compiled in _ways(pairs, gpu)
                if precision in precisions and (with_torch or maker != TORCH)
                and (makers is None or maker in makers)
            )  # fmt: skip
            groups.append(Group(f"{TITLES[model]}, {size} x {size}, batch {batch}", variants))
    return groups


def _ways(pix2pix: bool, gpu: bool) -> list[tuple]:
    """(Maker, precision, compiled) of the variants of a training step."""
    if gpu:
        return [
            (PLAIN, "float32", None),
            *[(PLAIN, "float32", True)] * pix2pix,  # for the others Keras does it by itself
            (TORCH, "float32", None),
            (TORCH, "float32", True),
            (TORCH, "bfloat16", True),
            (OWN, "float32", False),
            (OWN, "float32", True),
            (OWN, "bfloat16", True),
            *[(ALTERNATING, "float32", True)] * pix2pix,
            *[(LIBRARY, "float32", None)] * (not pix2pix),
        ]
    return [
        (PLAIN, "float32", None),
        (TUNED, "float32", None),
        (TORCH, "float32", None),
        (OWN, "float32", None),
        (OWN, "bfloat16", None),
        (LIBRARY, "float32", None),
        *[(ALTERNATING, "float32", None)] * pix2pix,
    ]


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


def growth_group(batches, sizes, gpu: bool, filters: int) -> Group:
    """pix2pix by batch size, by image size, and on a processor by replicas that share a batch."""
    cases = [(batch, 256, 1) for batch in batches] + [(2, size, 1) for size in sizes]
    cases += [] if gpu else [(2, 256, 2)]
    return Group(
        "pix2pix, by size",
        tuple(
            Variant("training", "pix2pix", OWN, batch, size, replicas=replicas, filters=filters,
                    compiled=True if gpu else None)
            for batch, size, replicas in dict.fromkeys(cases)
        ),
    )  # fmt: skip
