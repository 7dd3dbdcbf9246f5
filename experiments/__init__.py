"""The report's experiments, one script for each command: ``python -m experiments.NAME``."""
