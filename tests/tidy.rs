//! House rules, kept by a test: floors, clocks, sizes, `unsafe`, versions, and
//! documents that name only what exists. ARCHITECTURE.md gives the reasons; a
//! failure here says which rule, where, and what to do about it.
#![allow(clippy::expect_used)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Each part of `src` and the floor it stands on. A part uses floors below its
/// own, and its neighbours on the same floor unless [`STRANGERS`] says no.
const FLOORS: &[(&str, usize)] = &[
    ("base", 0),
    ("codec", 1),
    ("session", 2),
    ("hub", 2),
    ("engine", 3),
    ("net", 4),
    ("audience", 5),
    ("config", 5),
    ("event", 5),
    ("remote", 5),
    ("server", 5),
    ("stats", 5),
    ("lib", 5),
    ("ffi", 6),
    ("fuzzing", 6),
];

/// Neighbours that may not know each other.
const STRANGERS: &[[&str; 2]] = &[["session", "hub"]];

/// The first floor that may read the clock, draw randomness or open a socket.
const FIRST_FLOOR_WITH_A_CLOCK: usize = 4;

/// What only that floor and those above it may name.
const OUTSIDE_WORLD: &[&[&str]] = &[
    &["Instant", "::", "now"],
    &["SystemTime"],
    &["getrandom"],
    &["RandomState"],
    &["mio"],
    &["socket2"],
    &["rustix"],
];

/// Macros that have no place in a library.
const LOUD_MACROS: &[&str] = &["print", "println", "eprint", "eprintln", "dbg", "todo", "unimplemented"];

/// A file of `src` longer than this is two ideas.
const MOST_LINES: usize = 700;

/// Programs that are read from top to bottom, and the lines that a reader has
/// patience for, blank ones and comments included.
const SHORT_PROGRAMS: &[(&str, usize)] = &[
    ("examples/standalone/main.rs", 250),
    ("examples/python/chat.py", 230),
    ("examples/python/asyncio_chat.py", 80),
];

/// Files outside `src/ffi` that may contain `unsafe`, and why.
const UNSAFE_FILES: &[(&str, &str)] = &[
    ("tests/ffi.rs", "calls the C API, whose every function is unsafe"),
    ("tests/ffi_json.rs", "calls the C API, whose every function is unsafe"),
    ("tests/sockets.rs", "asks a descriptor of the server's for an option that shows nowhere else"),
];

/// Files that may wait by the clock, and why no condition or fake clock serves.
const SLEEPERS: &[(&str, &str)] = &[
    ("tests/deadlines.rs", "a host that sleeps for longer than a deadline is what it is about"),
    (
        "bindings/python/tests/test_aio.py",
        "handlers that wait, and loops that have nothing to do, are what it is about",
    ),
    ("bindings/python/tests/test_faults.py", "handlers that wait are what it is about"),
    ("bindings/python/tests/test_signals.py", "signals come at any moment of a turn"),
    ("tests/soak", "churn over minutes is what it is about"),
];

/// Folders and files that a document may name by path from the root.
const TOP: &[&str] =
    &["src", "tests", "examples", "docs", "include", "bindings", "benches", "fuzz", ".ci", "Cargo.toml"];

/// Folders that are made by tools and not part of the repository.
const MADE: &[&str] = &[
    ".git",
    "target",
    "node_modules",
    ".venv",
    "__pycache__",
    "out",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
];

#[test]
fn every_part_of_src_uses_only_floors_below_it() {
    let mut faults = Vec::new();
    for file in rust_files("src") {
        let part = part_of(&file.path);
        let Some(floor) = floor_of(&part) else {
            faults.push(format!("{}: `{part}` has no floor; give it one in FLOORS", file.path));
            continue;
        };
        for (line, used) in uses(&file) {
            let place = format!("{}:{line}", file.path);
            match floor_of(&used) {
                _ if used == part => {}
                None if used == "super::super" => {
                    faults.push(format!("{place}: `super::super` hides the floor; begin at `crate::`"))
                }
                // A name that the crate root re-exports belongs to its floor.
                None if floor < 5 => {
                    faults.push(format!("{place}: `crate::{used}` is no part of src; name the part it is in"))
                }
                None => {}
                Some(other) if other > floor => {
                    faults.push(format!("{place}: `{part}` (floor {floor}) uses `{used}` (floor {other})"))
                }
                Some(_) if STRANGERS.iter().any(|pair| pair.contains(&&*part) && pair.contains(&&*used)) => {
                    faults.push(format!("{place}: `{part}` and `{used}` may not know each other"))
                }
                Some(_) => {}
            }
        }
    }
    report(faults);
}

