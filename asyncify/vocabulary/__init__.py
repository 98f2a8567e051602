"""What the analysis knows of SQLAlchemy, SQLModel, FastAPI and others, as tables of data."""
