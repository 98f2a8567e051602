"""Asyncify moves Python code bases from sync SQLAlchemy to async SQLAlchemy."""

__version__ = "0.1.0"
