"""What blocks the thread that it is called in, other than SQLAlchemy: as data.

A plain route runs in a thread of its own, an `async def` on the event loop, where nothing else goes
on until the call is back. Only what waits for long is here: the network, other processes, sleep,
and what is slow by design. Files are told of apart from these, since most are small and near.
"""

from __future__ import annotations

from typing import NamedTuple


class Blocks(NamedTuple):
    """Calls that block. ``names`` are dotted; methods of what a call gives are ``class().method``,
    and ``*`` stands for all of them that ``quick`` doesn't name. ``instead`` says how async code
    does the same; ``new`` is what takes the same arguments and is awaited."""

    names: frozenset[str]
    instead: str
    new: str = ""
    quick: frozenset[str] = frozenset()
    is_file: bool = False


_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")


def _of(owners: str, methods: str) -> tuple[str, ...]:
    return tuple(f"{owner}.{method}" for owner in owners.split() for method in methods.split())


_REQUESTS = (
    *_of("requests requests.api", " ".join(_VERBS)),
    *_of(
        "requests.Session() requests.session() requests.sessions.Session()",
        f"{' '.join(_VERBS)} send",
    ),
)
_HTTPX = (
    *_of("httpx", f"{' '.join(_VERBS)} stream"),
    *_of("httpx.Client()", f"{' '.join(_VERBS)} send stream"),
)
_URLLIB = (
    *_of("urllib.request", "urlopen urlretrieve"),
    *_of("urllib3", "request"),
    *_of("urllib3.PoolManager()", "request urlopen"),
    *_of("http.client.HTTPConnection() http.client.HTTPSConnection()", "request getresponse"),
)
_PROCESSES = (
    *_of("subprocess", "run call check_call check_output getoutput getstatusoutput"),
    *_of("subprocess.Popen()", "wait communicate"),
    *_of("os", "system popen wait waitpid"),
)
_SOCKETS = (
    *_of("socket", "create_connection getaddrinfo gethostbyname gethostbyaddr getfqdn"),
    *_of("socket.socket() socket.create_connection()", "connect recv recvfrom sendall accept"),
)
_MAIL = (
    *_of("smtplib", "SMTP SMTP_SSL"),
    *_of("smtplib.SMTP() smtplib.SMTP_SSL()", "login sendmail send_message starttls quit"),
    *_of("ftplib", "FTP FTP_TLS"),
    *_of("paramiko.SSHClient()", "connect exec_command open_sftp"),
)
_AWS = (
    *_of(
        "boto3.client() boto3.resource() boto3.Session().client() boto3.Session().resource() "
        "boto3.session.Session().client() boto3.session.Session().resource()",
        "*",
    ),
)
_HASHES = (
    *_of("bcrypt", "hashpw checkpw kdf"),
    *_of("hashlib", "pbkdf2_hmac scrypt"),
    *_of("argon2.PasswordHasher()", "hash verify"),
    *_of("werkzeug.security", "generate_password_hash check_password_hash"),
    *_of("passlib.context.CryptContext()", "hash encrypt verify verify_and_update"),
    *_of("passlib.hash.bcrypt passlib.hash.argon2 passlib.hash.pbkdf2_sha256", "hash verify"),
    *_of(
        "pwdlib.PasswordHash() pwdlib.PasswordHash.recommended()", "hash verify verify_and_update"
    ),
)
_REDIS = (*_of("redis.Redis() redis.StrictRedis() redis.from_url() redis.Redis.from_url()", "*"),)
_OPENAI = (
    *_of(
        "openai.OpenAI() openai.AzureOpenAI() groq.Groq()",
        "chat.completions.create chat.completions.parse completions.create responses.create "
        "responses.parse embeddings.create moderations.create images.generate images.edit "
        "audio.transcriptions.create audio.translations.create audio.speech.create",
    ),
    *_of("anthropic.Anthropic()", "messages.create messages.count_tokens messages.batches.create"),
)
_MODELS = (
    *_of("ollama ollama.Client()", "chat generate embed embeddings"),
    *_of("litellm", "completion embedding"),
    *_of("google.generativeai.GenerativeModel()", "generate_content"),
    *_of("google.genai.Client()", "models.generate_content models.embed_content"),
)
_STRIPE = (
    *_of(
        "stripe.PaymentIntent stripe.SetupIntent stripe.Customer stripe.Charge stripe.Refund "
        "stripe.Subscription stripe.Invoice stripe.Price stripe.Product stripe.PaymentMethod "
        "stripe.Account stripe.checkout.Session stripe.billing_portal.Session",
        "create retrieve modify list cancel confirm capture delete",
    ),
)
_MESSAGES = (
    *_of("twilio.rest.Client()", "messages.create calls.create"),
    *_of("sendgrid.SendGridAPIClient()", "send"),
)
_FILES = (
    "open",
    "io.open",
    *_of("gzip bz2 lzma", "open"),
    *_of("pathlib.Path()", "open read_text read_bytes write_text write_bytes"),
    *_of("shutil", "copy copy2 copyfile copytree move rmtree make_archive unpack_archive"),
)