#[test]
fn no_clock_randomness_or_socket_below_the_net_floor() {
    let mut faults = Vec::new();
    for file in rust_files("src") {
        let part = part_of(&file.path);
        if floor_of(&part).is_none_or(|floor| floor >= FIRST_FLOOR_WITH_A_CLOCK) {
            continue;
        }
        let tokens = tokens(&file.text);
        for name in OUTSIDE_WORLD {
            for at in tokens.windows(name.len()).filter(|at| at.iter().map(|t| &t.1).eq(name.iter())) {
                faults.push(format!("{}:{}: `{}` in `{part}`", file.path, at[0].0, name.concat()));
            }
        }
    }
    report(faults);
}

#[test]
fn src_prints_nothing_and_leaves_nothing_unfinished() {
    let mut faults = Vec::new();
    for file in rust_files("src") {
        for pair in tokens(&file.text).windows(2) {
            if pair[1].1 == "!" && LOUD_MACROS.contains(&&*pair[0].1) {
                faults.push(format!("{}:{}: `{}!`", file.path, pair[0].0, pair[0].1));
            }
        }
    }
    report(faults);
}

#[test]
fn no_file_of_src_is_too_long() {
    let too_long = rust_files("src").into_iter().filter_map(|file| {
        let lines = file.text.lines().count();
        (lines > MOST_LINES).then(|| format!("{}: {lines} lines, more than {MOST_LINES}", file.path))
    });
    report(too_long.collect());
}

#[test]
fn examples_to_learn_from_stay_short() {
    let too_long = SHORT_PROGRAMS.iter().filter_map(|(path, most)| {
        let lines = read(path).lines().count();
        (lines > *most).then(|| format!("{path}: {lines} lines, more than {most}"))
    });
    report(too_long.collect());
}

#[test]
fn unsafe_stands_only_in_ffi_and_where_a_reason_is_given() {
    let mut faults = Vec::new();
    for file in rust_files("") {
        let allowed =
            file.path.starts_with("src/ffi") || UNSAFE_FILES.iter().any(|(path, _)| *path == file.path);
        for (line, _) in tokens(&file.text).iter().filter(|(_, token)| !allowed && token == "unsafe") {
            faults.push(format!("{}:{line}: `unsafe`; give its reason in UNSAFE_FILES", file.path));
        }
    }
    let gone = UNSAFE_FILES.iter().filter(|(path, _)| !root().join(path).exists());
    faults.extend(gone.map(|(path, _)| format!("UNSAFE_FILES names {path}, which does not exist")));
    report(faults);
}

#[test]
fn the_version_is_the_same_everywhere() {
    let version = env!("CARGO_PKG_VERSION");
    let changelog = read("CHANGELOG.md");
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## ")).unwrap_or_default();
    let newest = newest.split_whitespace().next().unwrap_or_default().trim_matches(['[', ']', 'v']);
    let mut faults = Vec::new();
    if newest != version {
        faults.push(format!("CHANGELOG.md: newest heading is {newest:?}, Cargo.toml says {version}"));
    }
    let entries = changelog.split("\n## ").nth(1).unwrap_or_default();
    if !entries.lines().any(|line| line.starts_with("- ")) {
        faults.push("CHANGELOG.md: the newest version has no entry".into());
    }
    for path in ["README.md", "docs/install.md"] {
        for (line, text) in (1..).zip(read(path).lines()) {
            for other in versions_in(text).into_iter().filter(|other| *other != version) {
                faults.push(format!("{path}:{line}: version {other}, Cargo.toml says {version}"));
            }
        }
    }
    let manifest = read("Cargo.toml");
    for text in manifest.lines().filter(|line| line.starts_with("version = ")) {
        if versions_in(text) != [version] {
            faults.push(format!("Cargo.toml: {text}, and the crate's is {version}"));
        }
    }
    for (path, line) in [
        ("bindings/python/pyproject.toml", format!("version = \"{version}\"")),
        ("bindings/python/salon/__init__.py", format!("__version__ = \"{version}\"")),
    ] {
        if !read(path).lines().any(|text| text == line) {
            faults.push(format!("{path}: no line `{line}`"));
        }
    }
    let header = read("include/salon.h");
    for (name, number) in ["MAJOR", "MINOR", "PATCH"].into_iter().zip(version.split('.')) {
        let define = format!("#define SALON_VERSION_{name} {number}");
        if !header.lines().any(|line| line == define) {
            faults.push(format!("include/salon.h: no line `{define}`"));
        }
    }
    report(faults);
}

