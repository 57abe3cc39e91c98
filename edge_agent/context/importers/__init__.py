"""Importers: files of a life become records. `run` takes paths; each other module reads one format."""

from edge_agent.context.importers.reading import Skipped
from edge_agent.context.importers.run import ImportProgress, ImportSummary, import_paths

__all__ = ["ImportProgress", "ImportSummary", "Skipped", "import_paths"]
