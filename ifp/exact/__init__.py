"""Exact annealing: the equilibrium curve of an ideal VAE, with the branches on which cooling and heating stay."""
