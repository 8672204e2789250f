"""Builds the engine with cargo and puts its library into the wheel."""

import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LIBRARY = {"win32": "salon.dll", "darwin": "libsalon.dylib"}.get(sys.platform, "libsalon.so")


class SalonBuildHook(BuildHookInterface):
    def initialize(self, version, build_data):
        root = pathlib.Path(self.root)
        # In an sdist the crate is in engine/, in the repository it is two folders up.
        engine = root / "engine"
        if not engine.is_dir():
            engine = root.parent.parent
        built = self.build(engine)
        if version == "editable":
            shutil.copy2(built, root / "salon" / LIBRARY)
        else:
            build_data["force_include"][str(built)] = f"salon/{LIBRARY}"
        # One wheel for every Python of a platform: the library knows nothing of Python.
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"

    def build(self, engine):
        target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or engine / "target")
        command = [os.environ.get("CARGO", "cargo"), "rustc", "--release", "--locked", "--lib"]
        command += ["--crate-type", "cdylib", "--manifest-path", str(engine / "Cargo.toml")]
        command += ["--target-dir", str(target)]
        try:
            subprocess.run(command, check=True)
        except FileNotFoundError:
            sys.exit("Salon is built with Rust: install it (https://rustup.rs), or set CARGO to its cargo")
        except subprocess.CalledProcessError as error:
            sys.exit(f"cargo could not build the engine (exit code {error.returncode}); its output is above")
        return target / "release" / LIBRARY
