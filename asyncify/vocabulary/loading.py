"""What loads attributes of instances, as tables: loader options, results, effects of sessions.

https://docs.sqlalchemy.org/en/21/orm/queryguide/relationships.html
https://docs.sqlalchemy.org/en/21/orm/session_state_management.html#refreshing-expiring
"""

from __future__ import annotations

from enum import Enum


class Gives(Enum):
    """What a call on a statement, a result or a session gives, as far as instances go."""

    SAME = "same"  # the statement or result again
    MANY = "many"  # all items
    ONE = "one"  # one item
    SCALAR = "scalar"  # the first part of one item
    SCALARS = "scalars"  # a result of first parts
    ROWS = "rows"  # a result of rows
    MAPPINGS = "mappings"  # a result of rows by the names of their parts
    PARTS = "parts"  # all items, some at a time
    KEYS = "keys"  # the keys of a dict
    MIXED = "mixed"  # a result of entities where one is selected, else of rows
    OTHER = "other"  # something else: nothing is known of it


class Effect(Enum):
    """What a method of a session does to the instances that it holds."""

    FLUSH = "flush"
    COMMIT = "commit"
    EXPIRE_ALL = "expire all"
    EXPIRE = "expire"  # its argument
    REFRESH = "refresh"  # its argument
    EXPUNGE_ALL = "expunge all"
    EXPUNGE = "expunge"  # its argument
    KEEP = "keep"  # its argument, or each of it, becomes the session's


# Loader options that load what they name; each may go on to the next relationship.
LOADING = {
    "joinedload", "selectinload", "subqueryload", "immediateload", "contains_eager",
    "joinedload_all", "selectinload_all", "subqueryload_all",
}  # fmt: skip
DEPTH = "recursion_depth"  # the keyword of those that go on along the same relationship
# All options: what else is given to a statement may be a joined collection, too.
LOADER_OPTIONS = LOADING | {
    "load_only", "defer", "undefer", "undefer_group", "lazyload", "noload", "raiseload",
    "defaultload", "Load", "with_loader_criteria", "with_expression", "selectin_polymorphic",
    "lazyload_all", "defaultload_all", "immediateload_all", "noload_all", "raiseload_all",
    "options", "load", "set_shard_id", "FromCache", "RelationshipCache",
}  # fmt: skip
# What ``joined-loading`` is about: the option that joins, and the one that comes instead.
JOINED, SELECTED = "sqlalchemy.orm.joinedload", "sqlalchemy.orm.selectinload"
# The one that adds criteria to all that a statement selects of a class.
LOADER_CRITERIA = "with_loader_criteria"
# Those that lead to the next one, and load nothing themselves.
LEADING = {"defaultload", "Load"}
# Those that load columns.
UNDEFERRING = {"undefer"}
UNDEFERRING_GROUPS = {"undefer_group"}
GROUP = {"group", "deferred_group"}  # the keywords of columns that are deferred together
# Those after which a relationship is not loaded by itself: what isn't there raises, or is empty;
# and those that leave it to the first read.
REFUSING, POSTPONING = {"raiseload", "noload"}, {"lazyload"}
# Those that load only the columns that they name, or all but those.
NARROWING, DEFERRING = {"load_only"}, {"defer"}
# Strategies of relationships that load with their parent.
EAGER = {"joined", "selectin", "subquery", "immediate", "noload"}
# Those that give an object of their own instead of instances.
QUERYING = {"dynamic", "write_only"}
DYNAMIC = "dynamic"
# What executes the Query of a dynamic relationship and has an equal on its statement.
DYNAMIC_EXECUTES = {"all", "first", "one", "one_or_none", "count"}
# What executes it otherwise, what executes one that selects something else, and what goes through
# the rows of that.
RESHAPED, RESHAPED_EACH = "reshaped", "reshaped*"
DYNAMIC_RUNS = {"scalar", "get", "update", "delete", "value", "values"}
# What makes a relationship load with its parent, and the keyword that SQLModel takes such in.
EAGERLY = ("lazy", '"selectin"')
OWN_OPTIONS = {"Relationship": "sa_relationship_kwargs"}
# Strategies of relationships that raise by themselves, before and after.
RAISING = {"raise", "raise_on_sql"}

