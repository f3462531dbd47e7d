"""How workflows are written: decorators, references, tracing, wiring by name."""
