"""Starts servers, loads them, and writes down what came of it."""
