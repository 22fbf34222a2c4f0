//! The report of every cell that is played: it renders, says what the record says, and needs nothing from elsewhere.

use std::path::Path;

use lab_record::run::Run;

/// What a page may weigh and still open at once.
const HEAVIEST: usize = 2_000_000;

/// Checks the page beside a record; a run that left no record has no page.
pub(crate) fn check(folder: &Path) -> Result<(), String> {
    let Ok(record) = std::fs::read_to_string(folder.join("run.json")) else {
        return Ok(());
    };
    let run = Run::read(&record).map_err(|error| format!("run.json: {error}"))?;
    let page = std::fs::read_to_string(folder.join("report.html"))
        .map_err(|error| format!("report.html: {error}"))?;
    let wanted = std::iter::once(run.verdict().word().to_owned())
        .chain(std::iter::once(escaped(&run.scenario.title)))
        .chain(run.cells.iter().flat_map(|cell| {
            let broken = cell.expectations.iter().filter(|e| e.held != Some(true));
            broken.flat_map(|e| [escaped(&e.name), escaped(&e.measured)])
        }));
    for words in wanted {
        if !page.contains(&words) {
            return Err(format!("report.html does not say `{words}`"));
        }
    }
    for foreign in ["<script", "<link", "src=", "url(", "@import"] {
        if page.contains(foreign) {
            return Err(format!("report.html holds `{foreign}`"));
        }
    }
    let pictures = page.matches("<svg").count();
    let told = page.matches("role=\"img\" aria-label=\"").count();
    if pictures != told {
        return Err(format!(
            "{} pictures have no words",
            pictures.abs_diff(told)
        ));
    }
    if page.len() > HEAVIEST {
        return Err(format!("report.html weighs {} bytes", page.len()));
    }
    Ok(())
}

/// As text stands in HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
