"""On what was measured: the machine, and the versions of all that took part."""

import json
import os
import platform
import re
import subprocess
from pathlib import Path

from .peers import BENCHES


def about(command, date):
    """What a report says of its run."""
    return {"command": command, "date": date, "machine": machine(), "versions": versions()}


def machine():
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    processor = names[0] if names else platform.machine()
    return f"{os.cpu_count()} cores of {processor}, Linux {platform.release().split('-')[0]}, loopback"


def versions():
    node = json.loads((BENCHES / "peers/node/package-lock.json").read_text(encoding="utf-8"))["packages"]
    found = {
        "Salon": first(r'(?m)^version = "(.*)"', (BENCHES.parent / "Cargo.toml").read_text(encoding="utf-8")),
        "commit": said("git", "-C", str(BENCHES), "describe", "--always", "--dirty"),
        "rustc": first(r"rustc (\S+)", said("rustc", "--version")),
        "gcc": said("gcc", "-dumpfullversion"),
        "µWebSockets (libuwebsockets-sys)": locked("peers/uws/Cargo.lock", "libuwebsockets-sys"),
        "libwebsockets": first(r'LWS_LIBRARY_VERSION "([^"-]*)', header("/usr/include/lws_config.h")),
        "socketioxide": locked("Cargo.lock", "socketioxide"),
        "socket.io": node["node_modules/socket.io"]["version"],
        "node": said("node", "--version").removeprefix("v"),
    }
    return ", ".join(f"{name} {version}" for name, version in found.items() if version)


def said(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def header(path):
    return Path(path).read_text(encoding="utf-8") if Path(path).exists() else ""


def locked(lock, name):
    return first(rf'name = "{name}"\nversion = "(.*)"', (BENCHES / lock).read_text(encoding="utf-8"))


def first(pattern, text):
    found = re.search(pattern, text)
    return found[1] if found else ""
