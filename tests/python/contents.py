#!/usr/bin/env python3
"""What is in the Python package's sdist and wheel: all that is needed, and no more. `contents.py SDIST WHEEL`."""

import pathlib
import re
import subprocess
import sys
import tarfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "bindings/python/salon"
LIBRARY = {"win32": "salon.dll", "darwin": "libsalon.dylib"}.get(sys.platform, "libsalon.so")


def main():
    sdist, wheel = map(pathlib.Path, sys.argv[1:])
    modules = {f"salon/{path.name}" for path in PACKAGE.iterdir() if path.suffix in (".py", ".typed")}
    version = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.M).group(1)

    assert re.fullmatch(rf"salon-{version}-py3-none-\w+\.whl", wheel.name), wheel.name
    assert "any" not in wheel.stem.rsplit("-", 1)[1], wheel.name
    with zipfile.ZipFile(wheel) as archive:
        found = set(archive.namelist())
        wheel_file = archive.read(f"salon-{version}.dist-info/WHEEL").decode()
        metadata = archive.read(f"salon-{version}.dist-info/METADATA").decode()
    info = {f"salon-{version}.dist-info/{name}" for name in ("METADATA", "RECORD", "WHEEL")}
    licences = {name for name in found if "/licenses/" in name}
    assert found - licences == modules | info | {f"salon/{LIBRARY}"}, found
    assert "salon/py.typed" in found
    tag = "-".join(wheel.stem.split("-")[2:])
    assert f"Tag: {tag}\n" in wheel_file and "Root-Is-Purelib: false" in wheel_file, wheel_file
    assert "Requires-Dist" not in metadata and "Requires-Python: >=3.9" in metadata, metadata

    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert sdist.name == f"salon-{version}.tar.gz"
    source = subprocess.run(
        ["git", "ls-files", "src"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    crate = {
        f"engine/{name}"
        for name in [
            *source.split(),
            "Cargo.toml",
            "Cargo.lock",
            "LICENSE",
            "README.md",
        ]
    }
    package = modules | {
        "hatch_build.py",
        "README.md",
        "pyproject.toml",
        "PKG-INFO",
        ".gitignore",
    }
    assert crate <= names, crate - names
    assert names - crate <= package, names - crate - package
    print(f"{wheel.name}: {len(found)} files; {sdist.name}: {len(names)} files")


if __name__ == "__main__":
    main()
