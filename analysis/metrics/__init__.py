"""Disentanglement metrics as plain functions on arrays."""
