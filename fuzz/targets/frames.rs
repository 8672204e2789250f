#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| salon::fuzzing::frames(data));
