"""Documents, held against what they speak of."""
