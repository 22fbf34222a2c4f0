//! The `lab` binary; everything is in the library.

fn main() -> std::process::ExitCode {
    lab::main()
}
