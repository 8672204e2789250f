"""salon/_api.py says what include/salon.h says: every constant, structure and prototype, and no more."""

import ctypes
import pathlib
import re
import struct
import subprocess

import pytest
from house import ROOT

import salon
from salon import _api, events
from salon._records import MAKERS

HEADER = ROOT / "include" / "salon.h"
# Those of the header's own version, which no host needs as numbers.
NOT_WANTED = re.compile(r"SALON_(H|API|ZERO|VERSION_\w+)$")

KINDS = {
    "void": None,
    "bool": ctypes.c_bool,
    "int": ctypes.c_int,
    "int32_t": ctypes.c_int32,
    "uint16_t": ctypes.c_uint16,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "salon_socket_id": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    "ptrdiff_t": ctypes.c_ssize_t,
    "double": ctypes.c_double,
    # Payloads and names are handed in as bytes, results are pointers that are copied from.
    "char *": ctypes.c_char_p,
    "void *": ctypes.c_void_p,
    "salon_server *": ctypes.c_void_p,
    "salon_remote *": ctypes.c_void_p,
}
# Where a plain pointer stands for what the type means: bytes that Python hands in, a struct that is copied as a whole,
# and texts in structs that the library fills, which need not end at a zero byte.
LOOSER = {
    ("const void *", ctypes.c_char_p),
    ("const salon_event *", ctypes.c_void_p),
    ("const char *", ctypes.c_void_p),
    ("const void *", ctypes.c_void_p),
    # Written by the library into a buffer of ours.
    ("char *", ctypes.c_char_p),
}


def code():
    return re.sub(r"//[^\n]*", "", HEADER.read_text())


def typedefs(kind):
    return re.findall(rf"typedef {kind} (\w+) \{{([^}}]*)\}} \w+;", code())


def constants():
    defined = re.findall(r"^#define (SALON_\w+)[ (]", HEADER.read_text(), re.M)
    listed = [name for _, body in typedefs("enum") for name in re.findall(r"(SALON_\w+) =", body)]
    return [name for name in defined + listed if not NOT_WANTED.match(name)]


def structures():
    """Each structure with the names of its fields."""
    found = {}
    for name, body in typedefs("struct"):
        found[name] = [re.search(r"(\w+)(\[\d+\])?$", field.strip()).group(1) for field in body.split(";")[:-1]]
    return found


def prototypes():
    """Each function with its result's type and those of its arguments, as the header spells them."""
    found = {}
    for result, name, arguments in re.findall(r"SALON_API\s+([\w *]+?)\s*(salon_\w+)\(([^)]*)\);", code()):
        listed = [] if arguments.strip() == "void" else [spelled(one) for one in arguments.split(",")]
        found[name] = (spelled(result + " result"), listed)
    return found


def spelled(declaration):
    """`const struct salon_bytes **rooms_out` is `const salon_bytes **`."""
    words = " ".join(declaration.split()).replace("struct ", "")
    kind = re.sub(r"\w+$", "", words).strip()
    # A result that is a pointer: the star belongs to the type.
    return re.sub(r"\s*\*\s*", " *", kind).replace("* *", "**").replace(" * ", " *").strip()


def pointed(kind):
    """The type without one star and without const."""
    return re.sub(r"\bconst\b", "", kind.strip()[:-1]).strip()


