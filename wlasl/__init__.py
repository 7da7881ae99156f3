"""What clips exist, and how a clip becomes an array."""
