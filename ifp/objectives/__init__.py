"""Training objectives: one small class each, which reads like its paper's equation."""
