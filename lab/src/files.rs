//! What a run leaves on disk: `run.json` and `report.html` per scenario, `junit.xml` for all.

use std::path::{Path, PathBuf};

use anyhow::Context;
use lab_record::run::Run;

use crate::junit::junit;
use crate::options::RunOptions;
use crate::records;

/// Writes the records. One file goes straight into the folder, several each into one of its own.
pub(crate) fn write(runs: &[Run], options: &RunOptions) -> anyhow::Result<()> {
    let folder = options.out.clone().unwrap_or_else(|| default_folder(runs));
    for run in runs {
        let own = if runs.len() == 1 {
            folder.clone()
        } else {
            folder.join(inside(&run.scenario.file))
        };
        put(
            &own,
            "run.json",
            &run.write()
                .context("a number in the record is not finite")?,
        )?;
        put(&own, "report.html", &lab_report::page::render(run))?;
    }
    records::extras(runs, options.summary.as_deref(), options.metrics.as_deref())?;
    put(&folder, "junit.xml", &junit(runs))
}

/// `out/NAME-SEED`.
fn default_folder(runs: &[Run]) -> PathBuf {
    let name = match runs {
        [run] => Path::new(&run.scenario.file)
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()),
        _ => "scenarios".to_owned(),
    };
    Path::new("out").join(format!("{name}-{}", runs.first().map_or(0, |run| run.seed)))
}

/// A scenario's path as a path inside another folder, whatever it was.
fn inside(file: &str) -> PathBuf {
    let path = Path::new(file).with_extension("");
    path.components()
        .filter(|part| matches!(part, std::path::Component::Normal(_)))
        .collect()
}

/// Writes the whole file or nothing.
pub(crate) fn put(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let file = folder.join(name);
    let writing = || format!("cannot write {}", file.display());
    std::fs::create_dir_all(folder).with_context(writing)?;
    let half = folder.join(format!(".{name}"));
    std::fs::write(&half, text).with_context(writing)?;
    std::fs::rename(&half, &file).with_context(writing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_run_without_a_folder_is_named_after_scenario_and_seed() {
        assert_eq!(default_folder(&[example::passed()]), Path::new("out/a-7"));
        assert_eq!(
            default_folder(&[example::passed(), example::failed()]),
            Path::new("out/scenarios-7")
        );
    }

    #[test]
    fn a_scenario_cannot_write_outside_the_folder() {
        assert_eq!(
            inside("/abs/../scenarios/a.toml"),
            Path::new("abs/scenarios/a")
        );
    }
}
