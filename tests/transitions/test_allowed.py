"""allowed.lua"""

from __future__ import annotations

import pytest

from spane.runtime import scripts
from spane.runtime.keys import Keys


def test_a_user_who_may_do_all_is_refused_nothing(stage):
    key = f"{stage.keys.prefix}suitable"
    assert [] == stage.call("allowed", "TIME", f"HSET\n{key}\n{key}\n{key}", "SCRIPT\nLOAD\nreturn 1")
    assert {} == stage.everything()
    assert "" == stage.letters()


@pytest.mark.redis
def test_commands_and_keys_that_are_refused_are_given_back(start_server):
    client = start_server().client()
    client.execute_command("ACL", "SETUSER", "default", "resetkeys", "~s:*", "-time", "-script|load")
    script = scripts.load()["allowed"]
    client.execute_command(*script.loading)
    asked = ["TIME", "GET\ns:a", "GET\nother", "SCRIPT\nLOAD\nx", "DEL\ns:a\nother"]
    refused = client.execute_command(*script.calling, 1, Keys().prefix, *asked)
    assert ["TIME", "GET\nother", "SCRIPT\nLOAD\nx", "DEL\ns:a\nother"] == [text.decode() for text in refused]
