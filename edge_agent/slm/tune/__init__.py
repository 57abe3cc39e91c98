"""Fits a model to its device: which format of which group of matrices is fast here, and what it costs in precision.

The way in is `tuning.tune`. Needs the `models` extra, and `plot` for the picture.
"""
