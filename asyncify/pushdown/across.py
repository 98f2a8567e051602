"""Across: the function that loads gets one beside it that gives the page."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.pushdown.steps import Step
from asyncify.pushdown.syntax import (
    Block,
    Edit,
    Refused,
    all_blocks,
    apply,
    indented,
    names,
    single_target,
    wrapped,
)
from asyncify.pushdown.writing import Pushed, Writer, holds, unused
from asyncify.vocabulary.push_down import BINDING


class AcrossWriter(Writer):
    """Writes a region whose rows another function loads. ``far`` loads, ``near`` cuts."""

    def write(self) -> Pushed:
        self.across()
        return self.pushed

    def across(self) -> None:
        """The function that loads gets another beside it, which gives the page."""
        self._check()
        moved, before, behind = self._parted()
        region = self.region
        total = self.total_name()
        body = self.body(moved, total)
        given = [*self._given(moved)]
        name = self._name("page" if region.part is not None else "count")
        gives_total = bool(total) and region.is_counted
        returned = f"return {self.terminal(self.query)}"
        if region.part is None:
            body, returned = self._counting(body, total)
        elif gives_total:
            returned += f", {total}"
        self._add_function(name, given, [*body, *self._results(), returned], gives_total)
        self._call(name, given, total if gives_total else "", before, behind)

    def _check(self) -> None:
        """Refuse to put another function beside one that isn't plain."""
        definition, name = self.far.definition, self.far.function.name
        for decorator in definition.decorator_list:
            if not isinstance(decorator, ast.Name) or decorator.id not in BINDING:
                raise Refused(f"`{name}` is decorated")
        returns = [each for each in ast.walk(definition) if isinstance(each, ast.Return)]
        if len(returns) != 1:
            raise Refused(f"`{name}` returns in several places")
        if self.region.steps.total in self.far.locals:
            raise Refused(f"`{self.region.steps.total}` is another in `{name}`")

    def _results(self) -> list[str]:
        return self.result_lines() if self.region.part is not None else []

    def _counting(self, body: list[str], total: str) -> tuple[list[str], str]:
        last = body[-1]
        if last.startswith(f"{total} = "):
            return body[:-1], f"return {last.removeprefix(f'{total} = ')}"
        return body, f"return {total}"

    def _parted(self) -> tuple[list[Step], list[Step], list[Step]]:
        """The steps that move to the rows, and those that stay before and behind the call. Python
        moves where only what moves needs it."""
        moved = [step for step in self.region.done if step.kind != "python"]
        others = [step for step in self.region.done if step.kind == "python"]
        while True:
            needed = self._needed(moved)
            fresh = [
                step for step in others
                if (name := _assigned(step)) and name in needed
                and self._is_own(name) and not self._is_needed(name, moved)
            ]  # fmt: skip
            if not fresh:
                break
            moved += fresh
            others = [step for step in others if step not in fresh]
        order = {id(step): place for place, step in enumerate(self.region.done)}
        moved.sort(key=lambda step: order[id(step)])
        made = {name for step in moved for name in _stored(step)} | {self.region.steps.total}
        before: list[Step] = []
        behind: list[Step] = []
        for step in others:
            stored, reads = _stored(step), names(ast.parse("\n".join(step.lines)))
            if (reads & made) - {self.region.steps.total}:
                raise Refused(f"line {step.statement.lineno} needs what is asked of the database")
            is_late = bool(reads & made) or not stored or any(reads & _stored(b) for b in behind)
            (behind if is_late else before).append(step)
            earlier = [m for m in moved if order[id(m)] < order[id(step)]]
            if stored & self._needed(moved if is_late else earlier, is_late):
                raise Refused(f"line {step.statement.lineno} changes what the page depends on")
        return moved, before, behind

    def _needed(self, moved: list[Step], with_page: bool = True) -> set[str]:
        """The names in what moves, those of the page's order and ends among them."""
        found = {name for step in moved for name in names(ast.parse("\n".join(step.lines)))}
        for order in self.region.steps.sorts if with_page else ():
            found |= {name for key in order.keys for name in names(ast.parse(key))}
        bounds = self.region.bounds
        if bounds is not None and with_page:
            for text in (bounds.limit, bounds.offset):
                found |= names(ast.parse(text or "0"))
        return found

    def _is_own(self, name: str) -> bool:
        """Is a name assigned once, and no parameter?"""
        stored = [
            node.id for node in ast.walk(self.near.definition)
            if isinstance(node, ast.Name) and not _is_read(node)
        ]  # fmt: skip
        return stored.count(name) == 1 and name not in {p.arg for p in self.near.parameters}

    def _is_needed(self, name: str, moved: list[Step]) -> bool:
        """Is a local name read in what stays?"""
        gone = {id(step.statement) for step in moved}
        region = self.region
        inside = {id(s) for s in region.block[region.begin : region.end + 1]}
        part = region.part
        cut = {id(node) for node in ast.walk(part)} if part is not None else set()
        for block in all_blocks(self.near.definition.body):
            for statement in block:
                if id(statement) in gone or _assigned_by(statement) == name:
                    continue
                if (
                    id(statement) not in inside
                    and statement.lineno < region.block[region.begin].lineno
                ):
                    continue
                if any(
                    isinstance(node, ast.Name) and node.id == name and id(node) not in cut
                    and not any(holds(step.statement, node) for step in moved)
                    for node in ast.walk(statement)
                ):  # fmt: skip
                    return True
        return False

    def _given(self, moved: list[Step]) -> Iterator[ast.arg]:
        """The parameters that the new function needs, as those of the function that cuts."""
        stored = {name for step in moved for name in _stored(step)} - {self.query}
        needed = self._needed(moved) - stored - {self.query, self.region.steps.total}
        wanted = needed & self.near.locals
        if wanted & {"self", "cls"}:
            raise Refused("it needs what another object has")
        clash = (wanted | stored) & self.far.locals - {self.query}
        if clash:
            raise Refused(f"`{sorted(clash)[0]}` is another in `{self.far.function.name}`")
        for name in sorted(needed - wanted - self.speller.spelled):
            self.speller.same(name, self.near.function.module)
        known = {p.arg: p for p in self.near.parameters}
        yield from (p for p in self.near.parameters if p.arg in wanted)
        seen = [n.id for n in ast.walk(self.near.definition) if isinstance(n, ast.Name)]
        yield from (ast.arg(name) for name in sorted(wanted - known.keys(), key=seen.index))

    def _name(self, ending: str) -> str:
        base = f"{self.far.function.name}_{ending}"
        owner = self.far.function.owner
        used = set(owner.methods) if owner is not None else set(self.far.function.module.bindings)
        name = unused(base, used | self.taken)
        self.taken.add(name)
        return name

    def _add_function(
        self, name: str, given: list[ast.arg], body: list[str], gives_total: bool
    ) -> None:
        """The new function, right behind the one that loads."""
        definition, source = self.far.definition, self.source
        begin = source.first_line(definition)
        end = definition.end_lineno or 0
        edits = [*self.order_edits(), self._header(name, given, gives_total)]
        edits += self._docstring()
        edits.append(self._ending(body))
        start, stop = source.lines_span(begin, end)
        text = apply(source.text, edits, start, stop).rstrip("\n")
        blank = "\n" if definition.col_offset else "\n\n"
        last = "\n" if stop == len(source.text) and not source.text.endswith("\n") else ""
        self.pushed.add(self.far.function.module, (stop, stop, f"{last}{blank}{text}\n"))

    def _header(self, name: str, given: list[ast.arg], gives_total: bool) -> Edit:
        definition, source = self.far.definition, self.source
        parameters = [*self._parameters(), *self._new_parameters(given)]
        returns = ""
        if definition.returns is not None:
            kind = source.segment(definition.returns)
            if self.region.part is None:
                kind = "int"
            elif gives_total:
                kind = f"tuple[{kind}, int]"
            returns = f" -> {kind}"
        start = source.span(definition)[0]
        first = definition.body[0]
        colon = source.text.rindex(":", start, source.offset(first.lineno, first.col_offset))
        head = f"def {name}({', '.join(parameters)}){returns}"
        return start, colon, f"\n{' ' * definition.col_offset}".join(wrapped(head, 87))

    def _parameters(self) -> list[str]:
        arguments = self.far.definition.args
        if arguments.vararg or arguments.kwarg or arguments.posonlyargs:
            raise Refused(f"the parameters of `{self.far.function.name}` aren't plain")
        texts = [
            ast.unparse(ast.arguments([], [a], None, [], [], None, [])) for a in arguments.args
        ]
        for place, default in enumerate(reversed(arguments.defaults)):
            texts[-1 - place] += f" = {self.source.segment(default)}"
        if arguments.kwonlyargs:
            raise Refused(f"the parameters of `{self.far.function.name}` aren't plain")
        return texts

    def _by_keyword(self) -> bool:
        return bool(self.far.definition.args.defaults)

    def _new_parameters(self, given: list[ast.arg]) -> list[str]:
        texts = []
        defaults = self._defaults()
        for place, parameter in enumerate(given):
            text = parameter.arg
            if parameter.annotation is not None:
                text += f": {self._annotation(parameter.annotation)}"
            elif parameter.arg in self._numbers():
                text += ": int"
            rest = [p.arg for p in given[place:]]
            default = defaults.get(parameter.arg)
            if default is not None and all(name in defaults for name in rest):
                text += f" = {default}" if parameter.annotation is not None else f"={default}"
            texts.append(text)
        return ["*", *texts] if texts and self._by_keyword() else texts

    def _numbers(self) -> set[str]:
        """Names that are an end of the page, in functions that have annotations."""
        bounds = self.region.bounds
        is_annotated = any(p.annotation is not None for p in self.near.parameters)
        return {bounds.limit, bounds.offset} if bounds is not None and is_annotated else set()

    def _defaults(self) -> dict[str, str]:
        """The defaults of the function that cuts, as far as they are constants."""
        arguments = self.near.definition.args
        every = [*arguments.posonlyargs, *arguments.args]
        pairs = list(zip(reversed(every), reversed(arguments.defaults), strict=False))
        pairs += [
            (a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d
        ]
        return {a.arg: ast.unparse(d) for a, d in pairs if isinstance(d, ast.Constant)}

    def _annotation(self, node: ast.expr) -> str:
        for name in names(node):
            self.speller.same(name, self.near.function.module)
        return self.near.source.segment(node)

    def _docstring(self) -> list[Edit]:
        first = self.far.definition.body[0]
        if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
            return []
        region = self.region
        text = f"One page of what `{self.far.function.name}` gives"
        text += ", and how many there are." if region.is_counted else "."
        if region.part is None:
            text = f"How many `{self.far.function.name}` gives."
        return [(*self.source.span(first), f'"""{text}"""')]

    def _ending(self, lines: list[str]) -> Edit:
        """The statements that load and return, replaced by others."""
        block, place = self._terminal_place()
        first = block[place]
        if self.load.extra is not None:
            if place == 0 or block[place - 1] is not self.load.extra:
                raise Refused("its result is asked for further up")
            first = block[place - 1]
        last = block[-1]
        start = self.source.lines_span(first.lineno - 1, first.lineno)[0]
        end = self.source.span(last)[1]
        return start, end, "\n".join(indented(lines, first.col_offset))

    def _terminal_place(self) -> tuple[Block, int]:
        for block in all_blocks(self.far.definition.body):
            for place, statement in enumerate(block):
                value = getattr(statement, "value", None)
                if value is not self.load.whole or isinstance(statement, ast.Expr):
                    continue
                if self._returns(block, place):
                    return block, place
        raise Refused(f"`{self.far.function.name}` does more than return what it loads")

    def _returns(self, block: Block, place: int) -> bool:
        if isinstance(block[place], ast.Return):
            return place == len(block) - 1
        target = single_target(block[place])
        last = block[-1]
        if target is None or place != len(block) - 2 or not isinstance(last, ast.Return):
            return False
        return isinstance(last.value, ast.Name) and last.value.id == target[0]

    def _call(
        self, name: str, given: list[ast.arg], total: str, before: list[Step], behind: list[Step]
    ) -> None:
        """The function that cuts calls the new one."""
        region, source = self.region, self.near.source
        text = self._call_text(name, given)
        if not region.steps.rows and not region.done:
            self._call_inline(text, total)
            return
        first, last = region.block[region.begin], region.block[region.end]
        rows = region.steps.rows or unused("rows", self.near.locals)
        lines = self.comments(first)
        lines += [line for step in before for line in step.lines]
        after = [line for step in behind for line in step.lines]
        if region.part is None:
            end = [] if region.ends_in_total else self._replaced(last, [], total)
            lines += [f"return {text}"] if end == [f"return {total}"] else [
                *wrapped(f"{total} = {text}"), *after, *end
            ]  # fmt: skip
        else:
            named = single_target(last)
            rows = named[0] if named is not None and named[1] is region.part else rows
            target = f"{rows}, {total}" if total else rows
            after += self.comments(last) if last is not first else []
            end = self._replaced(last, [(*source.span(region.part), rows)], total)
            if not after and end == [f"return {target}"]:
                lines += wrapped(f"return {text}")
            else:
                lines += [*wrapped(f"{target} = {text}"), *after]
                lines += end if end != [f"{rows} = {rows}"] else []
        self._replace_lines(source.first_line(first), last, first.col_offset, lines)
        self._later_counts(last, total)

    def _call_inline(self, text: str, total: str) -> None:
        region, module = self.region, self.near.function.module
        if region.part is not None and region.counts:
            raise Refused("rows without a name are cut and counted")
        for node in [region.part] if region.part is not None else region.counts:
            assert node is not None
            self.pushed.add(module, (*self.near.source.span(node), text))

    def _call_text(self, name: str, given: list[ast.arg]) -> str:
        call = self.region.call
        assert isinstance(call, ast.Call)
        source = self.near.source
        if isinstance(call.func, ast.Attribute):
            function = f"{source.segment(call.func.value)}.{name}"
        else:
            function = name
            self._import(call.func, name)
        arguments = [source.segment(arg) for arg in call.args]
        arguments += [source.segment(k) for k in call.keywords]
        by_keyword = self._by_keyword() or bool(call.keywords)
        arguments += [f"{p.arg}={p.arg}" if by_keyword else p.arg for p in given]
        return f"{function}({', '.join(arguments)})"

    def _import(self, function: ast.expr, name: str) -> None:
        """The new function is imported as the one beside it."""
        module = self.near.function.module
        if module is self.far.function.module:
            return
        binding = module.bindings.get(function.id) if isinstance(function, ast.Name) else None
        item = binding.value if binding is not None and binding.kind == "import" else None
        if item is None or item.level or name in module.bindings:
            raise Refused("how the function that loads is imported isn't plain")
        self.spellers[module].imports[name] = item.module


def _assigned(step: Step) -> str:
    """The one name that a statement of Python assigns."""
    return _assigned_by(step.statement)


def _assigned_by(statement: ast.stmt) -> str:
    target = single_target(statement)
    return target[0] if target is not None else ""


def _stored(step: Step) -> set[str]:
    tree = ast.parse("\n".join(step.lines))
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not _is_read(n)}


def _is_read(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)
