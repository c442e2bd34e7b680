"""What attribution needs that SQL is not enough for: chains of channels and how sure their figures are."""
