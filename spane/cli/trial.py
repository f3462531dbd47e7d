"""Import the modules of a worker once, in a process of its own, before worker processes that would fail one after another."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from spane.cli import exits, loading
from spane.errors import SpaneError


def imports(modules: Sequence[str], *, store: bool = True) -> exits.Exit:
    """Import modules as a worker will; what fails is said by the child, with the user's own lines of the traceback.

    Without a `store` that can be used, actors of the user's are declared on Dramatiq's own broker, which connects to nothing yet.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        _import(modules, store=store)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    known = next((exit_code for exit_code in exits.Exit if exit_code == code), None)
    if known is None:
        exits.complain(f"the process that imported {', '.join(modules)} ended with exit code {code}.")
    return exits.Exit.USAGE if known is None else known


def _import(modules: Sequence[str], *, store: bool) -> NoReturn:
    code = exits.Exit.OK
    try:
        if store:
            importlib.import_module("spane.worker")  # sets the broker that actors of the user's are declared on
        for module in modules:
            loading.module(module)
    except SpaneError as error:
        exits.complain(exits.message_of(error))
        code = exits.code_of(error)
    except KeyboardInterrupt:
        code = exits.Exit.INTERRUPTED
    except SystemExit:
        code = exits.Exit.STORE  # of spane.worker's, which has said why
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Nothing of the parent's is cleaned up here.
        os._exit(code)