# Methods of a statement after which its entities are others.
RESHAPING = {
    "with_entities", "with_only_columns", "add_columns", "add_column", "add_entity", "subquery",
    "cte", "scalar_subquery", "as_scalar", "exists", "label", "from_self", "union", "union_all",
    "intersect", "except_", "count", "tuples",
}  # fmt: skip
OPTIONS = "options"
VALUES = "values"  # of an UPDATE
UPDATING = {"update"}  # of a Query
UPDATED, EXECUTE = "_update", "execute"  # events; what listeners write with
WRITING_QUERIES = {"update", "delete"}
EXPIRING_ALL = {"expire_all", "rollback"}
# Words of suites whose tests may hold what a request expires: they share sessions with the program.
SHARING = ("dependency_overrides", "scoped_session", "async_scoped_session")
REQUEST = "a request"  # that reads
CALLEE = "what loads it again"  # likewise, a function or a query
LOADING_AGAIN = {REQUEST, CALLEE}  # who load it by themselves
KEEPER = "an object that keeps it"  # likewise
# What tests ask of a response: whether the request has succeeded.
STATUSES, SUCCESSES = {"status_code", "status"}, {"is_success", "ok"}
SUCCESSFUL = {"OK", "CREATED", "ACCEPTED", "NO_CONTENT"}
CATCHING_ALL = {"Exception", "BaseException"}
READING_REQUESTS = {"get", "head", "options"}  # those that write nothing
# Clients that run the program in the process of its tests.
CLIENTS = {
    "fastapi.testclient.TestClient", "starlette.testclient.TestClient", "httpx.AsyncClient",
    "flask.testing.FlaskClient",
}  # fmt: skip

QUERY_GIVES = {
    "all": Gives.MANY, "first": Gives.ONE, "one": Gives.ONE, "one_or_none": Gives.ONE,
    "scalar": Gives.SCALAR,
}  # fmt: skip
QUERY_GETS = {"get"}  # by primary key: what the session holds already comes without options

# What a read by primary key becomes where it has to load more: the method of the session that
# executes the statement, and what is read from what that gives. `get` itself would leave what the
# session holds already as it is, whatever its options say; a statement loads what isn't there.
GETS_AS = {
    "get": ("scalar", ""), "get_one": ("execute", ".scalar_one()"),
}  # fmt: skip
GETS_UNIQUE = {  # where a collection is joined
    "get": ("execute", ".unique().scalar_one_or_none()"),
    "get_one": ("execute", ".unique().scalar_one()"),
}

RESULT_GIVES = {
    "all": Gives.MANY, "fetchall": Gives.MANY, "fetchmany": Gives.MANY, "first": Gives.ONE,
    "one": Gives.ONE, "one_or_none": Gives.ONE, "fetchone": Gives.ONE, "scalar": Gives.SCALAR,
    "scalar_one": Gives.SCALAR, "scalar_one_or_none": Gives.SCALAR, "scalars": Gives.SCALARS,
    "unique": Gives.SAME, "yield_per": Gives.SAME, "freeze": Gives.SAME, "columns": Gives.SAME,
    "tuples": Gives.SAME, "mappings": Gives.MAPPINGS, "partitions": Gives.PARTS,
}  # fmt: skip
ROW_MAPPINGS = {"_mapping", "_asdict"}  # what gives a row by the names of its parts
SESSION_GIVES = {
    "execute": Gives.ROWS, "scalars": Gives.SCALARS, "scalar": Gives.SCALAR, "exec": Gives.MIXED,
    "stream": Gives.ROWS, "stream_scalars": Gives.SCALARS,
}  # fmt: skip
SESSION_EFFECTS = {
    "flush": Effect.FLUSH, "commit": Effect.COMMIT, "rollback": Effect.EXPIRE_ALL,
    "expire_all": Effect.EXPIRE_ALL, "expire": Effect.EXPIRE, "refresh": Effect.REFRESH,
    "expunge_all": Effect.EXPUNGE_ALL, "expunge": Effect.EXPUNGE, "close": Effect.EXPUNGE_ALL,
    "add": Effect.KEEP, "add_all": Effect.KEEP, "begin_nested": Effect.FLUSH,
}  # fmt: skip
EXPIRING = {
    name for name, effect in SESSION_EFFECTS.items()
    if effect in (Effect.EXPIRE, Effect.EXPIRE_ALL)
}  # fmt: skip
REFRESHING = {name for name, effect in SESSION_EFFECTS.items() if effect is Effect.REFRESH}
MERGING = {"merge"}  # what gives the session's own instance of what it is given
TRANSACTIONS = {"begin", "begin_nested"}  # contexts that flush when they end
CLOSING = {"close", "remove"}  # what ends a session
NESTED = {"begin_nested"}  # those of them that don't commit
KEEPS_ON_COMMIT = "expire_on_commit"  # False for sessions that expire nothing
MAKES_SESSIONS = {
    "sessionmaker", "Session", "create_session", "scoped_session", "SQLAlchemy",
    "async_sessionmaker",
}  # fmt: skip
SCOPED = "scoped_session"  # of a factory that was made before

