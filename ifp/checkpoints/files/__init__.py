"""Reads containers of arrays (torch, safetensors, TensorFlow) without running anything that is in them."""
