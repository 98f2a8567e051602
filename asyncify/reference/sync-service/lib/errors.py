"""Errors of the service, and decorators that turn them into responses or log them."""

import logging
from functools import wraps

from fastapi import HTTPException

logger = logging.getLogger(__name__)


class NotFound(Exception):
    """There is no such thing."""


class Conflict(Exception):
    """It is there already."""


def handle_http_exceptions(function):
    """What a controller raises becomes a response."""

    @wraps(function)
    def handled(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except NotFound as error:
            raise HTTPException(404, str(error)) from error
        except Conflict as error:
            raise HTTPException(409, str(error)) from error

    return handled


def log_errors(route):
    """What a route doesn't expect is logged."""

    @wraps(route)
    async def logged(*args, **kwargs):
        try:
            return await route(*args, **kwargs)
        except HTTPException:
            raise
        except Exception:
            logger.exception("%s failed", route.__name__)
            raise

    return logged
