"""The runner of documented programs: finds programs in pages, runs each on both clients, and says in what they differ."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.interop.documentation import differences, digits_of, faults, find_programs
from tests.interop.documented_clients import LANGUAGES
from tests.interop.documented_run import Run, run_program
from tests.interop.vendor_client import need

MENU = """
from signalwire.relay import RelayClient

client = RelayClient(contexts=["menu", "shop"])

@client.on_call
async def menu(call):
    await call.answer()
    action = await call.play_and_collect([{"type": "silence", "params": {"duration": 1}}], {"digits": {"max": 1}})
    digit = (await action.wait()).params["result"]["params"]["digits"]
    if digit == "4":
        await call.transfer("clerk")
    elif digit == "2":
        await call.connect([[{"type": "phone", "params": {"to_number": "+15550001111", "from_number": "+15550002222"}}]])
    else:
        print("no such entry:", digit)
        await call.hangup()

client.run()
"""

PAGE = f"""
# A page

<Tab>
  ```python title="menu.py"
{"".join(f"  {line}" if line.strip() else line for line in MENU.splitlines(keepends=True))}
  ```
</Tab>

```python
from signalwire.relay import RelayClient

call = await client.dial(...)
```

```python
print("no client")
```

```typescript
import {{ RelayClient }} from '@signalwire/sdk';
```
"""


def test_the_complete_programs_of_pages_are_found(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "page.mdx").write_text(PAGE, encoding="utf-8")
    (tmp_path / "menu.py").write_text(MENU, encoding="utf-8")
    (tmp_path / "notes.txt").write_text(MENU, encoding="utf-8")
    found = list(find_programs(tmp_path, "python"))
    assert [name for name, _ in found] == ["deep/page.mdx:0", "menu.py"]
    assert found[0][1].strip() == MENU.strip()
    assert [name for name, _ in find_programs(tmp_path, "typescript")] == ["deep/page.mdx:3"]


def test_callers_press_each_digit_that_a_program_compares_with() -> None:
    assert digits_of(MENU) == ["2", "4", "9"]
    assert digits_of("if (digit === '3') {}") == ["3", "9"]
    assert digits_of("print(digits)") == ["1"]


def test_faults_and_differences() -> None:
    first = Run("one", "exit 0", ["a", "b"], ["x"], [])
    assert (faults([first, first]), differences([first, first])) == ([], {})
    other = Run("two", "exit 1", ["a"], ["y"], ["Traceback"])
    assert faults([first, other]) == ["two: Traceback", "two: exit 1"]
    assert differences([first, other]) == {"commands": ["b", ""], "output": ["x", "y"]}


@pytest.mark.sdk
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_program_runs_on_both_clients(anyio_backend: str, tmp_path: Path) -> None:
    need("python")
    one, other = await asyncio.gather(*(run_program(client, MENU, "4", tmp_path) for client in LANGUAGES["python"]))
    assert faults([one, other]) == []
    assert differences([one, other]) == {}
    assert (one.ended, one.output) == ("runs on", [])
    methods = [command.partition('"method": "')[2].partition('"')[0] for command in one.commands]
    assert methods == ["signalwire.connect", "calling.answer", "calling.play_and_collect", "calling.transfer"]


@pytest.mark.sdk
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_program_that_fails_and_a_command_that_is_refused(anyio_backend: str, tmp_path: Path) -> None:
    need("python")
    program = MENU.replace("call.hangup()", "call.join_conference('team', coach='x')").replace(
        "client.run()", "client.run("
    )
    programs = (program, program + ")")
    failed, refused = await asyncio.gather(*(run_program("anyrelay", text, "1", tmp_path) for text in programs))
    assert (failed.ended, len(failed.faults), "SyntaxError" in failed.faults[0]) == ("exit 1", 1, True)
    assert refused.output == ["no such entry: 1"]
    assert "coach of a conference is not served here" in refused.faults[0]
