"""What the gateway adds and takes, beside LiteLLM's proxy before the same simulated model server."""