/// A Rust toolchain is enough to build Salon: no crate compiles C or looks for
/// a library of the system. The two that are called `sys` are plain Rust.
#[test]
fn no_dependency_needs_a_c_compiler() {
    const PLAIN_RUST: &[&str] = &["linux-raw-sys", "windows-sys"];
    const BUILDERS_OF_C: &[&str] = &["cc", "cmake", "pkg-config", "vcpkg", "bindgen", "autotools"];
    let lock = read("Cargo.lock");
    let names: Vec<&str> = following(&lock, "name = \"").filter_map(|rest| rest.split('"').next()).collect();
    assert!(names.contains(&"mio"), "Cargo.lock is not read as it is written");
    let of_c =
        |name: &&str| BUILDERS_OF_C.contains(name) || (name.ends_with("-sys") && !PLAIN_RUST.contains(name));
    report(names.into_iter().filter(of_c).map(|name| format!("Cargo.lock: {name}")).collect());
}

#[test]
fn documents_name_only_what_exists() {
    let mut faults = Vec::new();
    let names: BTreeSet<String> =
        files("").iter().filter_map(|path| Some(path.rsplit('/').next()?.into())).collect();
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "SECURITY.md",
        "docs/operations.md",
        "examples/standalone/protocol.md",
    ] {
        for (line, word, alone) in words_in_code(&read(document)) {
            if looks_like_a_path(&word) && !root().join(&word).exists() {
                faults.push(format!("{document}:{line}: `{word}` does not exist"));
            } else if alone && looks_like_a_source_file(&word) && !exists_somewhere(&word, &names) {
                faults.push(format!("{document}:{line}: no file is called `{word}`"));
            }
        }
        for (line, text) in (1..).zip(read(document).lines()) {
            for name in following(text, "--example ") {
                if !["", "/main"].iter().any(|end| root().join(format!("examples/{name}{end}.rs")).exists()) {
                    faults.push(format!("{document}:{line}: there is no example `{name}`"));
                }
            }
            for link in following(text, "](").filter(|link| !link.contains("://") && !link.starts_with('#')) {
                let target = link.split(['#', ')']).next().unwrap_or_default();
                if !root().join(target).exists() {
                    faults.push(format!("{document}:{line}: the link to `{target}` leads nowhere"));
                }
            }
        }
    }
    report(faults);
}

#[test]
fn the_snippets_of_the_readme_are_compiled() {
    let readme = read("README.md");
    let tested = read("src/lib.rs").contains("#[doc = include_str!(\"../README.md\")]");
    assert!(tested || !readme.contains("```rust"), "src/lib.rs does not include README.md for the doc tests");
}

#[test]
fn tests_wait_for_conditions_and_not_for_the_clock() {
    let mut faults = Vec::new();
    for path in ["tests", "src", "bindings/python/salon", "bindings/python/tests"].into_iter().flat_map(files)
    {
        if SLEEPERS.iter().any(|(allowed, _)| *allowed == path) || path == "tests/tidy.rs" {
            continue;
        }
        for (line, text) in (1..).zip(read(&path).lines()) {
            let code = text.split("//").next().unwrap_or_default();
            let words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
            for word in words.filter(|word| ["sleep", "waitForTimeout"].contains(word)) {
                faults.push(format!("{path}:{line}: `{word}`; give its reason in SLEEPERS"));
            }
        }
    }
    report(faults);
}

