"""How much a latent, or all of them, say about a factor: estimators of information in nats, with their noise."""
