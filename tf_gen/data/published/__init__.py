"""The report's published sets: found on this machine, or fetched; and as TFDS builders."""
