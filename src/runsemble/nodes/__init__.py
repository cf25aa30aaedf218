"""Reaching a node: starting its agent, talking to it, claiming its cores."""
