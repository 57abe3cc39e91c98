"""The pair that ships, measured: what the device's model and the cloud's get right, and how far the device knows it."""
