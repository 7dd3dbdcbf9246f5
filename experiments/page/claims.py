"""Each claim of the report, and what the runs say to it.

A judge takes the runs by name and returns (verdict, evidence). Its threshold stands in the
evidence.
"""

SUPPORTED, IN_PART, CONTRADICTED = "supported", "in part", "contradicted"
OPEN, NOT_TESTED, NOT_MEASURED = "open", "not tested here", "not measured yet"
RULE = (
    "Each verdict is about the runs above, on the data that are named there. A run of fewer epochs "
    "than the report's can support a claim, not contradict it: what it does not support is open."
)
LABEL_CONTROL = 0.95  # share of generated images in which the classifier sees the label's class
LEARNED = 0.15  # fewer bits a code than by frequencies alone
SLIGHT = 0.02  # of a pixel's range: five grey levels
TWICE, LARGER = 2.0, 1.25
READABLE = 0.8  # of the overlap that the reader has in the true photograph
LEGIBLE = 0.2  # overlap that the reader must have there: else it tells nothing of an output
REPORT_EPOCHS = 10  # of pix2pix
SSIM_MARGIN = 0.015  # what two single runs' SSIM may differ by without saying anything


def losses_fall(runs):
    """vae: figures 2 and 5."""
    told, falls = [], []
    for name in ("vae_anime", "vae_cartoon"):
        epochs = runs[name].epochs
        if len(epochs) < 2:
            continue
        for loss in ("loss", "recon_loss"):
            values = [row[loss] for row in epochs]
            falls.append(values[-1] < values[0])
            told.append(
                f"{name} {loss} {values[0]:.0f} in the first epoch, {values[-1]:.0f} in the last"
                + _rise(values)
            )
    if not told:
        return NOT_MEASURED, "needs two epochs of `vae_anime` and `vae_cartoon`"
    return _verdict(falls), "; ".join(told)


def _rise(values):
    """In words, the largest rise from one epoch to the next, if it ever rises."""
    rises = [after - before for before, after in zip(values, values[1:], strict=False)]
    if max(rises) <= 0:
        return ""
    k = rises.index(max(rises))
    return f" (a rise in epoch {k + 2}: {values[k]:.0f} to {values[k + 1]:.0f})"


def label_controls_class(runs):
    """cvae."""
    run = runs["cvae_faces"]
    shares = [run.figure(f"label_control_{k}") for k in (0, 1)]
    if None in shares:
        return NOT_MEASURED, "needs `cvae_faces`"
    real = [run.figure(f"classifier_accuracy_{k}") for k in (0, 1)]
    return (
        _verdict([share >= LABEL_CONTROL for share in shares]),
        f"a classifier trained on real images sees the label's class in {shares[0]:.1%} (label 0) "
        f"and {shares[1]:.1%} (label 1) of 400 generated images each (in real ones {real[0]:.1%}, "
        f"{real[1]:.1%}); supported from {LABEL_CONTROL:.0%} each",
    )


def generated_better_than_real(runs):
    """vq_vae."""
    real, generated = (runs["vq_vae_faces"].figure(f"{x}_mse") for x in ("val", "generated"))
    if real is None or generated is None:
        return NOT_MEASURED, "needs `vq_vae_faces`"
    vae = runs.get("vae_anime")
    spreads = [vae.figure(name) if vae else None for name in ("spread", "spread_real")]
    shares = ""
    if None not in spreads:
        shares = (
            f"; as a share of the images' own spread, squared, {generated / spreads[0] ** 2:.3f} "
            f"and {real / spreads[1] ** 2:.3f}"
        )
    return (
        _verdict([generated < real]),
        f"mean squared error {generated:.4f} on 400 images that the VAE generated, {real:.4f} on "
        f"held-out images{shares}. The generated ones are blurred and vary less: the measure says "
        "that they are easier, not that they are learned better",
    )


