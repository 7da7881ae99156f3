"""The zoo: one table (`models.zoo`), one file per paper; a framework is imported when a model is built."""
