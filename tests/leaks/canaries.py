"""Values that must not come out anywhere, and a look through all that a program left behind."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

KEY = "CANARYkey+1/2<3>&4'5\"6~sesame"
HEADER = "CANARYheader+7/8<9>tenant"
OTHERS = "CANARYenvironment-of-others"
PROXY = "CANARYproxypassword"
PROMPT = "CANARYprompt was asked"
REPLY = "CANARYreply was said"

ENVIRONMENT = {
    "GATEWAY_KEY": KEY,
    "SAGELLM_BENCHMARK_HEADER": json.dumps([f"X-Tenant={HEADER}"]),
    "SOMEBODYS_TOKEN": OTHERS,
    "HTTP_PROXY": f"http://me:{PROXY}@127.0.0.1:9",
}


def written(value):
    """The ways in which programs write a value, made without the code under test."""
    data = value.encode()
    named = html.escape(value, quote=False)
    return {
        value,
        value[:14],
        quote(value),
        quote_plus(value),
        quote(value, safe="").lower(),
        json.dumps(value)[1:-1],
        html.escape(value),
        named.replace('"', "&#34;").replace("'", "&#39;"),
        base64.b64encode(data).decode(),
        base64.b64encode(b"Bearer " + data).decode()[12:-6],
        data.hex(),
    }


SECRETS = {name: written(name) for name in (KEY, HEADER, OTHERS, PROXY)}


def found(text, values=SECRETS):
    """Which of the values stand in a text, in any form."""
    return sorted({name for name, forms in values.items() if any(form in text for form in forms)})


def files(folder):
    """All that stands in a folder, but for what the test wrote there: name and text."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in ("locustfile.py", "trace.jsonl"):
            yield path.relative_to(folder), path.read_bytes().decode("utf-8", "replace")


def leaks(folder):
    """The files of a folder that hold a secret, and which."""
    return [(str(name), found(text)) for name, text in files(folder) if found(text)]


def content(folder):
    """The files of a folder that hold what was asked or said."""
    return {str(name) for name, text in files(folder) if PROMPT in text or REPLY in text}
