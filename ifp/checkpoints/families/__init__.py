"""One module per code base: how its checkpoints are recognised, and how its encoder and decoder are rebuilt."""