def discrete_latent_lets_other_distributions(runs):
    """vq_vae: by a prior over the codes, which the report does not train."""
    prior, vae = runs["vq_prior"], runs["vae_anime"]
    bits, unigram, neighbours = (
        prior.figure(f"val_bits_{name}") for name in ("per_code", "unigram", "neighbours")
    )
    if bits is None:
        return NOT_MEASURED, "needs `vq_prior`"
    signs = [bits <= (1.0 - LEARNED) * unigram, bits < neighbours]
    told = (
        f"a prior learned over the codes needs {bits:.2f} bits for one of held-out images, their "
        f"frequencies {unigram:.2f}, a table of the codes to the left and above {neighbours:.2f}; "
        f"learned: {LEARNED:.0%} below the first and below the second"
    )
    ours, theirs = (run.figure("val_kid_hed") for run in (prior, vae))
    if None not in (ours, theirs) and _same_data(prior, vae):
        signs.append(ours < theirs)
        told += (
            f". Its faces lie nearer to real ones than those of the VAE, whose prior is fixed, if "
            f"KID by an edge detector is lower: {ours:.4f} and {theirs:.4f}"
        )
    return _verdict(signs), told


def _same_data(*runs):
    """Whether runs validate on the same images."""
    return len({run.config["identity"].get("val_digest") for run in runs}) == 1


def dropout_noise_is_slight(runs):
    """pix2pix."""
    found = runs["map_to_aerial"].figure("noise_std")
    if found is None:
        return NOT_MEASURED, "needs `map_to_aerial`"
    if runs["map_to_aerial"].metrics["epochs"] < 1:
        return NOT_TESTED, "the run was stopped within its first epoch"
    return (
        _verdict([found < SLIGHT]),
        f"over 8 draws a pixel's standard deviation is {found:.4f} of its range ({255 * found:.1f} "
        f"grey levels) on average; slight: below {SLIGHT}{_epochs(runs['map_to_aerial'])}",
    )


def dropout_beats_input_noise(runs):
    """pix2pix: noise that the generator does not pass over."""
    found = [runs[name].figure("noise_std") for name in ("short", "short_input_noise")]
    if None in found:
        return NOT_MEASURED, "needs `short` and `short_input_noise`"
    errors = [runs[name].figure("val_l1") for name in ("short", "short_input_noise")]
    return (
        _verdict([found[0] >= TWICE * found[1]]),
        f"over 8 draws a pixel's standard deviation is {found[0]:.5f} of its range by dropout, "
        f"{found[1]:.5f} with a channel of random values beside the input in its place; L1 "
        f"{errors[0]:.4f} and {errors[1]:.4f}. Supported if the first is at least twice the "
        "second: noise that the generator learns to pass over is none",
    )


def l1_low_patches_high(runs):
    """pix2pix: what is lost where one of the two terms is left out."""
    short = [runs[name] for name in ("short", "short_l1_alone", "short_patches_alone")]
    low, high = (
        [run.figure(f"val_{name}") for run in short]
        for name in ("low_frequency_mse", "high_frequency_power")
    )
    if None in (*low, *high):
        return NOT_MEASURED, "needs `short`, `short_l1_alone` and `short_patches_alone`"
    return (
        _verdict([high[1] <= high[0] / TWICE, low[2] >= LARGER * low[0]]),
        f"without the patches the outputs have {high[1]:.3f} of the photographs' power within 8 "
        f"pixels, with both {high[0]:.3f}; without L1 the squared error of what varies over more "
        f"than 16 pixels is {low[2]:.5f}, with both {low[0]:.5f}. Supported if the first is at "
        f"most half and the second at least {LARGER:g} times as large",
    )


