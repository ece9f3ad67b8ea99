"""Shown: plans, comparisons and their kin as a cell gets them: a value with its HTML, text and DataFrame."""