# Methods of sessions that write rows of what they are given, and the statements that do.
WRITING = {
    "add", "add_all", "delete", "delete_all", "merge", "merge_all", "bulk_save_objects",
    "bulk_insert_mappings", "bulk_update_mappings",
}  # fmt: skip
DELETING = {"delete", "delete_all"}
WRITERS = {"Insert", "Update", "Delete"}
RETURNING = "returning"
WRITING_TABLES = {"insert", "update", "delete"}  # methods of a table

# Methods that raise rather than give None.
NEVER_NONE = {"one", "scalar_one", "get_one"}
# Builtins that give the elements of what they are given, those that give one of them, and those
# that give a tuple of one of each.
ITERATING = {
    "list", "tuple", "set", "frozenset", "sorted", "iter", "reversed", "filter",
    "itertools.chain", "itertools.islice", "itertools.filterfalse", "itertools.takewhile",
    "itertools.dropwhile", "heapq.nlargest", "heapq.nsmallest", "collections.deque",
    "random.sample", "random.choices", "itertools.cycle", "itertools.compress",
    "heapq.merge",
}  # fmt: skip
DICT = "dict"
PICKING = {
    "next", "min", "max", "random.choice",
    "heapq.heappop", "heapq.heappushpop", "heapq.heapreplace",
}  # fmt: skip
COPYING = {"dict", "list", "tuple"}  # make the same of what they are given
MAPPING = {"map"}  # give what a function makes of each item
GROUPING = {"itertools.groupby"}  # give pairs of a key and the items that have it
SORTING = "sort"
NEIGHBOURS = "itertools.pairwise"
# What gives several of the items, one after the other.
IN_PARTS = {
    "itertools.batched",
    "itertools.combinations",
    "itertools.permutations",
    "itertools.tee",
}
PAIRING = {"zip", "itertools.zip_longest", "itertools.product"}
ENUMERATING = {"enumerate"}
GOING_THROUGH: set[str] = (
    ITERATING | PICKING | PAIRING | ENUMERATING | MAPPING | GROUPING | IN_PARTS | {NEIGHBOURS}
)
# Builtins whose result is gone once somebody has gone through it.
ITERATORS = {"iter", "filter", "map", "zip", "enumerate", "reversed"}
# Builtins that call a method of what they are given.
CALLING = {"str": "__str__", "repr": "__repr__", "print": "__str__", "format": "__format__"}
TRUTH = ("__bool__", "__len__")  # the first of them that there is
MEASURING = {"len": ("__len__",), "bool": TRUTH}
CONTAINING = {"In", "NotIn"}
# What the methods that a container inherits call of it; `collections.abc`.
# https://docs.python.org/3/library/collections.abc.html
_READ = {
    "Mapping": ("__getitem__", "__iter__", "__len__"), "Sequence": ("__getitem__", "__len__"),
    "Set": ("__contains__", "__iter__", "__len__"),
}  # fmt: skip
_CHANGED = {
    "MutableMapping": (*_READ["Mapping"], "__setitem__", "__delitem__"),
    "MutableSequence": (*_READ["Sequence"], "__setitem__", "__delitem__", "insert"),
    "MutableSet": (*_READ["Set"], "add", "discard"),
}
CONTAINERS = {
    f"{module}.{name}": methods
    for module in ("collections.abc", "typing")
    for name, methods in {**_READ, **_CHANGED, "AbstractSet": _READ["Set"]}.items()
}
ASKED_BY_IN = ("__contains__", "__iter__")

