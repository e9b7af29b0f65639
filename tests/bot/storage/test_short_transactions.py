"""In a transaction that others wait for, only statements are awaited: read off the code itself.

`write()` and `read(short=True)` must not wait for Discord, the disk or a thread, as SQLite's other
writers, or the event loop, would wait with them. What is awaited in them is something of the
connection, or is given the connection; and whatever is given it keeps to the same.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
STORAGE = ("database.py", "writer.py", "inline_sqlite.py", "moving.py")
"""What makes the transactions, and moves whole databases while no bot runs."""


def awaited(tree):
    """(line, code) of what short transactions await that is none of their statements."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef):
            every = (*node.args.args, *node.args.kwonlyargs)
            given = {each.arg for each in every if _is_connection(each)}
            if given:
                yield from _strange(node.body, given)
        elif isinstance(node, ast.AsyncWith):
            for item in node.items:
                if _is_short(item.context_expr):
                    yield from _strange(node.body, {item.optional_vars.id})


def _is_connection(argument):
    annotation = ast.unparse(argument.annotation) if argument.annotation else ""
    return argument.arg == "connection" or "AsyncConnection" in annotation


def _is_short(call):
    """Whether it begins a transaction that others wait for."""
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
        return False
    options = {each.arg for each in call.keywords}
    return (call.func.attr == "write" and "long" not in options and not call.args) or (
        call.func.attr == "read" and "short" in options
    )


def _strange(body, given):
    todo = [node for node in body if not isinstance(node, NESTED)]
    while todo:
        node = todo.pop()
        todo += [each for each in ast.iter_child_nodes(node) if not isinstance(each, NESTED)]
        match node:
            case ast.Await(value=call):
                calls = [call]
            case ast.AsyncFor(iter=call):
                calls = [call]
            case ast.AsyncWith(items=items):
                calls = [item.context_expr for item in items]
            case ast.comprehension(is_async=1, iter=call):
                calls = [call]
            case _:
                continue
        for call in calls:
            names = {each.id for each in ast.walk(call) if isinstance(each, ast.Name)}
            if not names & given:
                yield node.lineno if hasattr(node, "lineno") else call.lineno, ast.unparse(call)


def modules():
    files = sorted((ROOT / "bot").rglob("*.py"))
    return [file for file in files if not (file.parent.name == "storage" and file.name in STORAGE)]


@pytest.mark.parametrize("file", modules(), ids=lambda file: str(file.relative_to(ROOT)))
def test_a_short_transaction_awaits_nothing_but_statements(file):
    assert list(awaited(ast.parse(file.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("async with self._database.write() as c:\n await facts.put(c, 1)", []),
        ("async with self._database.write() as c:\n await sleep(1)", [(2, "sleep(1)")]),
        ("async with d.write() as c:\n if x:\n  await told(await sent())", None),
        ("async with d.write() as c:\n async for x in y():\n  pass", [(2, "y()")]),
        ("async with d.write() as c:\n x = [z async for z in y()]", [(2, "y()")]),
        ("async with d.write() as c:\n async with lock:\n  pass", [(2, "lock")]),
        ("async with d.write(long=True) as c:\n await sleep(1)", []),
        ("async with d.read() as c:\n await sleep(1)", []),
        ("async with d.read(short=True) as c:\n await sleep(1)", [(2, "sleep(1)")]),
        ("async def put(connection):\n await sleep(1)", [(2, "sleep(1)")]),
        ("async def put(c: AsyncConnection):\n await sleep(1)", [(2, "sleep(1)")]),
        ("async def put(c):\n await sleep(1)", []),
        ("async with d.write() as c:\n async def later():\n  await sleep(1)", []),
    ],
)
def test_what_is_awaited_besides_is_found(code, found):
    seen = list(awaited(ast.parse(code)))
    assert seen == found if found is not None else seen
