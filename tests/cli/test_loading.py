import pytest

MEMORY = ("--store", "memory")


def test_several_workflows_in_a_file_are_asked_for_by_name(run):
    done = run("run", "shop.py", "n=4")
    assert 2 == done.returncode
    assert (
        "shop.py has 9 workflows: pack, numbers, failing, wobbly, chatty, held, poison, mixed, approval. Say which: spane run shop.py:pack"
        in done.stderr
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere.py", "there is no file 'nowhere.py'"),
        ("nowhere", "there is no file or module 'nowhere'"),
        (".", "there is no file or module '.'"),
        ("", "there is no file or module ''"),
        ("some/folder", "there is no file or module 'some/folder'"),
        ("shop.py:nothing", "'nothing' is not there. Workflows in shop.py: pack, numbers,"),
        ("shop.py:double", "'double' is a node; run a workflow that calls it. Workflows in shop.py: pack, numbers,"),
        ("shop.py:Order", "'Order' is no workflow. Workflows in shop.py: pack, numbers,"),
        ("plain.py", "plain.py has no workflow. Decorate the function that wires its nodes with @workflow."),
    ],
)
def test_what_is_not_there_is_said(run, folder, target, message):
    (folder / "plain.py").write_text("x = 1\n")
    done = run("graph", target)
    assert 2 == done.returncode
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_cannot_be_imported_shows_the_users_traceback_alone(run, folder):
    (folder / "broken.py").write_text("import nothing_like_this\n")
    done = run("graph", "broken.py")
    assert 2 == done.returncode
    assert "broken.py cannot be imported" in done.stderr
    assert "No module named 'nothing_like_this'" in done.stderr
    assert "importlib" not in done.stderr
    assert "spane/" not in done.stderr


def test_a_syntax_error_is_shown_where_it_stands(run, folder):
    (folder / "broken.py").write_text("def f(:\n")
    assert "SyntaxError" in run("graph", "broken.py").stderr


def test_a_module_can_be_named_instead_of_a_file(run):
    assert 0 == run("run", "shop:numbers", "n=4", *MEMORY).returncode


def test_a_file_is_imported_under_the_name_that_a_worker_imports_it_by(run, folder):
    flow = "import shop\nfrom spane import node, workflow\n\n@node\ndef name() -> str:\n    return __name__\n\n"
    for place in ("flows/orders.py", "src/pkg/orders.py"):
        (folder / place).parent.mkdir(parents=True)
        (folder / place).write_text(flow + "mine = workflow.of('mine', name)\n")
    (folder / "src/pkg/__init__.py").touch()
    assert "flows.orders\n" == run("run", "flows/orders.py", *MEMORY).stdout
    assert "pkg.orders\n" == run("run", "src/pkg/orders.py", *MEMORY).stdout


def test_a_file_with_the_name_of_another_module_is_loaded_all_the_same(run, folder):
    (folder / "colorsys.py").write_text((folder / "shop.py").read_text())
    (folder / "sub").mkdir()
    (folder / "sub" / "my-flow.py").write_text((folder / "shop.py").read_text())
    assert 0 == run("run", "colorsys.py:numbers", "n=4", *MEMORY).returncode
    assert 0 == run("run", "sub/my-flow.py:numbers", "n=4", *MEMORY).returncode


def test_a_faulty_workflow_is_refused_before_anything_is_opened(run, folder):
    (folder / "faulty.py").write_text(
        "from spane import node, workflow\n\n"
        "@node\ndef a(x: int) -> int: ...\n\n@node\ndef b(x: int, y: str) -> int: ...\n\n"
        "@workflow\ndef w(n: int) -> int:\n    return b(a(), a('text'))\n"
    )
    done = run("run", "faulty.py", "n=1")
    assert 2 == done.returncode
    assert "Workflow 'w' has" in done.stderr
    assert not (folder / ".spane").exists()


def test_a_body_that_raises_is_told_with_the_users_line(run, folder):
    (folder / "raising.py").write_text(
        "from spane import workflow\n\n@workflow\ndef w() -> int:\n    raise RuntimeError('at wiring')\n"
    )
    done = run("run", "raising.py", *MEMORY)
    assert 2 == done.returncode
    assert "raising.py:5: its body raised RuntimeError: at wiring" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_of_a_file_that_is_no_python_is_told_so(run, folder):
    (folder / "README.md").touch()
    done = run("worker", "README.md")
    assert (2, True) == (done.returncode, "README.md is no Python file." in done.stderr), done.stderr


def test_what_is_wrong_with_a_workers_modules_is_told_beside_a_redis_that_is_away(run, folder):
    (folder / "bad.py").write_text("import dramatiq\n\n@dramatiq.actor\ndef greet(): ...\n\nimport nowhere\n")
    done = run("worker", "bad.py", SPANE_REDIS_URL="redis://localhost:1/0")
    assert 4 == done.returncode
    assert "spane: bad cannot be imported:\n" in done.stderr
    assert "No module named 'nowhere'\nspane: Redis cannot be reached" in done.stderr
