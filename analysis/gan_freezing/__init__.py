"""Freezing points of GANs with informative codes: the weight of information swept up and down while they train."""
