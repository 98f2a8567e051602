"""Chains of Query to run: at least one for every row that has a form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asyncify.vocabulary.rows import LINES
from tests.vocabulary_render import Step, steps

FROM_20 = ("2.0", "2.1")


@dataclass(frozen=True)
class Case:
    """A chain behind ``session.query(start)``.

    ``whole`` is the expression that the program returns, in async spelling, with the chain as
    ``{query}``; ``setup`` is a statement before it, in which ``{select}`` begins another query.
    ``unique`` is what the plan finds out: whether Query would have uniqued.
    """

    chain: str
    start: str = "User"
    entity: str = "User"
    unique: bool = False
    whole: str = "{query}"
    setup: str = "pass"
    iterated: bool = False
    raises: str = ""
    lines: tuple[str, ...] = LINES

    def __str__(self) -> str:
        return f"query({self.start}){self.chain}"

    def chain_steps(self) -> tuple[Step, ...]:
        return steps(self.chain) + ((Step("__iter__"),) if self.iterated else ())


def entity(chain: str, **other: Any) -> Case:
    """A query of User."""
    return Case(chain, **other)


def rows(start: str, chain: str, **other: Any) -> Case:
    """A query of columns or of several things."""
    return Case(chain, start, entity="", **other)


def address(chain: str, **other: Any) -> Case:
    """A query of Address."""
    return Case(chain, "Address", "Address", **other)


USER = "user = await session.get(User, 2)"
STALE = USER + "; user.__dict__['name'] = 'stale'"
ADDRESS = "known = await session.get(Address, 2)"
PENDING = "session.add(User(id=50))"
OTHERS = "other = {select}(User).filter(User.id < 3)"
OTHER_IDS = "other = {select}(Address.id)"
AGE = "({query}, user.age)"
KNOWN = "({query}, known in session)"
SELECTED = "(await session.execute(select({query}))).all()"
EXECUTED = "(await session.execute({query})).all()"
BESIDE_ID = "(await session.execute(select(User.id, {query}))).all()"
SCALAR = "await session.scalar(select({query}))"
STREAMED = "[user.id async for user in {query}]"

JOINED = ".join(User.addresses)"
COUNT = "func.count()"

CASES = (
    # all: Q01, Q02, Q03
    entity(".order_by(User.id).all()"),
    entity(".all()"),
    rows("User.id", ".order_by(User.id).all()"),
    rows("User.id, User.name", ".order_by(User.id).all()"),
    rows("User, Address", ".join(User.addresses).order_by(Address.id).all()"),
    entity(f"{JOINED}.order_by(User.id).all()", unique=True),
    entity(f"{JOINED}.order_by(User.id.desc()).limit(2).all()", unique=True),
    rows("User.id", f"{JOINED}.order_by(User.id).all()"),
    rows("User, User.name", f"{JOINED}.order_by(User.id).all()", unique=True),
    entity(".options(joinedload(User.addresses)).order_by(User.id).all()", unique=True),
    entity(".options(joinedload(User.addresses)).order_by(User.id).limit(2).all()", unique=True),
    entity(
        f"{JOINED}.options(contains_eager(User.addresses)).order_by(User.id).all()", unique=True
    ),
    entity(".options(selectinload(User.addresses)).order_by(User.id).all()"),
    rows('Bundle("b", User.id, User.name)', ".order_by(User.id).all()"),
    Case(".order_by(Other.id).all()", "Other", "Other"),
    rows("User.__table__", ".order_by(User.__table__.c.id).all()"),
    # first: Q04, Q05
    entity(".order_by(User.id).first()"),
    entity(".filter(User.id == 99).first()"),
    entity(".order_by(User.id).limit(0).first()"),
    entity(".order_by(User.id).offset(2).first()"),
    rows("User.id, User.name", ".order_by(User.id).first()"),
    rows("User.id", ".filter(User.id == 99).first()"),
    entity(f"{JOINED}.order_by(User.id).first()", unique=True),
    entity(".options(joinedload(User.addresses)).order_by(User.id).first()", unique=True),
    # one, one_or_none: Q06
    entity(".filter(User.id == 2).one()"),
    entity(".filter(User.id == 99).one()", raises="NoResultFound"),
    entity(".one()", raises="MultipleResultsFound"),
    rows("User.id, User.name", ".filter(User.id == 2).one()"),
    rows("User.id", ".filter(User.id == 99).one()", raises="NoResultFound"),
    entity(f"{JOINED}.filter(User.id == 2).one()", unique=True),
    entity(".filter(User.id == 99).one_or_none()"),
    entity(".filter(User.id == 2).one_or_none()"),
    entity(".one_or_none()", raises="MultipleResultsFound"),
    entity(f"{JOINED}.filter(User.id == 2).one_or_none()", unique=True),
    rows("User.id", ".filter(User.id == 2).one_or_none()"),
    rows("User.id", ".one_or_none()", raises="MultipleResultsFound"),
    # scalar: Q07
    rows("func.count(User.id)", ".scalar()"),
    rows("User.id", ".order_by(User.id).scalar()", raises="MultipleResultsFound"),
    rows("User.id", ".filter(User.id == 99).scalar()"),
    rows("User.name, User.id", ".filter(User.id == 2).scalar()"),
    entity(".filter(User.id == 2).scalar()"),
    entity(f"{JOINED}.filter(User.id == 2).scalar()", unique=True),
    # count: Q08
    entity(".count()"),
    entity(f"{JOINED}.count()"),
    entity(f'{JOINED}.filter(Address.email.like("ed%")).count()'),
    rows("User.age", ".distinct().count()"),
    entity(".limit(2).count()"),
    entity(".order_by(User.id).offset(1).limit(2).count()"),
    rows("User.age", ".group_by(User.age).count()"),
    rows("User, Address", ".join(User.addresses).count()"),
    entity(".options(joinedload(User.addresses)).count()"),
    entity(".order_by(User.name).count()"),
    rows("User.age", ".count()"),
    # get: Q21
    entity(".get(2)"),
    entity(".get(ident=2)"),
    entity(".get(99)"),
    entity('.get({"id": 2})'),
    entity(".get((2,))"),
    entity(".options(selectinload(User.addresses)).get(2)", whole="len({query}.addresses)"),
    entity(".populate_existing().get(2)", setup=STALE, whole="({query}, user.name)"),
    entity(".with_for_update().get(2)"),
    entity(".get(2)", setup="known = await session.get(User, 2)", whole="{query} is known"),
    # update, delete: Q10 to Q13
    entity(
        '.filter(User.age == 30).update({"age": 31})',
        whole=f"({{query}}, await session.scalar(select({COUNT}).where(User.age == 31)))",
    ),
    entity(
        ".update({User.age: User.age + 1})",
        whole="({query}, (await session.execute(select(User.age).order_by(User.id))).all())",
    ),
    entity('.filter(User.id == 2).update({"age": 99})', setup=USER, whole=AGE),
    entity('.filter(User.id == 2).update(values={"age": 99})', setup=USER, whole=AGE),
    entity(
        '.filter(User.id == 2).update({"age": 99}, synchronize_session=False)',
        setup=USER,
        whole=AGE,
    ),
    entity('.filter(User.id == 2).update({"age": 99}, False)', setup=USER, whole=AGE),
    entity(
        '.filter(User.id == 2).update({"age": 99}, synchronize_session="fetch")',
        setup=USER,
        whole=AGE,
    ),
    entity('.filter_by(name="ed").update({"age": 1})'),
    entity('.where(User.name == "ed").update({"age": 1}, update_args=None)'),
    entity(
        '.filter(User.age == 30).update({"age": 31})',
        setup='session.add(User(id=60, name="p", age=30))',
    ),
    entity('.filter(User.id == 99).update({"age": 31})', whole="bool({query})"),
    address(".filter(Address.user_id == 2).delete()"),
    address(".filter(Address.user_id == 99).delete()", whole="bool({query})"),
    address(".filter(Address.id == 2).delete()", setup=ADDRESS, whole=KNOWN),
    address(
        ".filter(Address.id == 2).delete(synchronize_session=False)", setup=ADDRESS, whole=KNOWN
    ),
    address('.filter(Address.user_id == 2).delete("fetch")'),
    address(".filter(Address.user_id == 2).delete(False)"),
    address(".filter(Address.user_id == 2).execution_options(foo=1).delete()"),
    entity(
        ".filter(User.id == 2).delete()",
        whole=f"({{query}}, await session.scalar(select({COUNT}).select_from(Address)))",
    ),
    # iteration, index, slice: Q14, Q26
    entity(".order_by(User.id)", whole="[user.name for user in {query}]", iterated=True),
    entity(f"{JOINED}.order_by(User.id)", whole="list({query})", unique=True, iterated=True),
    rows(
        "User.id, User.name",
        ".order_by(User.id)",
        whole="[(a, b) for a, b in {query}]",
        iterated=True,
    ),
    rows("User.id", ".order_by(User.id)", whole="sorted({query})", iterated=True),
    entity(".order_by(User.id)[0]"),
    entity(".order_by(User.id)[2]"),
    entity(".filter(User.id == 99)[0]", raises="IndexError"),
    entity(".order_by(User.id)[index]", setup="index = 1"),
    rows("User.id", ".order_by(User.id)[1]"),
    entity(".order_by(User.id)[1:3]"),
    entity(".order_by(User.id)[2:]"),
    entity(".order_by(User.id)[:2]"),
    entity(".order_by(User.id).offset(1)[1:2]"),
    rows("User.id", ".order_by(User.id)[1:3]"),
    entity(f"{JOINED}.order_by(User.id)[0:3]", unique=True),
    # the deprecated value() and values()
    entity(".order_by(User.id).value(User.name)"),
    entity(".filter(User.id == 99).value(User.name)"),
    entity(".order_by(User.id).values(User.id, User.name)", whole="list({query})"),
    entity(".order_by(User.id).values(User.id)", whole="next(iter({query}))"),
    # builders
    rows("User.id", ".add_column(User.name).order_by(User.id).all()"),
    rows("User", ".add_columns(User.name).order_by(User.id).all()"),
    rows("User", f"{JOINED}.add_entity(Address).order_by(Address.id).all()", unique=True),
    rows("User.id", ".autoflush(False).filter(User.id == 50).all()", setup=PENDING),
    rows("User.id", ".autoflush(setting=True).filter(User.id == 50).all()", setup=PENDING),
    rows(
        "User.id",
        ".filter(select(Address).where(Address.user_id == User.id).correlate(User).exists()).all()",
    ),
    rows(
        "Address.id",
        ".filter(Address.user_id == User.id).correlate(User).label('n')",
        whole="(await session.execute(select(User.id, {query}).where(User.id == 1))).all()",
    ),
    rows("User.age", ".distinct().order_by(User.age).all()"),
    entity(".distinct().order_by(User.name).all()"),
    entity(".enable_assertions(False).order_by(User.id).limit(2).filter(User.id > 1).all()"),
    entity(".enable_eagerloads(True).order_by(User.id).all()"),
    rows("User.id", ".execution_options(foo=1).order_by(User.id).all()"),
    entity(".filter(User.id > 1, User.age == 30).order_by(User.id).all()"),
    entity('.filter(text("id = 2")).all()'),
    entity(f"{JOINED}.distinct().order_by(Address.email).all()", unique=True, lines=FROM_20),
    rows("literal(True)", ".filter(User.id == 99).scalar()"),
    entity('.filter_by(name="ed").all()'),
    rows("User.id", '.filter_by(name="ed", age=30).all()'),
    entity('.from_statement(text("select * from users where id < 3 order by id")).all()'),
    entity('.from_statement(text("select * from users where id = :i")).params(i=2).all()'),
    entity('.from_statement(text("select * from users order by id")).first()'),
    rows(
        "User.age, func.count(User.id)", ".group_by(User.age).having(func.count(User.id) > 1).all()"
    ),
    rows("User.age", ".group_by(User.age).group_by(None).order_by(User.id).all()"),
    entity(f'{JOINED}.filter(Address.email == "ed@y").all()', unique=True),
    entity('.join(Address).filter(Address.email == "ed@y").all()', unique=True),
    entity(
        '.join(Address, Address.user_id == User.id).filter(Address.email == "ed@y").all()',
        unique=True,
    ),
    entity('.join(Address, User.addresses).filter(Address.email == "ed@y").all()', unique=True),
    entity('.join(User.addresses.of_type(Other)).filter(Other.email == "ed@y").all()', unique=True),
    entity(".join(inner, inner.c.user_id == User.id).order_by(User.id).all()", unique=True),
    rows("func.count(Address.id)", '.join(User).filter(User.name == "ed").scalar()'),
    rows("Post.id", ".join(Post.author).join(User.addresses).order_by(Post.id, Address.id).all()"),
    rows(
        "User.id, Address.id",
        ".join(User.addresses, isouter=True).order_by(User.id, Address.id).all()",
    ),
    rows("User.id, Address.id", ".outerjoin(User.addresses).order_by(User.id, Address.id).all()"),
    entity(".outerjoin(Address).order_by(User.id).all()", unique=True),
    entity(".order_by(User.id).limit(2).offset(1).all()"),
    entity(".order_by(User.id).limit(None).all()"),
    entity(".order_by(User.id).offset(3).all()"),
    entity(".only_return_tuples(True).order_by(User.id).all()"),
    entity(".tuples().order_by(User.id).all()", lines=FROM_20),
    rows("User.id", ".tuples().order_by(User.id).all()", lines=FROM_20),
    rows("User.id", ".order_by(User.age).order_by(None).order_by(User.id.desc()).all()"),
    rows('User.id, User.age.label("a")', '.order_by("a", User.id).all()'),
    entity('.filter(text("id = :i")).params(i=2).all()'),
    entity('.filter(User.id == bindparam("i")).params({"i": 2}).all()'),
    entity(
        ".populate_existing().order_by(User.id).all()", setup=STALE, whole="({query}, user.name)"
    ),
    rows("User.id", '.prefix_with("DISTINCT").order_by(User.id).all()'),
    rows("User.id", '.order_by(User.id).suffix_with("LIMIT 2").all()'),
    entity(f"{JOINED}.reset_joinpoint().filter(User.age == 30).all()", unique=True),
    rows("func.count()", ".select_from(User).scalar()"),
    rows("User.id", ".select_from(Address).join(Address.user).order_by(Address.id).all()"),
    entity(".order_by(User.id).slice(1, 3).all()"),
    rows(
        "User.id",
        ".set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL).subquery()",
        whole="{query}.c.keys()",
    ),
    rows("User.id", ".with_labels().subquery()", whole="{query}.c.keys()"),
    rows("User.id", ".apply_labels().subquery()", whole="{query}.c.keys()"),
    rows("User", ".filter(User.id > 1).with_entities(User.name).order_by(User.id).all()"),
    rows("User", f"{JOINED}.with_entities(Address.email).order_by(Address.id).all()"),
    rows("User", f"{JOINED}.with_entities(func.count()).scalar()"),
    rows("User", ".with_entities(func.count()).scalar()"),
    entity(".with_for_update().filter(User.id == 1).all()"),
    entity('.with_hint(User, "INDEXED BY x", "mysql").filter(User.id == 1).all()'),
    entity('.with_statement_hint("x", "mysql").filter(User.id == 1).all()'),
    address(".with_parent(user, User.addresses).order_by(Address.id).all()", setup=USER),
    entity(".with_session(session).order_by(User.id).all()"),
    entity(".with_transformation(lambda query: query.where(User.id == 1)).all()"),
    entity(".union(other).order_by(None).all()", setup=OTHERS, unique=True),
    entity(".filter(User.id == 1).union(other).all()", setup=OTHERS, unique=True),
    entity(".filter(User.id == 1).union_all(other).all()", setup=OTHERS, unique=True),
    entity(".except_(other).all()", setup=OTHERS, unique=True),
    entity(".intersect(other).all()", setup=OTHERS, unique=True),
    entity(".union(other).count()", setup=OTHERS),
    entity(".union(other).limit(1).all()", setup=OTHERS, unique=True),
    rows("User.id", ".union(other).all()", setup=OTHER_IDS),
    rows("User.id", ".union_all(other).all()", setup=OTHER_IDS),
    rows("User.id", ".except_(other).all()", setup=OTHER_IDS),
    rows("User.id", ".intersect(other).all()", setup=OTHER_IDS),
    rows("User.id", ".union(other).count()", setup=OTHER_IDS),
    entity(".except_all(other).all()", setup="other = {select}(User)", raises="OperationalError"),
    rows(
        "User.id",
        ".except_all(other).all()",
        setup="other = {select}(User.id)",
        raises="OperationalError",
    ),
    entity(
        ".intersect_all(other).all()", setup="other = {select}(User)", raises="OperationalError"
    ),
    rows(
        "User.id",
        ".intersect_all(other).all()",
        setup="other = {select}(User.id)",
        raises="OperationalError",
    ),
    entity(".order_by(User.id).yield_per(2)", whole=STREAMED, iterated=True),
    entity(f"{JOINED}.order_by(User.id).yield_per(2)", whole=STREAMED, iterated=True),
    rows(
        "User.id",
        ".order_by(User.id).yield_per(count=2)",
        whole="[id async for id, in {query}]",
        iterated=True,
    ),
    # statements
    rows("func.max(Address.id)", ".as_scalar()", whole=BESIDE_ID),
    rows("func.max(Address.id)", ".scalar_subquery()", whole=BESIDE_ID),
    rows("func.max(Address.id)", '.label("n")', whole=BESIDE_ID),
    rows("User.id", '.filter(User.id > 2).cte("c")', whole=SELECTED),
    entity(".filter(User.id == 1).exists()", whole=SCALAR),
    entity(".filter(User.id == 99).exists()", whole=SCALAR),
    entity(f"{JOINED}.exists()", whole=SCALAR),
    address(
        ".filter(Address.user_id == User.id).exists()",
        whole="(await session.execute(select(User.id).where(~{query}))).all()",
    ),
    rows("Address.user_id, func.count()", ".group_by(Address.user_id).subquery()", whole=SELECTED),
    rows("User.id", '.subquery("named")', whole="{query}.name"),
    rows(
        "User, Address",
        ".join(User.addresses).subquery(with_labels=True)",
        whole="{query}.c.keys()",
    ),
    rows("User, Address", ".join(User.addresses).subquery(None, False)", whole="{query}.c.keys()"),
    rows(
        "User, Address",
        ".join(User.addresses).subquery(reduce_columns=True)",
        whole="sorted({query}.c.keys())",
    ),
    rows("Address.user_id", ".filter(Address.id > 1).statement", whole=EXECUTED),
    rows("Address.user_id", ".filter(Address.id > 1).selectable", whole=EXECUTED),
    # the rest
    rows("User, User.id", ".column_descriptions", whole="[each['name'] for each in {query}]"),
    rows("User.id", ".execution_options(foo=1).get_execution_options()", whole="{query}['foo']"),
    entity(".is_single_entity"),
    entity(".lazy_loaded_from"),
    entity(".filter(User.id == 1).whereclause", whole="str({query})"),
    entity(".session", whole="{query} is session"),
    entity(".is_delete"),
    entity(".is_dml"),
    entity(".is_insert"),
    entity(".is_text"),
    entity(".is_update"),
    entity(".is_from_statement", lines=FROM_20),
    entity(".supports_execution"),
)
