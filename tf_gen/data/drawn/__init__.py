"""The embedded sets, drawn by the package: a city and its map, faces of two styles."""
