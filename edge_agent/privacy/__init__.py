"""What tells of a person in a text: detectors that run on the device, before anything leaves it."""
