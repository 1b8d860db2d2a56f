"""Answers from evidence, one file a route; every route returns candidates with quoted claims."""
