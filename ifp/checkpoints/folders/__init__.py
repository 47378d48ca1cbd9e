"""Finds the checkpoints of a run in a folder, the files that belong to one model, and the settings beside them."""
