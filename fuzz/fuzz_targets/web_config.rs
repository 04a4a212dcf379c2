#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anchorwatch_fuzz::web_config(data));