def rivers_and_streets(runs):
    """pix2pix: what a reader network sees in the generated photographs."""
    run = runs["map_to_aerial"]
    told, good = [], []
    for name in ("water", "street", "motorway"):
        found, real = (run.figure(f"val_map_iou_{name}{suffix}") for suffix in ("", "_real"))
        if found is None or not real:
            continue
        if legible := real >= LEGIBLE:
            good.append(found >= READABLE * real)
        blind = "" if legible else ": the reader does not know it, so not judged"
        told.append(f"{name} {found:.3f} (true photograph {real:.3f}{blind})")
    if not told:
        return (
            NOT_MEASURED,
            "needs `map_to_aerial` and `python -m experiments.evaluate --run-dir "
            "RUNS/map_to_aerial --reader RUNS/aerial_to_map`",
        )
    verdict = _verdict(good) if good else NOT_TESTED
    if verdict in (IN_PART, CONTRADICTED) and run.metrics["epochs"] < REPORT_EPOCHS:
        verdict = OPEN
    if verdict == SUPPORTED and len(good) < len(told):  # water, say, but no streets
        verdict = IN_PART
    epochs = run.figure("reader_epochs")
    trained = f" (epochs: {epochs:.3g})" if epochs else ""
    return (
        verdict,
        f"overlap (IoU) of the input map with the map that an `aerial_to_map` run{trained} reads "
        f"in the output: {', '.join(told)}; supported where it is at least {READABLE:.0%} of the "
        f"latter{_epochs(run)}",
    )


def _epochs(run):
    """In words, how far a run of pix2pix is from the report's."""
    done = run.metrics["epochs"]
    if done >= REPORT_EPOCHS:
        return ""
    return f"; after {done:.3g} of the report's {REPORT_EPOCHS} epochs"


def green_areas(runs):
    """pix2pix: images 3 and 4 of the report are not known."""
    run = runs["map_to_aerial"]
    found, real = (run.figure(f"val_map_recall_green{suffix}") for suffix in ("", "_real"))
    if found is None or real is None:
        return NOT_TESTED, "which images 3 and 4 were is not known"
    return (
        NOT_TESTED,
        "which images 3 and 4 were is not known. Over all validation images the reader finds "
        f"{found:.1%} of the input's green pixels in the output, {real:.1%} in the true photograph",
    )


def more_epochs(runs):
    """pix2pix, by SSIM in the report's mode."""
    name = "val_ssim_report_mode"
    run = runs["map_to_aerial"]
    if not run.finished:
        return NOT_MEASURED, "needs `map_to_aerial`"
    # a run that was stopped validates at its end, too: no whole epoch
    whole = [row for row in run.epochs if row["epoch"] <= run.metrics["epochs"]]
    values = [row[name] for row in whole if name in row]
    if len(values) < 4:
        return OPEN, f"whole epochs in the run: {len(values)}, too few to tell"
    half = len(values) // 2
    early, late = sum(values[:half]) / half, sum(values[half:]) / (len(values) - half)
    verdict = SUPPORTED if late - early > SSIM_MARGIN else CONTRADICTED
    return (
        verdict,
        f"SSIM (report's mode) {early:.3f} over the first half of the epochs, {late:.3f} over the "
        f"second; supported if it rises by more than {SSIM_MARGIN}. Clearer pictures are the "
        "reader's to judge",
    )


def _not_tested(reason):
    return lambda runs: (NOT_TESTED, reason)


JUDGES = {
    "losses_fall": losses_fall,
    "label_controls_class": label_controls_class,
    "generated_better_than_real": generated_better_than_real,
    "discrete_latent_lets_other_distributions": discrete_latent_lets_other_distributions,
    "dropout_noise_is_slight": dropout_noise_is_slight,
    "dropout_beats_input_noise": dropout_beats_input_noise,
    "l1_low_patches_high_frequencies": l1_low_patches_high,
    "rivers_and_streets": rivers_and_streets,
    "green_areas": green_areas,
    "more_epochs": more_epochs,
    "authors_implementation": _not_tested("a statement on the report's own code"),
    "medical_uses": _not_tested("no medical images here"),
}


def _verdict(signs):
    return SUPPORTED if all(signs) else IN_PART if any(signs) else CONTRADICTED
