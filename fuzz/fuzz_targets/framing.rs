#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| arqscope_fuzz::run("framing", data));
