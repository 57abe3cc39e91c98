"""From a published weights file to a model folder that the engine loads. Needs the `models` extra."""

from edge_agent.slm.convert.pipeline import convert_gguf
from edge_agent.slm.convert.recipe import DEFAULT, RECIPES, Recipe, recipe_named

#: Changes whenever the same file and recipe would give another folder.
VERSION = "1"

__all__ = ["DEFAULT", "RECIPES", "VERSION", "Recipe", "convert_gguf", "recipe_named"]
