//! Whatever text arrives as a rule or a script, the answer is a value or an error.

use std::sync::Arc;

use lab_irules::{Connection, Event, Rehearsal, Rule, Table, Tmm};
use proptest::prelude::*;

/// Pieces of Tcl, so that random text gets past the parser.
const PIECES: &[&str] = &[
    "set a ",
    "$a",
    "[",
    "]",
    "{",
    "}",
    "\"",
    " ",
    "\n",
    ";",
    "expr ",
    "string range ",
    "binary format ",
    "binary scan ",
    "format ",
    "scan ",
    "regexp ",
    "regsub ",
    "lindex ",
    "lsort ",
    "lsearch ",
    "split ",
    "while ",
    "if ",
    "foreach x ",
    "switch ",
    "proc p ",
    "call p",
    "upvar ",
    "uplevel ",
    "catch ",
    "end-1",
    "-1",
    "99999999999",
    "0x",
    "08",
    "%*d",
    "%5.3s",
    "H*",
    "c3",
    "@9",
    "X5",
    "\\",
    "\\x",
    "(",
    ")",
    "*",
    "?",
    "<<",
    "/0",
    "1.5e300",
    "-",
    "a(b)",
    "::",
    "static::x",
    "table set k v",
    "TCP::payload replace 5 5 x",
    "getfield ",
    "findstr ",
    "substr ",
    "IP::addr ",
    "string map ",
    "array set q ",
    "unset a",
    "return -code ",
    "subst ",
    "lset a ",
    "lreplace ",
    "linsert ",
    "HTTP::header ",
    "\u{e9}",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn random_pieces_of_tcl_never_panic(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..30)) {
        run(&pieces.concat());
    }

    #[test]
    fn random_text_never_panics(text in "\\PC{0,80}") {
        run(&text);
    }

    #[test]
    fn one_command_with_random_words_never_panics(
        command in prop::sample::select(PIECES),
        words in prop::collection::vec("[-0-9a-z%*{}\\[\\]$(). ]{0,6}", 0..6),
    ) {
        run(&format!("{command} {}", words.join(" ")));
    }
}

fn run(text: &str) {
    let mut tmm = Tmm::new(Vec::new(), &[], Table::default());
    let _value_or_error = tmm.eval(text.as_bytes(), &mut host());
    if let Ok(rule) = Rule::load("/Common/x", &format!("when CLIENT_ACCEPTED {{ {text} }}")) {
        let mut tmm = Tmm::new(vec![Arc::new(rule)], &[], Table::default());
        let _done_or_error = tmm.fire(
            Event::CLIENT_ACCEPTED,
            &mut Connection::default(),
            &mut host(),
        );
    }
    let _rule_or_error = Rule::load("/Common/x", text);
}

fn host() -> Rehearsal {
    let (client, local) = (
        ([192, 0, 2, 1], 50_000).into(),
        ([192, 0, 2, 100], 443).into(),
    );
    Rehearsal {
        payload: b"payload".to_vec(),
        ..Rehearsal::accepted(client, local, 1)
    }
}
