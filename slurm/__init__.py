"""Facts of the cluster job that a run is part of, and (later) the same command lines as jobs."""
