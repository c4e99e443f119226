"""What comes in: event batches, the sources that read them, and their decoders."""
