"""Sections of the configuration, by family; `edge_agent.config` has the file as a whole."""
