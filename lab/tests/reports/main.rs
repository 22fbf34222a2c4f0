//! What a run leaves behind, as people and scripts meet it: words on terminals of any width, pages in a browser, files for other tools.
//!
//! - [`played`]: one cell that breaks its expectations, played once for all.
//! - [`terminal`]: colours and widths. [`records`]: `lab report`, `lab compare`. [`pages`]: every page, looked at in Chromium.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod pages;
mod played;
mod records;
mod terminal;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let told = |name: &str, test: fn()| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    let trials = vec![
        told(
            "a_pipe_gets_plain_words_and_exit_1",
            terminal::a_pipe_gets_plain_words_and_exit_1,
        ),
        told(
            "a_terminal_gets_a_coloured_verdict_unless_no_color_is_set",
            terminal::a_terminal_gets_a_coloured_verdict_unless_no_color_is_set,
        ),
        told(
            "narrow_terminals_break_lines_between_words",
            terminal::narrow_terminals_break_lines_between_words,
        ),
        told(
            "a_narrow_terminal_gets_comparisons_and_capacities_as_well",
            terminal::a_narrow_terminal_gets_comparisons_and_capacities_as_well,
        ),
        told(
            "a_folder_of_records_is_rendered_again_with_its_extras",
            records::a_folder_of_records_is_rendered_again_with_its_extras,
        ),
        told(
            "a_regression_is_exit_1_unless_the_threshold_allows_it",
            records::a_regression_is_exit_1_unless_the_threshold_allows_it,
        ),
        told(
            "what_is_no_record_is_exit_2",
            records::what_is_no_record_is_exit_2,
        ),
        Trial::ignorable_test(
            "every_page_is_fit_to_be_read",
            pages::every_page_is_fit_to_be_read,
        ),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