#[test]
fn nothing_is_left_for_later_and_no_path_of_one_machine() {
    // Spelled in pieces, so that this file passes its own test.
    let unwanted =
        [["TO", "DO"], ["FIX", "ME"], ["X", "XX"], ["/wo", "rk/"], ["/ro", "ot/"]].map(|it| it.concat());
    let mut faults = Vec::new();
    // What a fuzzer has come upon is nobody's word.
    for path in files("").into_iter().filter(|path| !path.starts_with("fuzz/corpus/")) {
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        for (line, text) in (1..).zip(text.lines()) {
            for word in unwanted.iter().filter(|word| text.contains(*word)) {
                faults.push(format!("{path}:{line}: `{word}`"));
            }
        }
        if path.ends_with("package-lock.json") && text.contains("\"resolved\"") {
            faults.push(format!("{path}: names a registry; install with omit-lockfile-registry-resolved"));
        }
    }
    report(faults);
}

#[test]
fn the_reader_of_rust_sees_code_and_not_what_is_quoted() {
    let text = "use crate::{codec::{a, b}, hub}; // crate::net\nlet c: &'a str = \"crate::ffi \\\" \"; let d = ['{', '\"'];\n\
                /* a /* b */ crate::net */ /*/ crate::net */ let e = r#\"\"crate::net\"#; mod tests { use super::*; } fn f() { super::hub }";
    let file = File { path: "src/codec.rs".into(), text: text.into() };
    let found: Vec<_> = uses(&file).into_iter().map(|(line, name)| format!("{line} {name}")).collect();
    assert_eq!(found, ["1 codec", "1 hub", "3 hub"]);
}

/// A Rust file: its path from the root, with slashes, and its text.
struct File {
    path: String,
    text: String,
}

fn report(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read(root().join(path)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).expect(path)
}

/// The files of a folder and its folders, as paths from the root, in order.
fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if !path.is_dir() {
                let path = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
                // In a git worktree `.git` is a file.
                found.extend((path != ".git").then_some(path));
            } else if !MADE.iter().any(|made| path.ends_with(made)) {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

fn rust_files(folder: &str) -> Vec<File> {
    let rust = files(folder).into_iter().filter(|path| path.ends_with(".rs"));
    rust.map(|path| File { text: read(&path), path }).collect()
}

/// `src/codec/frame.rs` and `src/codec.rs` are in the part `codec`.
fn part_of(path: &str) -> String {
    path.split('/').nth(1).unwrap_or_default().trim_end_matches(".rs").to_owned()
}

fn floor_of(part: &str) -> Option<usize> {
    FLOORS.iter().find(|(name, _)| *name == part).map(|(_, floor)| *floor)
}

/// What a file names directly below the crate's root, by `crate::` or by a
/// `super::` that leads there, each with its line.
fn uses(file: &File) -> Vec<(usize, String)> {
    let tokens = tokens(&file.text);
    let token = |at: usize| tokens.get(at).map_or("", |(_, token)| &**token);
    // How deep the file's module lies below the root, and the braces of the
    // modules inside it that are open.
    let inner = file.path.trim_start_matches("src/").trim_end_matches("/mod.rs").trim_end_matches(".rs");
    let depth = if inner == "lib" { 0 } else { inner.split('/').count() };
    let (mut braces, mut modules) = (0, Vec::new());
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        match token(at) {
            "{" => {
                braces += 1;
                if at >= 2 && token(at - 2) == "mod" {
                    modules.push(braces);
                }
            }
            "}" => {
                modules.pop_if(|module| *module == braces);
                braces -= 1;
            }
            "super" if token(at + 2) == "super" => found.push((tokens[at].0, "super::super".to_owned())),
            "crate" if token(at + 1) == "::" => found.extend(heads(&tokens[at + 2..])),
            "super" if token(at + 1) == "::" && depth + modules.len() == 1 => {
                found.extend(heads(&tokens[at + 2..]))
            }
            _ => {}
        }
    }
    found
}

