"""The application."""

from contextlib import asynccontextmanager

from fastapi import FastAPI

from api.routes import jobs
from lib.db import engine


@asynccontextmanager
async def lifespan(app: FastAPI):
    """Connections are given back at the end."""
    yield
    engine.dispose()


app = FastAPI(title="Jobs", lifespan=lifespan)
app.include_router(jobs.router)
