"""Readers of other data sets than WLASL, each with its official parts: videos and lists in, a subset out."""
