#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anchorwatch_fuzz::admin_request(data));
