"""The artefacts in the package are what the sources compile to, by the pinned compiler, byte for byte."""

import json
import subprocess
import sys
from pathlib import Path

from tallystick.protocol.hashing import keccak256

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "src" / "tallystick" / "artifacts"


def test_artefacts__compiled_anew__are_those_in_the_package() -> None:
    compiled = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "compile.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert compiled.returncode == 0, f"run `make compile` and commit:\n{compiled.stdout}{compiled.stderr}"


def test_artefacts__code_hash_and_size__are_of_the_code_itself() -> None:
    artifacts = [path for path in ARTIFACTS.glob("*.json") if path.name != "manifest.json"]
    assert len(artifacts) >= 12
    for path in artifacts:
        artifact = json.loads(path.read_text())
        code = bytes.fromhex(artifact["deployedBytecode"].removeprefix("0x"))
        assert artifact["codeHash"].removeprefix("0x") == keccak256(code).hex(), path.name
        assert 0 < len(code) <= 24_576, path.name
