"""Checks at two gates: what landed, before anything is built on it, and what was built, before it is published."""

import warnings

# Great Expectations imports pyspark where that is installed, and hands nothing of pandas to it.
warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
