"""What is measured of a model: at an epoch's end, and when training ends or by ``evaluate``."""
