"""Generators that are trained against a discriminator: InfoGAN and the independence-constrained GAN."""
