"""Command lines as jobs on a cluster: plans, submissions, and what Slurm knows of them."""
