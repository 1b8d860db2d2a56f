"""Eval data sets from use: what people said of answers becomes what later versions are held against."""
