"""A run from its configuration to a whole folder, and a finished one measured again."""
