"""Journeys: expectations and what they weigh."""
