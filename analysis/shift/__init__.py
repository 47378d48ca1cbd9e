"""How far a mitigation moves freezing points: melting points of probed models, paired by seed."""
