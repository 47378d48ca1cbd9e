"""Other people's checkpoints: read safely, recognised by their content, rebuilt from their shapes."""
