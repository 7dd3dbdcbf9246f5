"""Each claim of the report, and what the runs say to it.

A judge takes the runs by name and returns (verdict, evidence). Its threshold stands in the
evidence.
"""

SUPPORTED, IN_PART, CONTRADICTED = "supported", "in part", "contradicted"
NOT_TESTED, NO_RUN = "not tested here", "no run yet"
LABEL_CONTROL = 0.95  # share of generated images in which the classifier sees the label's class
SLIGHT = 0.02  # of a pixel's range: five grey levels
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
            first, last = epochs[0][loss], epochs[-1][loss]
            falls.append(last < first)
            told.append(f"{name} {loss} {first:.0f} in the first epoch, {last:.0f} in the last")
    if not told:
        return NO_RUN, "needs two epochs of `vae_anime` and `vae_cartoon`"
    return _verdict(falls), "; ".join(told)


def label_controls_class(runs):
    """cvae."""
    run = runs["cvae_faces"]
    shares = [run.figure(f"label_control_{k}") for k in (0, 1)]
    if None in shares:
        return NO_RUN, "needs `cvae_faces`"
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
        return NO_RUN, "needs `vq_vae_faces`"
    return (
        _verdict([generated < real]),
        f"mean squared error {generated:.4f} on 400 images that the VAE generated, {real:.4f} on "
        "held-out images. The measure says that they are easier (they are blurred), not that they "
        "are learned better",
    )


def dropout_noise_is_slight(runs):
    """pix2pix."""
    found = runs["map_to_aerial"].figure("noise_std")
    if found is None:
        return NO_RUN, "needs `map_to_aerial`"
    if runs["map_to_aerial"].metrics["epochs"] < 1:
        return NOT_TESTED, "the run was stopped within its first epoch"
    return (
        _verdict([found < SLIGHT]),
        f"over 8 draws a pixel's standard deviation is {found:.4f} of its range ({255 * found:.1f} "
        f"grey levels) on average; slight: below {SLIGHT}",
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
            NO_RUN,
            "needs `map_to_aerial` and `python -m experiments.evaluate --run-dir "
            "RUNS/map_to_aerial --reader RUNS/aerial_to_map`",
        )
    epochs = run.metrics["epochs"]
    # fewer epochs than the report's can support the claim, not contradict it
    untested = not good or (epochs < REPORT_EPOCHS and not all(good))
    return (
        NOT_TESTED if untested else _verdict(good),
        "overlap (IoU) of the input map with the map that the `aerial_to_map` run reads in the "
        f"output: {', '.join(told)}; supported where it is at least {READABLE:.0%} of the latter; "
        f"{epochs:.3g} epochs of the report's {REPORT_EPOCHS}",
    )


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
    if not runs["map_to_aerial"].finished:
        return NO_RUN, "needs `map_to_aerial`"
    values = [row[name] for row in runs["map_to_aerial"].epochs if name in row]
    if len(values) < 4:
        return NOT_TESTED, f"epochs in the run: {len(values)}, too few to tell"
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
    "discrete_latent_lets_other_distributions": _not_tested("the report trains none, nor do we"),
    "dropout_noise_is_slight": dropout_noise_is_slight,
    "dropout_beats_input_noise": _not_tested("no run has random values at the input"),
    "l1_low_patches_high_frequencies": _not_tested("no run leaves out one of the two"),
    "rivers_and_streets": rivers_and_streets,
    "green_areas": green_areas,
    "more_epochs": more_epochs,
    "authors_implementation": _not_tested("a statement on the report's own code"),
    "medical_uses": _not_tested("no medical images here"),
}


def _verdict(signs):
    return SUPPORTED if all(signs) else IN_PART if any(signs) else CONTRADICTED
