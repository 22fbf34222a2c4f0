//! `lab adc lint` and `lab adc render f5`: files in, findings or files out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use lab_f5::lint::{self, Severity};
use lab_f5::render;
use lab_f5::site::Site;

use crate::options::{UsageError, read_scenarios};
use crate::scenario::Scenario;

/// Endings of files that can hold F5 configuration.
const ENDINGS: &[&str] = &["conf", "json", "irule", "tcl", "tmsh", "scf"];
/// At least one error was found.
const FOUND: u8 = 1;

/// Looks at files and folders; exit status 1 when there is an error among the findings.
pub(crate) fn lint(paths: &[PathBuf]) -> anyhow::Result<u8> {
    let mut files = Vec::new();
    for path in paths {
        collect(path, &mut files)?;
    }
    if files.is_empty() {
        let folder = paths.first().cloned().unwrap_or_default();
        return Err(UsageError::NothingToLint(folder).into());
    }
    let texts: Vec<lint::File<'_>> = files
        .iter()
        .map(|(name, text)| lint::File { name, text })
        .collect();
    let findings = lint::lint(&texts);
    say!("{}", lint::render(&findings));
    let errors = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    Ok(if errors { FOUND } else { 0 })
}

fn collect(path: &Path, files: &mut Vec<(String, String)>) -> anyhow::Result<()> {
    if path.is_dir() {
        let entries =
            fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut inside: Vec<PathBuf> = entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .collect();
        inside.sort();
        let wanted = |path: &PathBuf| {
            path.is_dir()
                || path
                    .extension()
                    .is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known))
        };
        return inside
            .iter()
            .filter(|path| wanted(path))
            .try_for_each(|path| collect(path, files));
    }
    let text = fs::read(path).map_err(|error| UsageError::Unreadable {
        file: path.to_owned(),
        error: error.to_string(),
    })?;
    files.push((
        path.display().to_string(),
        String::from_utf8_lossy(&text).into_owned(),
    ));
    Ok(())
}

/// Writes the files of `f5-irules/` for a site. A scenario decides how many devices the SNAT pool must carry.
pub(crate) fn render(site: &Path, scenario: Option<&PathBuf>, out: &Path) -> anyhow::Result<u8> {
    let unreadable = |error: std::io::Error| UsageError::Unreadable {
        file: site.to_owned(),
        error: error.to_string(),
    };
    let text = fs::read_to_string(site).map_err(unreadable)?;
    let wrong = |error: lab_f5::site::SiteError| UsageError::Site {
        file: site.to_owned(),
        error: error.to_string(),
    };
    let mut parsed = Site::from_toml(&text).map_err(wrong)?;
    if let Some(scenario) = scenario {
        for scenario in read_scenarios(std::slice::from_ref(scenario))? {
            fit(&mut parsed, &scenario);
        }
        parsed.check().map_err(wrong)?;
    }

    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let rules = render::RULES
        .iter()
        .map(|(name, text)| (format!("{name}.irule"), (*text).to_owned()));
    let files = render::files(&parsed)
        .into_iter()
        .map(|file| (file.name, file.text));
    for (name, text) in files.chain(rules) {
        let path = out.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        say_line!("{}", path.display());
    }
    Ok(0)
}

/// The largest fleet among the scenario's cells, on no more gateways than it has.
fn fit(site: &mut Site, scenario: &Scenario) {
    for cell in &scenario.cells {
        site.devices = site.devices.max(u64::from(cell.stage.fleet.devices));
    }
    let gateways = scenario
        .cells
        .iter()
        .map(|cell| cell.stage.gateways)
        .max()
        .unwrap_or(1);
    site.gateways.truncate(gateways.max(1) as usize);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_searched_for_what_can_be_linted() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("inner")).unwrap();
        for name in ["README.md", "site.toml", "a.conf", "inner/b.irule"] {
            fs::write(folder.path().join(name), "").unwrap();
        }

        let mut files = Vec::new();
        collect(folder.path(), &mut files).unwrap();

        let names: Vec<&str> = files
            .iter()
            .filter_map(|(name, _)| name.rsplit('/').next())
            .collect();
        assert_eq!(names, ["a.conf", "b.irule"]);
    }
}
