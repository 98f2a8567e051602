"""Who may call the service."""

import hmac
import os
from functools import wraps

from fastapi import HTTPException

API_TOKEN = os.environ.get("API_TOKEN", "secret")


def require_auth(route):
    """Only callers with the token get to a route."""

    @wraps(route)
    async def checked(*args, **kwargs):
        given = kwargs["request"].headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {API_TOKEN}".encode()):
            raise HTTPException(401, "The token is missing or wrong.")
        return await route(*args, **kwargs)

    return checked
