"""The verbs on executions: the only room that asks for a transition on somebody's behalf."""
