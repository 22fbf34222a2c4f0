//! Records of runs that are on disk already: `lab report`, `lab compare`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use lab_record::run::{ReadError, Run};
use lab_report::overview::Entry;
use lab_report::{compare, openmetrics, overview, page, summary};

use crate::files::put;

/// The record's file name.
const RECORD: &str = "run.json";
/// Folders inside folders are searched this deep: `--out` nests no deeper than scenarios do.
const DEPTH: usize = 8;

/// Why records cannot be used; exit status 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordsError {
    /// Nothing there.
    #[error("no run.json in {}; `lab run … --out {}` writes one", .0.display(), .0.display())]
    None(PathBuf),
    /// A file that cannot be read.
    #[error("{}: {error}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's answer.
        error: std::io::Error,
    },
    /// A file that is no record of ours.
    #[error("{}: {error}", file.display())]
    NoRecord {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        error: ReadError,
    },
}

/// One record and where it is.
pub(crate) struct Found {
    /// Its folder.
    folder: PathBuf,
    /// What it says.
    run: Run,
}

/// `lab report DIR`: a page beside every record, a page over all of them when there are several. The answer names what was written.
pub(crate) fn report(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let found = find(folder)?;
    let mut written = vec![];
    for one in &found {
        put(&one.folder, "report.html", &page::render(&one.run))?;
        written.push(one.folder.join("report.html"));
    }
    if found.len() > 1 {
        put(folder, "index.html", &over(folder, &found))?;
        written.push(folder.join("index.html"));
    }
    Ok(written)
}

/// `lab compare BEFORE AFTER`: the text, and whether anything got worse. With `out`, also a page there.
pub(crate) fn compare(
    before: &Path,
    after: &Path,
    threshold: f64,
    out: Option<&Path>,
) -> anyhow::Result<(String, bool)> {
    let (left, right) = (runs(before)?, runs(after)?);
    let comparison = compare::compare(&left, &right, threshold);
    if let Some(out) = out {
        let names = (before.display().to_string(), after.display().to_string());
        put(
            out,
            "compare.html",
            &compare::page(&comparison, &names.0, &names.1),
        )?;
    }
    Ok((compare::text(&comparison), comparison.regressed()))
}

/// Further renderings that `lab run` and `lab report` are asked for by file.
pub(crate) fn extras(
    runs: &[Run],
    markdown: Option<&Path>,
    metrics: Option<&Path>,
) -> anyhow::Result<()> {
    for (file, text) in [
        (markdown, summary::render as fn(&[Run]) -> String),
        (metrics, openmetrics::render),
    ] {
        if let Some(file) = file {
            std::fs::write(file, text(runs))
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    Ok(())
}

/// The runs below a folder, in the order of their paths.
pub(crate) fn runs(folder: &Path) -> Result<Vec<Run>, RecordsError> {
    Ok(find(folder)?.into_iter().map(|found| found.run).collect())
}

fn find(folder: &Path) -> Result<Vec<Found>, RecordsError> {
    let mut files = vec![];
    search(folder, DEPTH, &mut files)?;
    files.sort();
    if files.is_empty() {
        return Err(RecordsError::None(folder.to_owned()));
    }
    files.into_iter().map(read).collect()
}

fn search(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), RecordsError> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    let unreadable = |error| RecordsError::Unreadable {
        file: path.to_owned(),
        error,
    };
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_file() && entry.file_name() == RECORD {
            files.push(entry.path());
        } else if kind.is_dir() && depth > 0 {
            search(&entry.path(), depth - 1, files)?;
        }
    }
    Ok(())
}

fn read(file: PathBuf) -> Result<Found, RecordsError> {
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => return Err(RecordsError::Unreadable { file, error }),
    };
    match Run::read(&text) {
        Ok(run) => Ok(Found {
            folder: file.parent().unwrap_or(Path::new(".")).to_owned(),
            run,
        }),
        Err(error) => Err(RecordsError::NoRecord { file, error }),
    }
}

fn over(folder: &Path, found: &[Found]) -> String {
    let links: Vec<String> = found
        .iter()
        .map(|one| {
            let inside = one.folder.strip_prefix(folder).unwrap_or(&one.folder);
            inside.join("report.html").display().to_string()
        })
        .collect();
    let entries: Vec<Entry<'_>> = found
        .iter()
        .zip(&links)
        .map(|(one, link)| Entry {
            run: &one.run,
            link,
        })
        .collect();
    overview::render(&entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_folder_of_runs_gets_a_page_each_and_one_over_all() {
        let folder = tempfile::tempdir().unwrap();
        for (name, run) in [("a", example::passed()), ("b", example::failed())] {
            put(&folder.path().join(name), RECORD, &run.write().unwrap()).unwrap();
        }

        let written = report(folder.path()).unwrap();

        let wanted =
            ["a/report.html", "b/report.html", "index.html"].map(|name| folder.path().join(name));
        assert_eq!(written, wanted);
        let index = std::fs::read_to_string(&wanted[2]).unwrap();
        assert!(
            index.contains("href=\"a/report.html\"") && index.contains("FAIL"),
            "{index}"
        );
    }

    #[test]
    fn a_folder_without_records_says_how_to_make_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();

        let error = report(folder.path()).unwrap_err();

        assert_eq!(
            error.to_string(),
            format!("no run.json in {path}; `lab run … --out {path}` writes one")
        );
    }

    #[test]
    fn a_foreign_file_is_named_and_not_guessed_at() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), RECORD, "{\"format\": \"other/1\"}").unwrap();

        let error = runs(folder.path()).unwrap_err();

        let file = folder.path().join(RECORD);
        assert_eq!(
            error.to_string(),
            format!(
                "{}: not a run record: it has no \"format\" that begins with \"tidegate-run/\"",
                file.display()
            )
        );
    }
}
