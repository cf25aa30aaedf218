"""Decisions: what starts next and where, what follows an ended attempt. Nothing here waits or touches the system."""
