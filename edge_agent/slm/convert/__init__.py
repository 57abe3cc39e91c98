"""From a published weights file to a model folder that the engine loads. Needs the `models` extra.

The way in is `pipeline.convert`; `recipe.RECIPES` are the ways to store the weights. Nothing is imported here, so
that naming a recipe does not load the converter.
"""
