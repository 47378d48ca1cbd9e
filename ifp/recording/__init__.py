"""Recordings of models in their users' own training loops: how a model is asked, and the folder of its codes."""