BLOCKING: tuple[Blocks, ...] = (
    Blocks(frozenset({"time.sleep"}), "await `asyncio.sleep`", "asyncio.sleep"),
    Blocks(frozenset(_REQUESTS), "use `httpx.AsyncClient`"),
    Blocks(frozenset(_HTTPX), "use `httpx.AsyncClient`"),
    Blocks(frozenset(_URLLIB), "use `httpx.AsyncClient`"),
    Blocks(frozenset(_PROCESSES), "use `asyncio.create_subprocess_exec`"),
    Blocks(frozenset(_SOCKETS), "use `asyncio.open_connection`, or the loop's methods"),
    Blocks(frozenset(_MAIL), "use an async client, such as `aiosmtplib`"),
    Blocks(
        frozenset(_AWS),
        "use `aioboto3`",
        quick=frozenset(
            {"can_paginate", "close", "generate_presigned_post", "generate_presigned_url"}
            | {"get_paginator", "get_waiter", "Bucket", "Object", "Queue", "Table", "Topic"}
        ),
    ),
    Blocks(
        frozenset(_REDIS),
        "use `redis.asyncio`",
        quick=frozenset({"close", "lock", "pipeline", "pubsub", "register_script"}),
    ),
    Blocks(frozenset(_OPENAI), "use the async client of the library, such as `AsyncOpenAI`"),
    Blocks(frozenset(_MODELS), "use what the library has for async code"),
    Blocks(frozenset(_STRIPE), "use the method whose name ends in `_async`"),
    Blocks(frozenset(_MESSAGES), "use what the library has for async code, or a thread"),
    Blocks(frozenset(_HASHES), "have it computed in a thread"),
    Blocks(frozenset(_FILES), "use `aiofiles` or `anyio.Path`", is_file=True),
)
# Names that nothing is imported for.
BUILTINS: frozenset[str] = frozenset(
    name for row in BLOCKING for name in row.names if "." not in name
)

_BY_NAME = {name: row for row in BLOCKING for name in row.names}


def blocks(name: str) -> Blocks | None:
    """The row of something that is called, by its dotted name."""
    found = _BY_NAME.get(name)
    if found is not None:
        return found
    owner, _, method = name.rpartition(".")
    found = _BY_NAME.get(f"{owner}.*")
    if found is None or method in found.quick or method.startswith("_") or not method:
        return None
    return found


# Run a function in a thread, awaited: how one is written where none is imported yet.
IN_A_THREAD = "asyncio.to_thread"
# Decorators of what can't be a plain function.
ALWAYS_ASYNC = frozenset({"websocket", "websocket_route", "asynccontextmanager"})
# Say that a socket doesn't wait.
NOT_WAITING = frozenset({"setblocking"})
# What waits where their result is entered or read, not where they are called: a thread is no help.
ENTERED: frozenset[str] = frozenset(
    {"httpx.stream", "httpx.Client().stream"}
    | {name for name in _FILES if name.rpartition(".")[2] == "open"}
)


def _tails() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in BLOCKING:
        for name in row.names:
            found.setdefault(name.partition(".")[0], set()).add(name.rpartition(".")[2])
    return {root: frozenset(tails) for root, tails in found.items()}


# The last names of what blocks, by the module that it is in.
TAILS: dict[str, frozenset[str]] = _tails()
# What makes the objects whose methods block.
MAKERS: frozenset[str] = frozenset(
    name.rpartition("().")[0]
    for row in BLOCKING for name in row.names if "()." in name and not row.is_file
)  # fmt: skip

# Locks of threads: https://docs.python.org/3/library/threading.html#lock-objects
THREAD_LOCKS: frozenset[str] = frozenset(
    f"threading.{name}" for name in ("Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition")
)
# By what a thread waits for others: in an event loop nobody goes on meanwhile.
WAITS: frozenset[str] = frozenset({"wait", "acquire", "sleep", "result"})
