"""Training data: one row format, converters, curation, splits and lineage."""
