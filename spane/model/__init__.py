"""The nouns: what every other room speaks of. Nothing here does input or output."""
