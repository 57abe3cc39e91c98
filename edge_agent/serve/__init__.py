"""The agent over HTTP: OpenAI's chat completions on a local port, and a live dashboard at /."""

from edge_agent.serve.answerer import Answerer, Defaults
from edge_agent.serve.app import create_app
from edge_agent.serve.overview import Overview
from edge_agent.serve.room import Room
from edge_agent.serve.server import serve

__all__ = ["Answerer", "Defaults", "Overview", "Room", "create_app", "serve"]
