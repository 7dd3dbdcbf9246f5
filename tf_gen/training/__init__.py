"""Training: the loop, what watches it, checkpoints and the run folder."""
