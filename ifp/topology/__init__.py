"""How far the topologies of two clouds of matched points lie apart, and the shift of a latent that TopDis compares."""
