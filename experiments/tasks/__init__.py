"""What training one kind of model means: one file a kind, all of the contract in ``task``."""
