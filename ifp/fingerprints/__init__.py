"""Channels: latents of an ensemble of models compared by the information that they hold, whatever their axes.

Murphy, Dillavou and Bassett, Comparing the information content of probabilistic representation spaces (TMLR 2025),
arXiv:2405.21042. A channel is one latent, a group of them or a whole latent space of one model; its fingerprint is the
matrix of Bhattacharyya coefficients between its posteriors of N fixed images. Information is in bits here, as there.
"""