/// The first segments of the paths that begin here: one, or those of a group.
fn heads(tokens: &[(usize, String)]) -> Vec<(usize, String)> {
    let Some(first) = tokens.first() else { return Vec::new() };
    if first.1 != "{" {
        return vec![first.clone()];
    }
    let (mut depth, mut found) = (0, Vec::new());
    for pair in tokens.windows(2) {
        match &*pair[0].1 {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && ["{", ","].contains(&&*pair[0].1) && pair[1].1 != "}" {
            found.push(pair[1].clone());
        }
    }
    found
}

/// Words, `::` and single signs of Rust code, each with its line; comments,
/// strings and characters are left out.
fn tokens(text: &str) -> Vec<(usize, String)> {
    let code = code_of(text);
    let mut found: Vec<(usize, String)> = Vec::new();
    for (line, text) in (1..).zip(code.lines()) {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let length = match word {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                word => word,
            };
            found.push((line, rest[..length].to_owned()));
            rest = rest[length..].trim_start();
        }
    }
    found
}

/// The text with comments, strings and characters blanked, lines kept.
fn code_of(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let in_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let blank = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => comment_length(rest),
            '"' => string_length(rest),
            'r' if !in_word || code.ends_with('b') || code.ends_with('c') => raw_string_length(rest),
            '\'' => char_length(rest),
            _ => 0,
        };
        if blank == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.push(' ');
            code.extend(rest[..blank].chars().filter(|c| *c == '\n'));
            rest = &rest[blank..];
        }
    }
    code
}

fn comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    text.len()
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    text.len()
}

fn raw_string_length(text: &str) -> usize {
    let hashes = text[1..].len() - text[1..].trim_start_matches('#').len();
    if !text[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    text[2 + hashes..].find(&end).map_or(text.len(), |at| 2 + hashes + at + end.len())
}

/// The length of a character literal, or 0 where a lifetime begins.
fn char_length(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        // Past the escaped character itself, which may be a quote.
        (Some((_, '\\')), Some((at, c))) => {
            text[at + c.len_utf8()..].find('\'').map_or(0, |end| at + c.len_utf8() + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

/// Numbers like 1.2.3 in a line; an address of four numbers is none.
fn versions_in(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != '.').map(|word| word.trim_matches('.'));
    words.filter(|word| word.split('.').count() == 3 && !word.contains("..")).collect()
}

/// The words of inline code and fenced blocks, each with its line; `true`
/// where the word is the whole of an inline code.
fn words_in_code(text: &str) -> Vec<(usize, String, bool)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (line, text) in (1..).zip(text.lines()) {
        if text.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let codes: Vec<&str> = if fenced { vec![text] } else { text.split('`').skip(1).step_by(2).collect() };
        for code in codes {
            let words = code.split_whitespace().map(|word| word.trim_end_matches([',', ';', ':', '.', ')']));
            found.extend(words.map(|word| (line, word.to_owned(), !fenced && word == code)));
        }
    }
    found
}

/// A path from the root: it begins with a known folder and has no pattern in it.
fn looks_like_a_path(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    let made = word.split('/').any(|part| MADE.contains(&part));
    plain && !made && word.contains('/') && TOP.contains(&word.split('/').next().unwrap_or_default())
}

fn looks_like_a_source_file(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    let ends = [".rs", ".mjs", ".md", ".toml", ".py", ".html"];
    plain && !looks_like_a_path(word) && ends.iter().any(|end| word.len() > end.len() && word.ends_with(end))
}

/// As a path from `src`, or as a bare file name anywhere.
fn exists_somewhere(word: &str, names: &BTreeSet<String>) -> bool {
    root().join(word).exists() || root().join("src").join(word).exists() || names.contains(word)
}

/// What follows each `mark` in a line, up to a space or a backtick.
fn following<'a>(text: &'a str, mark: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(mark).skip(1).map(|rest| rest.split([' ', '`']).next().unwrap_or_default())
}
