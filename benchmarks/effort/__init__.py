"""Where more effort pays: strategies against one answer and against the cloud, on checkable arithmetic."""
