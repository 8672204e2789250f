#!/usr/bin/env bash
# Builds Salon's C library and lays it out as a C or C++ program expects it:
#
#     ./install.sh                                  # below /usr/local
#     PREFIX=$HOME/.local ./install.sh
#     DESTDIR=package PREFIX=/usr LIBDIR=/usr/lib/x86_64-linux-gnu ./install.sh
#
#   lib/libsalon.so.0.1.0      with the SONAME libsalon.so.0, and the links to it
#   lib/libsalon.a
#   lib/pkgconfig/salon.pc     pkg-config --cflags --libs [--static] salon
#   lib/cmake/salon/           find_package(salon): salon::salon, salon::static
#   include/salon.h, include/salon.hpp
#
# PREFIX, LIBDIR and INCLUDEDIR say where the files live when they are used; DESTDIR, for packagers, is put before them
# while they are written. STRIP=1 takes the debugging symbols out of both libraries. Needs cargo and a C linker; for
# ELF systems (Linux, the BSDs). CARGO_TARGET_DIR is heeded.
set -euo pipefail

destdir=${DESTDIR:-}
[[ $destdir == "" || $destdir == /* ]] || destdir=$PWD/$destdir
cd "$(dirname "${BASH_SOURCE[0]}")"

prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-$prefix/lib}
includedir=${INCLUDEDIR:-$prefix/include}
for folder in "$prefix" "$libdir" "$includedir"; do
    if [[ $folder != /* ]]; then
        echo "install.sh: '$folder' is not an absolute path" >&2
        exit 2
    fi
done

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# Before 1.0 each minor version may change the binary interface; SALON_ABI_VERSION tells for sure.
soname=libsalon.so.${version%%.*}
target=${CARGO_TARGET_DIR:-target}/install

# A folder of its own: the SONAME is an argument of the linker, and the same library is built without it for tests.
# rustc tells which native libraries a program needs that links the static library.
export CARGO_TERM_COLOR=never
told=$(cargo rustc --locked --release --lib --target-dir "$target" --crate-type cdylib,staticlib -- \
    -C link-arg=-Wl,-soname,"$soname" --print native-static-libs 2>&1) || {
    echo "$told" >&2
    exit 1
}
native=$(sed -n 's/^note: native-static-libs: *//p' <<<"$told" | tail -n 1)
if [[ -z $native ]]; then
    echo "install.sh: rustc did not tell which native libraries the static library needs" >&2
    exit 1
fi

# lay MODE SOURCE FOLDER [NAME]
lay() {
    install -d "$destdir$3"
    install -m "$1" "$2" "$destdir$3/${4:-$(basename "$2")}"
}
# As above, with the text from standard input and @NAMES@ filled in.
fill() {
    local text
    text=$(cat)
    text=${text//@prefix@/$prefix}
    text=${text//@libdir@/$libdir}
    text=${text//@includedir@/$includedir}
    text=${text//@version@/$version}
    text=${text//@soname@/$soname}
    text=${text//@native@/$native}
    text=${text//@native_list@/${native// /;}}
    install -d "$destdir$(dirname "$1")"
    printf '%s\n' "$text" >"$destdir$1"
    chmod 644 "$destdir$1"
}

lay 755 "$target/release/libsalon.so" "$libdir" "libsalon.so.$version"
lay 644 "$target/release/libsalon.a" "$libdir"
if [[ -n ${STRIP:-} ]]; then
    strip --strip-unneeded "$destdir$libdir/libsalon.so.$version"
    strip --strip-debug "$destdir$libdir/libsalon.a"
fi
ln -sf "libsalon.so.$version" "$destdir$libdir/$soname"
ln -sf "$soname" "$destdir$libdir/libsalon.so"
lay 644 include/salon.h "$includedir"
lay 644 include/salon.hpp "$includedir"

fill "$libdir/pkgconfig/salon.pc" <<'END'
prefix=@prefix@
libdir=@libdir@
includedir=@includedir@

Name: salon
Description: A chat engine that a program embeds
Version: @version@
Libs: -L${libdir} -lsalon
Libs.private: @native@
Cflags: -I${includedir}
END

# Where the files are is found from where this one is, so that the whole tree can be moved.
up=$(realpath -ms --relative-to="$libdir/cmake/salon" "$libdir")
includes=$(realpath -ms --relative-to="$libdir/cmake/salon" "$includedir")
fill "$libdir/cmake/salon/salon-config.cmake" <<END
# find_package(salon) gives salon::salon, the shared library, and salon::static.
get_filename_component(_salon_lib "\${CMAKE_CURRENT_LIST_DIR}/$up" ABSOLUTE)
get_filename_component(_salon_include "\${CMAKE_CURRENT_LIST_DIR}/$includes" ABSOLUTE)

if(NOT TARGET salon::salon)
    add_library(salon::salon SHARED IMPORTED)
    set_target_properties(salon::salon PROPERTIES
        IMPORTED_LOCATION "\${_salon_lib}/libsalon.so.@version@"
        IMPORTED_SONAME "@soname@"
        INTERFACE_INCLUDE_DIRECTORIES "\${_salon_include}")
endif()

if(NOT TARGET salon::static)
    add_library(salon::static STATIC IMPORTED)
    set_target_properties(salon::static PROPERTIES
        IMPORTED_LOCATION "\${_salon_lib}/libsalon.a"
        IMPORTED_LINK_INTERFACE_LANGUAGES C
        INTERFACE_LINK_LIBRARIES "@native_list@"
        INTERFACE_INCLUDE_DIRECTORIES "\${_salon_include}")
endif()

unset(_salon_lib)
unset(_salon_include)
END

fill "$libdir/cmake/salon/salon-config-version.cmake" <<'END'
# Below 1.0 another minor version is another interface.
set(PACKAGE_VERSION "@version@")
string(REGEX MATCH "^[0-9]+\\.[0-9]+" _salon_series "${PACKAGE_VERSION}")
string(REGEX MATCH "^[0-9]+\\.[0-9]+" _salon_wanted "${PACKAGE_FIND_VERSION}")
if(PACKAGE_FIND_VERSION STREQUAL PACKAGE_VERSION)
    set(PACKAGE_VERSION_EXACT TRUE)
    set(PACKAGE_VERSION_COMPATIBLE TRUE)
elseif(PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)
    set(PACKAGE_VERSION_COMPATIBLE FALSE)
elseif(NOT PACKAGE_FIND_VERSION_COUNT GREATER 1)
    string(REGEX MATCH "^[0-9]+" _salon_major "${PACKAGE_VERSION}")
    if(NOT PACKAGE_FIND_VERSION OR PACKAGE_FIND_VERSION VERSION_EQUAL _salon_major)
        set(PACKAGE_VERSION_COMPATIBLE TRUE)
    else()
        set(PACKAGE_VERSION_COMPATIBLE FALSE)
    endif()
    unset(_salon_major)
elseif(_salon_wanted STREQUAL _salon_series)
    set(PACKAGE_VERSION_COMPATIBLE TRUE)
else()
    set(PACKAGE_VERSION_COMPATIBLE FALSE)
endif()
unset(_salon_series)
unset(_salon_wanted)
END

echo "salon $version is installed below $destdir$prefix"
echo "native libraries for static linking: $native"
