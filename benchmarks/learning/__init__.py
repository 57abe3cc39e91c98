"""What learning from feedback gains, and what it costs, when a user's topics shift and when they do not."""
