"""The catalogue of transforms: one file per kind of decision.

To add one, write a module with a page as its docstring, a ``TRANSFORM`` and ``EXAMPLES``, and name
it below.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from asyncify.decisions import Decision
from asyncify_transforms import (
    add_base,
    add_decorator,
    add_factory,
    add_parameter,
    apply_in_comprehension,
    await_expression,
    await_first_match,
    close_to_async_with,
    consume_generator,
    copy_decorator,
    copy_function,
    define_lambda,
    delegate_generator,
    edit_annotation,
    edit_arguments,
    enter_run_sync,
    expect_to_with,
    finish_fixture,
    insert_statements,
    keep_sync_twin,
    make_async,
    make_async_for,
    make_async_with,
    make_fixture,
    query_to_select,
    remove_await,
    remove_statement,
    rename_method,
    rename_name,
    rename_reference,
    rename_variable,
    replace_call,
    replace_expression,
    replace_string,
    run_metadata,
    sort_by_awaited_keys,
    strip_cache,
    strip_decorator,
    update_imports,
    use_guard_clauses,
    use_sync_session,
    wrap_asyncio_run,
    yield_items,
)
from asyncify_transforms._transform import Example, Transform

MODULES: tuple[ModuleType, ...] = (
    add_base,
    add_decorator,
    add_factory,
    add_parameter,
    apply_in_comprehension,
    await_expression,
    await_first_match,
    close_to_async_with,
    consume_generator,
    copy_decorator,
    copy_function,
    define_lambda,
    delegate_generator,
    edit_annotation,
    edit_arguments,
    enter_run_sync,
    expect_to_with,
    finish_fixture,
    insert_statements,
    keep_sync_twin,
    make_async,
    make_async_for,
    make_async_with,
    make_fixture,
    query_to_select,
    remove_await,
    remove_statement,
    rename_method,
    rename_name,
    rename_reference,
    rename_variable,
    replace_call,
    replace_expression,
    replace_string,
    run_metadata,
    sort_by_awaited_keys,
    strip_cache,
    strip_decorator,
    update_imports,
    use_guard_clauses,
    use_sync_session,
    wrap_asyncio_run,
    yield_items,
)
CATALOGUE: Mapping[type[Decision], Transform] = {
    module.TRANSFORM.decision: module.TRANSFORM for module in MODULES
}

__all__ = ["CATALOGUE", "MODULES", "Example", "Transform"]
