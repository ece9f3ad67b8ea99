"""Frames: what a session holds, plans, finds and did, as DataFrames."""
