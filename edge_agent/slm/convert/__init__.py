"""From a published weights file to a model folder that the engine loads. Needs the `models` extra."""
