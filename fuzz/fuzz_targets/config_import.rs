#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anchorwatch_fuzz::config_import(data));
