"""The runtime: Redis keys, Lua transitions, the pump that carries nodes through Dramatiq, and the executor."""
