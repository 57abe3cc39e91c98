"""From a published weights file to a model folder that the engine loads. Needs the `models` extra."""

from edge_agent.slm.convert.pipeline import convert_gguf
from edge_agent.slm.convert.recipe import DEFAULT, RECIPES, Recipe, recipe_named

__all__ = ["DEFAULT", "RECIPES", "Recipe", "convert_gguf", "recipe_named"]