# Methods of containers.
CONTAINER_GIVES = {
    "pop": Gives.ONE, "popleft": Gives.ONE, "copy": Gives.MANY, "values": Gives.MANY,
    "get": Gives.ONE, "setdefault": Gives.ONE, "items": Gives.ROWS,
    "keys": Gives.KEYS, "send": Gives.ONE,
}  # fmt: skip
NAMED_GETS = {"get", "setdefault", "pop"}  # by key
DEFAULTING = {"setdefault"}  # what puts its second argument there, too
FILLING = {"append", "add", "insert", "appendleft", "extend", "extendleft", "update"}
APPENDING = {"append", "add", "extend", "update"}  # those that put it at the end
REMOVING = {"remove", "discard", "pop", "popitem", "clear"}
EXTENDING = {"extend", "extendleft", "update"}  # by all that they are given

# Attributes that stand for those of a relationship, and columns that only a SELECT computes.
PROXIES = {"association_proxy", "AssociationProxy"}
EXPRESSIONS = "column_property"
# What else declares an attribute of a class.
DECLARING = {"Column", "mapped_column", "Field", "deferred", EXPRESSIONS, *PROXIES}
ENUMS = {"enum.Enum", "enum.IntEnum", "enum.StrEnum"}
ENUM = "member"
# What the types of columns give, and what they take and turn.
TYPES_GIVE = {
    "int": "int", "Integer": "int", "BigInteger": "int", "SmallInteger": "int",
    "float": "float", "Float": "float", "Decimal": "Decimal", "Numeric": "Decimal",
    "DECIMAL": "Decimal", "bool": "bool", "Boolean": "bool", "UUID": "UUID", "Uuid": "UUID",
    "datetime": "datetime", "DateTime": "datetime", "TIMESTAMP": "datetime",
    "DATETIME": "datetime", "date": "date", "Date": "date", "JSON": "JSON", "JSONB": "JSON",
}  # fmt: skip
DECORATED, DATETIME = "decorated", "datetime"  # of a type of the program; without a zone
JSON = "JSON"  # makes lists of tuples, and texts of the keys of dicts
TURNED = {  # a float in a literal is one of the constants of which nothing is kept
    ENUM: {"str"}, "int": {"str"}, "float": {"str", "int", "Decimal"},
    "Decimal": {"str", "float", "int", "ellipsis"}, "bool": {"str", "int"}, "UUID": {"str"},
    DATETIME: {"str", "AwareDatetime"}, "date": {"datetime"}, DECORATED: set[str](),
    JSON: {"tuple", "Tuple"},
}  # fmt: skip
# Kinds of which what is put there is taken to be turned where nothing is known of it: a decimal
# gets the digits of its column, a time loses its zone.
TURNED_UNLESS_KNOWN = {"Decimal", DATETIME, DECORATED}
DIVIDING = "Div"  # gives a float
# The types that a program makes of others, and their methods that turn what they are given.
DECORATING = {"sqlalchemy.TypeDecorator", "sqlalchemy.types.TypeDecorator"}
CONVERTING = {"process_bind_param", "process_result_value", "bind_processor", "result_processor"}
# A class whose subclasses' annotations are columns, without anything that says so.
MAPS_ANNOTATIONS = {"sqlmodel.SQLModel", "sqlmodel.main.SQLModel"}
DEFAULTS = {"default", "default_factory", "insert_default"}
EXPUNGING = "expunge_all"
TEXT = "text"  # what makes a statement of a string
KIND_KEYWORDS = {"asdecimal", "as_uuid"}  # keywords of types that may give something else
ENUM_VALUES = {"value", "name"}  # attributes of a member: what is stored of it
STANDING = {"synonym", "composite"}  # what reads others
# Builtins that read an attribute by its name.
READING = {"getattr", "hasattr"}
# What lists columns: their names are no literals, and getattr reads each of them.
COLUMN_LISTS = {"__table__", "__mapper__", "column_attrs"}
RELATIONSHIP_LISTS = {"relationships", "RelationshipProperty"}
DESCRIPTOR_LISTS = {"all_orm_descriptors"}
# Of libraries: what reads relationships that nobody names.
READING_ALL = {
    "include_relationships", "SQLAlchemyObjectType", "StrawberrySQLAlchemyMapper", "ModelView",
    "SerializerMixin",
}  # fmt: skip
# What gives the texts of what it is given, or parts of one; and of a table its keys or values.
SAME_TEXTS = {"list", "tuple", "set", "frozenset", "sorted", "reversed", "iter"}
SPLITTING = {"split", "rsplit"}
TABLE_PARTS = {"keys": 0, "values": 1}
SETTING = {"setattr"}
DICT_OF, VARIABLES_OF = "__dict__", "vars"  # what gives all attributes of an object as a dict
SETTING_MANY = {"sqlmodel_update"}  # methods that set what a dict or a schema holds
SETTING_MORE = "update"  # the keyword by which they are given others
# What gives the fields of a schema as they are: methods and functions; not if this is given, and
# then as text.
GIVING_FIELDS = {"items", "values", "model_dump", "dict", "copy", "model_copy", "get", "pop"}
READING_FIELDS = {"getattr", "dict", "vars"}
DUMP_MODE = "mode"
# What makes text of an instance.
MAKING_TEXT = ("__format__", "__str__", "__repr__")  # the first that there is
FORMATTED = set(MAKING_TEXT)
# What compares instances, by the operator, and the builtins that do so where they have no key.
COMPARED = {
    "Eq": "__eq__", "NotEq": "__eq__", "In": "__eq__", "NotIn": "__eq__",
    "Lt": "__lt__", "LtE": "__le__", "Gt": "__gt__", "GtE": "__ge__",
}  # fmt: skip
# What Python calls of an object by itself, other than to go through it.
CALLED_BY_PYTHON = FORMATTED | set(COMPARED.values()) | {
    "__len__", "__bool__", "__contains__", "__hash__",
}  # fmt: skip
# What puts items among those of the same hash, and what it asks of them.
HASHED = ("__hash__", "__eq__")
HASHING = {"set", "frozenset", "collections.Counter"}
HASHING_COMPREHENSIONS = {"SetComp", "DictComp"}
REFLECTED = {"__lt__": "__gt__", "__gt__": "__lt__", "__le__": "__ge__", "__ge__": "__le__"}
# https://docs.python.org/3/library/heapq.html, https://docs.python.org/3/library/bisect.html
PUSHING = {
    "heapq.heappush", "bisect.insort", "bisect.insort_left", "bisect.insort_right",
    "heapq.heappushpop", "heapq.heapreplace",
}  # fmt: skip
ORDERING = {
    "sorted": "__lt__", "min": "__lt__", "max": "__gt__", "heapq.heapify": "__lt__",
    "heapq.heappop": "__lt__", "heapq.nsmallest": "__lt__", "heapq.nlargest": "__lt__",
    "heapq.merge": "__lt__", "bisect.bisect": "__lt__", "bisect.bisect_left": "__lt__",
    "bisect.bisect_right": "__lt__", **dict.fromkeys(PUSHING, "__lt__"),
}  # fmt: skip
ADDED, AND, NOT = "Add", "And", "Not"  # two lists; what is true of several
JOINED_BY = ("foreign_keys", "primaryjoin")  # of a relationship, where keys lead both ways
# What dataclasses read of themselves: the flags that leave a field out, and the functions that read
# all fields. A class pattern reads the first ones.
SHOWN, COMPARES, IN_ORDER, BY_KEYWORD = "repr", "compare", "init", "kw_only"
TAKING_APART = {"dataclasses.asdict", "dataclasses.astuple", "dataclasses.replace"}
DATACLASSES = {"MappedAsDataclass", "mapped_as_dataclass", "dataclass"}
MATCH_ARGUMENTS = "__match_args__"
MODULO, FORMAT = "Mod", "format"  # what makes text of more than one value
# What makes a function that reads attributes by their names.
GETTERS = {"operator.attrgetter"}
CALLERS = {"operator.methodcaller"}  # the same for a method
BINDING = {"functools.partial"}  # gives a function some of its arguments
PICKERS = {"operator.itemgetter"}  # and for what is held
# Methods of writers of CSV: each field becomes text.
# https://docs.python.org/3/library/csv.html#csv.csvwriter.writerow
WRITING_ROWS = {"writerow", "writerows"}
# What writes JSON: the keywords that name what is called for each object which it can't write, or a
# class with such a method. https://docs.python.org/3/library/json.html#json.JSONEncoder.default
ENCODING = {
    "json.dumps", "json.dump", "simplejson.dumps", "simplejson.dump", "orjson.dumps",
    "msgspec.json.encode", "msgspec.to_builtins",
}  # fmt: skip
ENCODERS, ENCODER_CLASS, ENCODES = {"default", "enc_hook"}, "cls", "default"
# https://docs.python.org/3/library/string.html#string.Template, and of texts
SUBSTITUTING, FORMATTING_BY, SPLIT = {"substitute", "safe_substitute"}, "format_map", "split"
REDUCING = "functools.reduce"
# Methods of loggers: what they are given becomes text.
LOGGING = {"debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log"}

