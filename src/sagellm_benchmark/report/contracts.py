"""Contracts: objectives for a run as a whole, kept in a YAML file under a name.

In: the name of one that comes with the package (year1, year2, year3), or a file. Out: its
objectives, in the grammar of `--slo`. A file says its schema, a title and the objectives, and
nothing else; what is wrong with it is one line with its number.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sagellm_benchmark.document import Document, read_document
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.metrics.slo import Slo, parse_slo

SCHEMA = "sagellm.contract/1"

_FOLDER = Path(__file__).parent.parent / "data" / "contracts"
_ENDINGS = (".yaml", ".yml")
_KEYS = ("schema", "title", "objectives")


@dataclass(frozen=True)
class Contract:
    """One contract.

    Attributes:
        name: What it is called by: `year1`, or the file's name.
        title: One line for a person.
        slos: Its objectives, each for the run as a whole.
    """

    name: str
    title: str
    slos: tuple[Slo, ...]


def contract_names() -> list[str]:
    """Those that come with the package."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def read_contract(name: str) -> Contract:
    """Read one by its name, or from a file.

    Raises:
        UsageError: There is none of that name, or the file is bad.
    """
    path = Path(name)
    if path.suffix not in _ENDINGS:
        if name not in contract_names():
            known = ", ".join(contract_names())
            raise UsageError(f"--contract {name}: there are {known}, or name a FILE.yaml")
        path = _FOLDER / f"{name}.yaml"
    document = read_document(path, "--contract")
    content = document.value
    if not isinstance(content, dict):
        raise document.error(f"no contract: write {', '.join(_KEYS)}")
    for key in content:
        if key not in _KEYS:
            raise document.error(
                f"no key {key!r} in a contract; there are {', '.join(_KEYS)}", (key,)
            )
    if content.get("schema") != SCHEMA:
        raise document.error(f"schema {content.get('schema')!r}, expected {SCHEMA!r}", ("schema",))
    title = content.get("title")
    if not isinstance(title, str):
        raise document.error("title must be text", ("title",))
    return Contract(path.stem, title, _objectives(document))


def _objectives(document: Document) -> tuple[Slo, ...]:
    written = document.value.get("objectives")
    if not isinstance(written, list) or not written:
        raise document.error("objectives must be a list of expressions", ("objectives",))
    return tuple(_objective(document, place, text) for place, text in enumerate(written))


def _objective(document: Document, place: int, text: object) -> Slo:
    where = ("objectives", place)
    if not isinstance(text, str):
        raise document.error(f"an objective is text, as in ttft_ms.p99<=500, not {text!r}", where)
    try:
        slo = parse_slo(text, "objective")
    except UsageError as error:
        raise document.error(str(error), where) from None
    if slo.per_request:
        raise document.error(
            f"objective {text!r} is one for each request: name a statistic, as in "
            f"{slo.metric}.p99<=N",
            where,
        )
    return slo
