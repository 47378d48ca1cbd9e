"""Containers of arrays (torch, safetensors, TensorFlow), read without running anything that is in them."""
