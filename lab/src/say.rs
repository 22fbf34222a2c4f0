//! Standard output, for readers who may leave early: `lab plan scenarios | head` is no failure.

use std::fmt::Arguments;
use std::io::Write as _;

/// As `print!`, but a reader who has left is no reason to panic.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::say::write(format_args!($($words)*))
    };
}

/// As `println!`, likewise.
macro_rules! say_line {
    ($($words:tt)*) => {
        $crate::say::write(format_args!("{}\n", format_args!($($words)*)))
    };
}

/// Writes as much as is still wanted. A run goes on without a listener: its record says everything.
pub(crate) fn write(text: Arguments<'_>) {
    let _nobody_listens = std::io::stdout().lock().write_fmt(text);
}
