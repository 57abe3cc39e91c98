"""Learning from use: what feedback in the journal teaches, and how retries are recognised."""
