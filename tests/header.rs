//! `include/salon.h` is what cbindgen makes of `src/ffi`, and declares exactly
//! what the library exports. `SALON_HEADER=write cargo test --test header`
//! rewrites it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeSet, fs, path::Path};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The sources in reading order, which is the header's. Without `mod.rs`: cbindgen would follow it into
/// all the others, and declare everything twice.
const SOURCES: [&str; 13] = [
    "version",
    "error",
    "config",
    "server",
    "event",
    "namespace",
    "socket",
    "audience",
    "http",
    "timer",
    "json",
    "remote",
    "text",
];

fn made() -> String {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(root().join(format!("src/ffi/{source}.rs")));
    }
    let mut header = Vec::new();
    builder.generate().expect("cbindgen reads src/ffi").write(&mut header);
    sections(&String::from_utf8(header).unwrap())
}

/// A doc comment that begins with a heading opens a section; its rule of dashes
/// ends what is said about the section and not about the function alone.
fn sections(header: &str) -> String {
    let mut made = String::new();
    for line in header.lines() {
        match line.strip_prefix("// # ") {
            Some(title) => made.push_str(&format!("// {title} {}\n", "-".repeat(72 - title.len()))),
            None if line == "// ---" => made.push('\n'),
            None => {
                made.push_str(line);
                made.push('\n');
            }
        }
    }
    made.replace("//\n\n//\n", "\n")
}

#[test]
fn the_header_is_what_the_sources_say() {
    let path = root().join("include/salon.h");
    let made = made();
    if std::env::var_os("SALON_HEADER").is_some_and(|value| value == "write") {
        fs::write(&path, &made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(made == kept, "include/salon.h is not up to date: SALON_HEADER=write cargo test --test header");
}

#[test]
fn every_exported_function_is_declared_and_no_other() {
    let mut exported = BTreeSet::new();
    for source in fs::read_dir(root().join("src/ffi")).unwrap() {
        let text = fs::read_to_string(source.unwrap().path()).unwrap();
        for part in text.split("#[unsafe(no_mangle)]").skip(1) {
            let name = part.split("fn ").nth(1).unwrap().split('(').next().unwrap();
            exported.insert(name.to_owned());
        }
    }
    let header = fs::read_to_string(root().join("include/salon.h")).unwrap();
    let declared: Vec<String> = header
        .split("\nSALON_API")
        .skip(1)
        .filter_map(|part| part.split('(').next()?.split_whitespace().last())
        .map(|name| name.trim_start_matches('*').to_owned())
        .filter(|name| name.starts_with("salon_"))
        .collect();
    assert_eq!(declared.len(), exported.len(), "declared twice, or not at all");
    assert_eq!(exported, declared.into_iter().collect());
}
