"""What ``experiments.benchmark`` measures: variants, each in a process of its own, in turn."""