# Methods that run what they are given where attributes load as they did.
IN_GREENLETS = {"run_sync"}

# Where subclasses' columns come with a query of their base.
POLYMORPHIC_OPTIONS = {"selectin_polymorphic"}
WITH_SUBCLASSES = "with_polymorphic"
ALIASING, ALIAS_NAME = {"aliased", "with_polymorphic"}, "name"  # of rows
POLYMORPHIC_SETTINGS = {"polymorphic_load", WITH_SUBCLASSES}

# What renders a template, the keywords that name it, and that of its variables.
# https://fastapi.tiangolo.com/advanced/templates/
RENDERING = {"TemplateResponse", "render", "render_template", "render_async"}
TEMPLATE_NAMES, CONTEXT = {"name", "template_name"}, "context"
AWAITING_TEMPLATES = "enable_async"  # an environment so made awaits what its templates call
# What programs that render templates mention: of Jinja, Starlette, Flask and Sanic.
RENDERS_TEMPLATES = frozenset(
    {"Jinja2Templates", "Environment", "render_template", "get_template", "TemplateResponse"}
)
GETS_TEMPLATE = {"get_template", "select_template"}
MAKES_TEMPLATE = {"from_string", "Template"}  # of a text
LISTS_TEMPLATES = "DictLoader"  # of texts

