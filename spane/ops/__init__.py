"""What keeps a process running well: the one place that owns loops and threads."""
