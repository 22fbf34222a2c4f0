//! The same script in a real Tcl and here must print the same. Without `tclsh` these tests are ignored, and say so.

use std::io::Write;
use std::process::{Command, ExitCode, Stdio};

use lab_irules::{Rehearsal, Table, Tmm};
use libtest_mimic::{Arguments, Failed, Trial};

/// Scripts whose last value is the answer; a blank line ends each. Both sides speak the 8.4 subset.
const CASES: &str = include_str!("tcl/cases.tcl");

fn main() -> ExitCode {
    let missing = Command::new("tclsh").stdin(Stdio::null()).output().is_err();
    let name = match missing {
        true => "plain Tcl answers as tclsh does: no tclsh here, install Debian's package tcl",
        false => "plain Tcl answers as tclsh does",
    };
    let trial = Trial::test(name, || compare().map_err(Failed::from)).with_ignored_flag(missing);
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}

fn compare() -> Result<(), String> {
    let cases: Vec<&str> = CASES
        .split("\n\n")
        .map(str::trim)
        .filter(|case| !case.is_empty())
        .collect();
    if cases.len() < 100 {
        return Err(format!("the cases file was cut: {} cases", cases.len()));
    }
    let theirs = tclsh(&cases).map_err(|error| format!("tclsh: {error}"))?;
    if theirs.len() != cases.len() {
        return Err(format!(
            "tclsh answered {} of {} cases",
            theirs.len(),
            cases.len()
        ));
    }

    let mut differing = Vec::new();
    for (case, theirs) in cases.iter().zip(theirs) {
        let ours = here(case);
        let compared = if case.starts_with("# 8.6 words") {
            1
        } else {
            usize::MAX
        };
        if !ours.iter().take(compared).eq(theirs.iter().take(compared)) {
            let shown = [case.as_bytes(), &theirs, &ours]
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            differing.push(format!(
                "{}\n  tclsh: {}\n  here:  {}",
                shown[0], shown[1], shown[2]
            ));
        }
    }
    match differing.len() {
        0 => Ok(()),
        count => Err(format!(
            "{count} of {} differ:\n\n{}",
            cases.len(),
            differing.join("\n\n")
        )),
    }
}

/// `0 result` or `1 message`, as `catch` tells it.
fn here(case: &str) -> Vec<u8> {
    let script = format!(
        "set code [catch {{eval [binary format H* {}]}} result]\nset report \"$code $result\"",
        hex(case)
    );
    let mut tmm = Tmm::new(Vec::new(), &[], Table::default());
    match tmm.eval(script.as_bytes(), &mut Rehearsal::default()) {
        Ok(value) => value.bytes().to_vec(),
        Err(error) => error.to_string().into_bytes(),
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// One tclsh runs all cases, each in an interpreter of its own; answers come back length first.
fn tclsh(cases: &[&str]) -> std::io::Result<Vec<Vec<u8>>> {
    let mut program = String::from("fconfigure stdout -translation binary\n");
    for case in cases {
        program.push_str(&format!(
            "interp create box\nbox eval {{set tcl_precision 12}}\n\
             set code [catch {{box eval [binary format H* {}]}} result]\nset out \"$code $result\"\n\
             puts -nonewline \"[string length $out] $out\"\ninterp delete box\n",
            hex(case)
        ));
    }
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(program.as_bytes())?;
    let output = Command::new("timeout")
        .args(["60", "tclsh"])
        .arg(file.path())
        .output()?;

    let mut rest = output.stdout.as_slice();
    let mut answers = Vec::new();
    while let Some(blank) = rest.iter().position(|byte| *byte == b' ') {
        let Ok(length) = String::from_utf8_lossy(&rest[..blank]).parse::<usize>() else {
            break;
        };
        answers.push(rest[blank + 1..blank + 1 + length].to_vec());
        rest = &rest[blank + 1 + length..];
    }
    Ok(answers)
}
