"""What is required: the report model, policy packs, and the engine that judges signals."""
