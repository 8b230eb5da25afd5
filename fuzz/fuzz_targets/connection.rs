#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| nfs::fuzzing::connection(input));
