"""What each latent holds, which factors have diffused over several latents, and what leaked away."""
