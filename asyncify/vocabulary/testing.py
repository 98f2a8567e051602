"""Tests: what pytest collects, and the clients that call an application without a server.

https://docs.pytest.org/en/stable/explanation/goodpractices.html#conventions-for-python-test-discovery
"""

from __future__ import annotations

TEST_FILES = ("test_", "_test")  # how the names of collected files begin, or end
TEST_FOLDERS: frozenset[str] = frozenset({"test", "tests", "testing"})
TEST_FUNCTIONS = "test"
FIXTURES: frozenset[str] = frozenset(
    {"pytest.fixture", "pytest_asyncio.fixture", "pytest.yield_fixture"}
)
