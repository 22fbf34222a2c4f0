//! Whatever an operator's export holds, the linter answers.

use lab_f5::lint::{File, lint};
use proptest::prelude::*;

const PASSTHROUGH: &str = include_str!("../../../f5-irules/tls-passthrough.tmsh.conf");
const OFFLOAD_AS3: &str = include_str!("../../../f5-irules/tls-offload.as3.json");

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn random_text_is_judged(text in "\\PC{0,200}") {
        for name in ["a.conf", "a.json", "a.irule"] {
            lint(&[File { name, text: &text }]);
        }
    }

    #[test]
    fn files_cut_and_spliced_are_judged(from in 0usize..9_000, length in 0usize..400, insert in "[ {}\\[\\]\"\\\\a-z0-9\n]{0,6}") {
        for (name, text) in [("a.conf", PASSTHROUGH), ("a.json", OFFLOAD_AS3)] {
            let from = from.min(text.len());
            let end = (from + length).min(text.len());
            let mut bytes = text.as_bytes().to_vec();
            bytes.splice(from..end, insert.bytes());
            lint(&[File { name, text: &String::from_utf8_lossy(&bytes) }]);
        }
    }
}
