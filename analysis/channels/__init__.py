"""What an ensemble's channels have in common: hotspots, their freezing points, and how fragments split over beta."""
