"""Read a seed file (TOML), and report all its mistakes at once, each with the file, the line and the key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import attrs

from anyrelay.local.exchange.scripts import Script, ScriptedEvent
from anyrelay.local.process.seeds import Places, Seed, SeedError, SeedProject
from anyrelay.local.process.toml_lines import KeyPath, lines_of
from anyrelay.local.simulated.scripts import Target
from anyrelay.local.sip.dial_plan import SipDialPlan
from anyrelay.protocol.schema.fields import Named, is_jwt, is_object, is_text, is_url, list_of
from anyrelay.protocol.schema.sip_uri import check_sip_uri, same_sip_uri

__all__ = ["read_seed"]

LONGEST: Final = 1_048_576
"""The most characters of a seed."""

Validators: TypeAlias = Mapping[str, Callable[[Any, Any, Any], None]]
"""A validator of `anyrelay.protocol.schema.fields` for each key of a table."""

_POSITION: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_KEY: Final = re.compile(r"\s*([^=]*?)\s*=")


def _is_phone(_: Any, attribute: Any, value: Any) -> None:
    """Accept a SIP or tel URI; a tel URI may have any number that a dial may call, also a short number such as 911."""
    local = isinstance(value, str) and value.lower().startswith("tel:") and "+" not in value and ";" not in value
    check_sip_uri(f"{value};phone-context=example.com" if local else value, attribute.name)


def _is_anything(*_: Any) -> None:
    """Accept any value."""


def _validators_of(kind: type[attrs.AttrsInstance]) -> dict[str, Any]:
    """Return the validator of each field of an attrs class."""
    return {each.name: each.validator or _is_anything for each in attrs.fields(kind)}


_is_text: Final = is_text()

_PROJECT: Final[Validators] = {"project": _is_text, "token": is_jwt, "token_file": _is_text}
_PHONE: Final[Validators] = {**_validators_of(Target), "uri": _is_phone}
_SCRIPT: Final[Validators] = {"method": _is_text, **_validators_of(Script)}
_EVENT: Final[Validators] = {**_validators_of(ScriptedEvent), "params": is_object}
_MESSAGE: Final[Validators] = {
    "to": _is_text,
    "from": _is_text,
    "body": is_text(lines=True, empty=True),
    "media": list_of(is_url("http", "https")),
}
_TABLES: Final = ("projects", "numbers", "dial_plan", "phones", "scripts", "messages")


def read_seed(file: str) -> Seed:
    """Read a seed from a TOML file.

    Args:
        file: The name of the file.

    Raises:
        SeedError: The file cannot be read, or has mistakes.
    """
    try:
        with open(file, encoding="utf-8") as opened:
            text = opened.read(LONGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SeedError(f"--seed {file} cannot be read: {reason}") from None
    if len(text) > LONGEST:
        raise SeedError(f"--seed {file} has more than {LONGEST:,} characters")
    try:
        document = tomllib.loads(text)
        places = Places(file, lines_of(text))
    except tomllib.TOMLDecodeError as error:
        raise SeedError(_syntax_mistake(file, text, str(error))) from None
    except RecursionError:
        raise SeedError(f"--seed {file} has too many arrays or tables within each other") from None
    return _SeedReader(document, places).read()


def _syntax_mistake(file: str, text: str, words: str) -> str:
    """Return the error of `tomllib` for a text that is not TOML, with the line, the column, and the key of that line."""
    found = _POSITION.search(words)
    lines = text.splitlines() or [""]
    line = min(int(found[1]), len(lines)) if found and found[1] else len(lines)
    column = f", at column {found[2]}" if found and found[2] else ""
    key = _KEY.match(lines[line - 1])
    return f"{file}:{line}: {key[1] + ': ' if key else ''}{_POSITION.sub('', words)}{column}"


class _SeedReader:
    """Reads the tables of a document, and collects its mistakes."""

    def __init__(self, document: dict[str, Any], places: Places) -> None:
        self._document = document
        self._places = places
        self._mistakes: list[tuple[int, str]] = []

    def read(self) -> Seed:
        """Return the seed.

        Raises:
            SeedError: The document has mistakes.
        """
        for key in self._document.keys() - set(_TABLES):
            self._complain((key,), f"is not known; known are {', '.join(_TABLES)}")
        seed = Seed(
            places=self._places,
            projects=self._projects(),
            numbers=self._strings("numbers"),
            dial_plan=self._dial_plan(),
            phones=self._tables(("phones",), _PHONE, needed="uri", same=same_sip_uri),
            scripts=self._scripts(),
            messages=self._messages(),
        )
        if self._mistakes:
            raise SeedError(*(words for _, words in sorted(self._mistakes)))
        return seed

    def _projects(self) -> tuple[SeedProject, ...]:
        """Read the projects, each with a token or with the file of a token."""
        tables = self._tables(("projects",), _PROJECT, needed="project", same=str.__eq__)
        for index, given in enumerate(self._array(("projects",))):
            if ("token" in given) == ("token_file" in given):
                self._complain(("projects", index), "needs one of token and token_file")
        return tuple(
            SeedProject(
                project=table.get("project", ""),
                token=table.get("token"),
                token_file=table.get("token_file"),
                where=self._places.where("projects", index, "token" if "token" in table else "token_file"),
            )
            for index, table in enumerate(tables)
        )

    def _scripts(self) -> tuple[dict[str, Any], ...]:
        """Read the scripts, each with its events."""
        scripts = self._tables(("scripts",), _SCRIPT, needed="method", same=str.__eq__)
        for index, script in enumerate(scripts):
            if "events" in script:
                script["events"] = self._tables(("scripts", index, "events"), _EVENT, needed="params")
        return scripts

    def _messages(self) -> tuple[dict[str, Any], ...]:
        """Read the text messages, under the names of the arguments of `LocalRelay.text`."""
        names = {"from": "from_number"}
        messages = self._tables(("messages",), _MESSAGE, needed="to")
        return tuple({names.get(key, key): value for key, value in message.items()} for message in messages)

    def _dial_plan(self) -> dict[str, str]:
        """Read the dial plan of real phones."""
        plan = self._strings("dial_plan")
        for number, uri in plan.items():
            try:
                SipDialPlan({number: uri})
            except ValueError as error:
                self._complain(("dial_plan", number), f"is not right: {error}")
        return plan

    def _strings(self, name: str) -> dict[str, str]:
        """Read a table of strings, without the wrong values."""
        table = self._document.get(name, {})
        if not isinstance(table, dict):
            self._complain((name,), f"must be a table: begin it with [{name}]")
            return {}
        return {key: value for key, value in table.items() if self._fits((name, key), _is_text, value)}

    def _tables(
        self, path: KeyPath, validators: Validators, *, needed: str, same: Callable[[str, str], bool] | None = None
    ) -> tuple[dict[str, Any], ...]:
        """Read an array of tables, without the wrong values.

        Args:
            path: The path of the array.
            validators: The validator of each key.
            needed: The key that each table must have.
            same: Returns whether two values of that key are the same, which no two tables may have; None to allow this.
        """
        tables: list[dict[str, Any]] = []
        for index, given in enumerate(self._array(path)):
            if needed not in given:
                self._complain((*path, index), f"needs {needed}")
            table = self._known((*path, index), validators, given)
            if same and needed in table and any(same(each.get(needed, ""), table[needed]) for each in tables):
                self._complain((*path, index, needed), "is in the seed twice")
            tables.append(table)
        return tuple(tables)

    def _array(self, path: KeyPath) -> list[dict[str, Any]]:
        """Return the tables of an array, unchecked."""
        value: Any = self._document
        for key in path:
            value = value.get(key, []) if isinstance(value, dict) else value[key]
        if isinstance(value, list) and all(isinstance(table, dict) for table in value):
            return value
        self._complain(path, f"must be an array of tables: begin each table with [[{self._places.key(path)}]]")
        return []

    def _known(self, path: KeyPath, validators: Validators, table: dict[str, Any]) -> dict[str, Any]:
        """Return the keys of a table that are known and right."""
        for key in table.keys() - validators.keys():
            self._complain((*path, key), f"is not known; known are {', '.join(validators)}")
        return {
            key: table[key]
            for key in validators
            if key in table and self._fits((*path, key), validators[key], table[key])
        }

    def _fits(self, path: KeyPath, validator: Callable[[Any, Any, Any], None], value: Any) -> bool:
        try:
            validator(None, Named(self._places.key(path)), value)
        except (TypeError, ValueError) as error:
            self._note(path, str(error))
            return False
        return True

    def _complain(self, path: KeyPath, words: str) -> None:
        self._note(path, f"{self._places.key(path)} {words}")

    def _note(self, path: KeyPath, words: str) -> None:
        line = self._places.line(path)
        mistake = (line, f"{self._places.file}:{line}: {words}")
        if mistake not in self._mistakes:
            self._mistakes.append(mistake)