# Factories of a suite: what makes instances of the class that they name.
# https://factoryboy.readthedocs.io/en/stable/reference.html#factory.Factory
FACTORIES = {
    "factory.Factory", "factory.base.Factory", "factory.alchemy.SQLAlchemyModelFactory",
    "pytest_factoryboy.Factory",
}  # fmt: skip
STORING_FACTORIES = {"factory.alchemy.SQLAlchemyModelFactory"}
# By which they flush, commit or query: https://factoryboy.readthedocs.io/en/stable/orms.html#sqlalchemy
AWAITED_SETTINGS = {
    "sqlalchemy_session_persistence", "sqlalchemy_get_or_create", "force_flush",
}  # fmt: skip
STORED_WITH = frozenset({"sqlalchemy_session", "sqlalchemy_session_factory"})
STORED_WITH_WHAT_GIVES_IT = "sqlalchemy_session_factory"
FACTORY_SETTINGS, FACTORY_MODEL = "Meta", "model"
SET_FACTORY = "_meta"  # what has the settings of a class, for who sets them later
FACTORY_GIVES = {
    "build": Gives.ONE, "create": Gives.ONE, "build_batch": Gives.MANY, "create_batch": Gives.MANY,
}  # fmt: skip
# What calls a factory that it is given where nothing can be awaited.
CALLING_FACTORIES = {
    "pytest_factoryboy.register", "pytest_factoryboy.fixture.register", "factory.create",
    "factory.create_batch", "factory.helpers.create", "factory.helpers.create_batch",
}  # fmt: skip
STORING_METHODS = {"create", "create_batch"}  # those that do what calling the class does

