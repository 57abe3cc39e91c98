"""The user's records for other programs on this device, by the Model Context Protocol."""

from edge_agent.mcp.server import create_server
from edge_agent.mcp.shared_records import SharedRecords

__all__ = ["SharedRecords", "create_server"]
