"""What left this device: a log that its user can read, and that shows when somebody has changed it."""
