"""Which files of a folder are a model's checkpoints, its pieces and its settings."""
