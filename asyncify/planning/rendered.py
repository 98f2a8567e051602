"""Templates that tests look at: the sync client puts what was rendered on the response, httpx's
doesn't. A transport that does stands beside the client, in the tests' own file.

https://www.starlette.io/templates/#testing-template-responses
"""

from __future__ import annotations

from asyncify.analysis.program import Function
from asyncify.decisions import InsertStatements
from asyncify.planning.draft import Draft
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.testing import RENDERED, TRANSPORT

_TEXT = '''\
class {name}({transport}):
    """Keeps what was rendered on the response, as Starlette's own client does."""

    async def handle_async_request(self, request):
        app, rendered = self.app, {{}}
        messages = {messages}

        async def render(scope, receive, send):
            async def keep(message):
                if message["type"] in messages:
                    rendered.update(message.get("info", message))
                else:
                    await send(message)

            scope["extensions"] = dict.fromkeys(messages, {{}})
            await app(scope, receive, keep)

        inner = {transport}(render, self.raise_app_exceptions, self.root_path, self.client)
        response = await inner.handle_async_request(request)
        vars(response).update({{key: rendered.get(key) for key in ("template", "context")}})
        return response
'''
_MESSAGES = ("http.response.debug", "http.response.template")


def rendering_transport(function: Function, draft: Draft) -> str:
    """The name of the transport, which is defined before the function that makes the client."""
    transport = draft.spell(TRANSPORT)
    messages = repr(_MESSAGES).replace("'", '"')
    name = draft.free(RENDERED)
    source = _TEXT.format(name=name, transport=transport, messages=messages)
    put_before(function, draft, source)
    return name


def put_before(function: Function, draft: Draft, source: str) -> bool:
    """Put definitions before the function, or the class around it, once in a file. False where
    there is none."""
    while function.parent is not None and function.parent.facts.kind != "module":
        function = function.parent
    facts = function.facts
    kind = "ClassDef" if facts.kind == "class" else "FunctionDef"
    decision = InsertStatements(
        node=NodeRef(kind, facts.number, facts.name),
        site=Site(draft.module.path, facts.line, facts.column),
        source=source,
        where="before",
    )
    known = (x for x in draft.decisions if isinstance(x, InsertStatements))
    if facts.kind != "module" and all(x.source != source for x in known):
        draft.add(decision)
    return facts.kind != "module"
