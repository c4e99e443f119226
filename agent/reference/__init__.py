"""The reference profile: what the model's inputs and outputs looked like when it was accepted."""
