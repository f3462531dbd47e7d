"""URLs as they may be shown: without what is secret in them."""

from __future__ import annotations

import re

_CREDENTIALS = re.compile(r"(?<=://).*@", re.DOTALL)
_SECRET_PARAMETERS = re.compile(r"(?i)\b(password|passwd|token|secret|sslpassword)=[^&#\s]*")


def masked(url: str) -> str:
    """Return `url` with user, password and secret query parameters replaced by `***`.

    It works on text that is no proper URL as well, because faulty ones are what messages quote.
    """
    return _SECRET_PARAMETERS.sub(r"\1=***", _CREDENTIALS.sub("***@", url))
