"""Landmarks of body and hands, wherever they come from: one form in memory, one store, one loader."""
