//! The gateway with placement rules that are known to be bad, so that a test can show that it notices.

use std::process::ExitCode;

fn main() -> ExitCode {
    gateway::main()
}