def fits(kind, given, where):
    plain = re.sub(r"\s+", " ", re.sub(r"\bconst\b", "", kind)).strip()
    if (kind, given) in LOOSER:
        return True
    if plain in KINDS:
        return given is KINDS[plain]
    if not plain.endswith("*"):
        return False
    if plain.replace("*", "").strip() in _api.STRUCTURES and plain.count("*") == 1:
        return given is ctypes.POINTER(_api.STRUCTURES[plain[:-1].strip()])
    inner = getattr(given, "_type_", None)
    return isinstance(given, type) and issubclass(given, ctypes._Pointer) and fits(pointed(kind), inner, where)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """What a C compiler makes of the header: each constant, size, offset and width."""
    lines = [f'printf("{name} %lld\\n", (long long){name});' for name in constants()]
    for name, fields in structures().items():
        lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
        for field in fields:
            member = f"offsetof({name}, {field}), sizeof((({name} *)0)->{field})"
            lines.append(f'printf("{name}.{field} %zu %zu\\n", {member});')
    folder: pathlib.Path = tmp_path_factory.mktemp("layout")
    source = "#include <salon.h>\n#include <stdio.h>\nint main(void) {\n%s\n}\n" % "\n".join(lines)
    (folder / "layout.c").write_text(source)
    command = ["gcc", "-Wall", "-Werror", f"-I{HEADER.parent}", "layout.c", "-o", "layout"]
    subprocess.run(command, cwd=folder, check=True)
    printed = subprocess.run([str(folder / "layout")], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {name: tuple(map(int, numbers)) for name, *numbers in map(str.split, printed.splitlines())}


def test_the_header_is_read_whole():
    text = HEADER.read_text()
    assert len(structures()) == len(re.findall(r"^typedef struct \w+ \{", text, re.M)) > 8
    assert len(prototypes()) == len(set(re.findall(r"^[^/\n]*\b(salon_\w+)\(", text, re.M))) > 60
    assert len(typedefs("enum")) == len(re.findall(r"^typedef enum", text, re.M)) > 10


def test_every_constant_is_there_with_its_value_and_no_other():
    assert sorted(_api.CONSTANTS) == sorted(constants())


def test_constants_have_the_values_that_c_sees(measured):
    assert {name: (value,) for name, value in _api.CONSTANTS.items()} == {name: measured[name] for name in constants()}


def test_every_structure_has_the_fields_of_the_header_where_c_has_them(measured):
    assert sorted(_api.STRUCTURES) == sorted(structures())
    for name, fields in structures().items():
        ours = _api.STRUCTURES[name]
        assert [field for field, *_ in ours._fields_] == fields, name
        assert (ctypes.sizeof(ours),) == measured[name], name
        for field in fields:
            place = getattr(ours, field)
            assert (place.offset, place.size) == measured[f"{name}.{field}"], f"{name}.{field}"


def test_fields_have_the_type_of_the_header():
    for name, body in typedefs("struct"):
        for declared, (field, ours) in zip(body.split(";")[:-1], _api.STRUCTURES[name]._fields_):
            many = re.search(r"\[(\d+)\]$", declared.strip())
            kind = spelled(declared.strip()[: many.start()] if many else declared)
            assert fits(kind, ours._type_ if many else ours, field), f"{name}.{field}: {kind} is not {ours}"
            assert not many or ours._length_ == int(many.group(1))


def test_every_function_has_the_prototype_of_the_header():
    assert sorted(_api.PROTOTYPES) == sorted(prototypes())
    for name, (result, arguments) in prototypes().items():
        our_result, our_arguments = _api.PROTOTYPES[name]
        assert fits(result, our_result, name), f"{name}: {result} is not {our_result}"
        assert len(arguments) == len(our_arguments), name
        for kind, ours in zip(arguments, our_arguments):
            assert fits(kind, ours, name), f"{name}: {kind} is not {ours}"


def test_a_type_that_differs_is_seen():
    assert not fits("uint32_t", ctypes.c_uint64, "")
    assert not fits("const salon_bytes **", ctypes.POINTER(_api.Bytes), "")
    assert not fits("salon_server *", ctypes.c_uint64, "")
    assert not fits("uint64_t *", ctypes.POINTER(ctypes.c_uint32), "")
    assert fits("uint64_t *", ctypes.POINTER(ctypes.c_uint64), "")


def test_the_library_has_every_function():
    lib = salon._library.library()
    for name in _api.PROTOTYPES:
        assert getattr(lib, name)
    assert lib.salon_abi_version() == _api.ABI_VERSION
    assert lib.salon_version() == sum(int(n) * 1000 ** (2 - i) for i, n in enumerate(salon.__version__.split(".")))


def test_an_event_is_unpacked_as_its_structure(measured):
    event = _api.Event()
    for number, (field, _) in enumerate(_api.Event._fields_, 1):
        if field == "attachments":
            event.attachments = ctypes.cast(number, ctypes.POINTER(_api.Bytes))
        else:
            setattr(event, field, number)
    assert struct.unpack_from(_api.EVENT_FORMAT, bytes(event)) == tuple(range(1, len(_api.Event._fields_) + 1))
    assert struct.calcsize(_api.EVENT_FORMAT) <= ctypes.sizeof(event)


def test_every_event_type_has_its_class():
    types = {value for name, value in _api.CONSTANTS.items() if re.match(r"SALON_EVENT_(?!FLAG)", name)}
    assert set(MAKERS) == types


def test_every_reason_and_error_has_its_name():
    reasons = {n[len("SALON_REASON_") :]: v for n, v in _api.CONSTANTS.items() if n.startswith("SALON_REASON_")}
    assert {one.name: one.value for one in events.Reason} == reasons
    codes = {value for name, value in _api.CONSTANTS.items() if name.startswith("SALON_ERR_")}
    assert set(salon.errors._CLASSES) == codes
