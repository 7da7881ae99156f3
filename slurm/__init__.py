"""What a run can know of the Slurm job that it is part of; it submits nothing."""
