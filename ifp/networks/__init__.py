"""The encoders and decoders that are trained here, and their losses in nats."""