# What gives instances `awaitable_attrs` (SQLAlchemy 2), and the bases that can take it.
ASYNC_ATTRS, AWAITABLE = "AsyncAttrs", "awaitable_attrs"
EAGER_DEFAULTS = "eager_defaults"  # of a mapper that asks for what the database has set
SESSION_OF = "sqlalchemy.ext.asyncio.async_object_session"  # the session of an instance
INSPECTING = "sqlalchemy.inspect"  # tells whether an instance is persistent
# What an implicit load raises in async code: the first with asyncpg, and with aiosqlite before 2.1;
# the second, around the first, elsewhere.
NO_GREENLET = "MissingGreenlet"
LOADS_RAISE = {"StatementError", "SQLAlchemyError", "Exception", "BaseException"}
# What tells that a program sees to attributes that aren't loaded.
LOADING_BY_HAND = {
    "unloaded", "__dict__", "instance_state", "instance_dict", "run_sync", "set_committed_value",
    "greenlet_spawn", "populate_existing",
}  # fmt: skip
# Where a relationship stands that only chooses rows: as an argument, and what is called on it.
JOINS = {"join", "outerjoin"}
CRITERIA = {"any", "has"}
UNLOADED_RAISE = {NO_GREENLET, "StatementError", "DetachedInstanceError", "InvalidRequestError"}
DECLARATIVE_BASES = {"DeclarativeBase", "DeclarativeBaseNoMeta"}
BASE_MAKERS = {"declarative_base", "generate_base"}

# Schemas that are filled from attributes, the calls that do it, and the decorators that do it
# with what the function returns.
ROOTS = {"pydantic.RootModel", "pydantic.root_model.RootModel"}  # of what their brackets name
SCHEMAS = ROOTS | {
    "pydantic.BaseModel", "pydantic.main.BaseModel", "sqlmodel.SQLModel",
    "pydantic.generics.GenericModel", "pydantic.v1.BaseModel", "pydantic.v1.main.BaseModel",
    "pydantic.v1.generics.GenericModel",
}  # fmt: skip
VALIDATING = {"model_validate", "from_orm", "validate_python"}
ADAPTERS, TYPE_ADAPTER = {"TypeAdapter"}, "pydantic.TypeAdapter"  # of the type that they are given
FORWARDS = {"ForwardRef"}  # of the name that they are given
TAKING_TYPES = ADAPTERS | FORWARDS
ORM_MODE = "orm_mode"  # what pydantic 1 called `from_attributes`
PARSING = {"parse_obj_as"}  # functions: of a type, and a value
# What a field of pydantic is filled from instead of its own name, and the validators that see the
# object itself, with the keyword that says so.
ALIASES, ALIAS_PATH = ("validation_alias", "alias"), "AliasPath"
BEFORE = {"model_validator": "mode", "root_validator": "pre"}
BEFORE_FIELD = {"field_validator": "mode", "validator": "pre"}
BEFORE_IN_ANNOTATION = {"BeforeValidator", "PlainValidator", "WrapValidator"}
# Schemas of marshmallow, their methods that read an object, and fields that hold other schemas.
# https://marshmallow.readthedocs.io/en/stable/nesting.html
DUMPING_SCHEMAS = {"marshmallow.Schema", "marshmallow.schema.Schema"}
DUMPING = {"dump", "dumps"}
NESTED_FIELDS = {"Nested", "Pluck"}
# What sees the object itself: methods with this decorator, and those, or functions, of such fields.
BEFORE_DUMP, BY_METHOD, BY_FUNCTION = "pre_dump", "Method", "Function"
READS_FROM = "attribute"  # the keyword of a field that reads another attribute than its name
ROUTING = ("fastapi.",)
INJECTING = (*ROUTING, "litestar.")
VERBS = {"get", "post", "put", "patch", "delete", "head", "options"}
ROUTES = VERBS | {"api_route"}

# Methods that give all rows as a list, and those that leave some of them to the database.
LISTS = frozenset({"all", "fetchall"})
LIMITING = frozenset({"limit", "slice", "offset", "fetch"})
# Behind whose block the function goes on where that raises.
# https://docs.python.org/3/library/contextlib.html#contextlib.suppress
STOPPING = frozenset({"contextlib.suppress"})
# What environments of Jinja know by name; https://jinja.palletsprojects.com/en/stable/api/
TEMPLATE_FUNCTIONS, UPDATE = {"filters", "globals", "tests"}, "update"
# https://flask.palletsprojects.com/en/stable/api/#flask.Flask.template_filter
TEMPLATE_REGISTERING = {
    f"{prefix}template_{kind}" for prefix in ("", "app_") for kind in ("filter", "global", "test")
}
