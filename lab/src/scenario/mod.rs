//! Scenario files: what was written, read once and meant from then on.
//!
//! - [`step`]: the plot.
//! - [`expect`]: the bounds.
//! - [`matrix`]: one file, several cells.
//! - [`complaint`]: what is wrong, where, and the nearest right word.

pub mod step;

pub mod expect;

pub mod matrix;

pub mod complaint;

mod rules;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::de::{DeTable, Deserializer};

pub use complaint::Complaint;
use expect::Expect;
use matrix::Cell;
use step::Step;

use crate::stage::Stage;

/// One scenario file, valid.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Where it was read from.
    pub file: PathBuf,
    /// Its whole text.
    pub text: String,
    /// A sentence that can be true or false.
    pub title: String,
    /// Why it matters.
    pub why: String,
    /// The stage, once per combination of the matrix.
    pub cells: Vec<Cell>,
    /// The plot.
    pub steps: Vec<Step>,
    /// The bounds.
    pub expect: Expect,
}

/// The file as serde sees it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    title: String,
    why: String,
    #[serde(default, rename = "stage")]
    _stage: Stage,
    #[serde(default, rename = "matrix")]
    _matrix: Option<IgnoredAny>,
    #[serde(default, rename = "step")]
    steps: Vec<Step>,
    #[serde(default)]
    expect: Expect,
}

/// Why a scenario cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is written wrong.
    #[error("{0}")]
    Wrong(#[from] Complaint),
}

impl Scenario {
    /// Reads and checks a scenario file.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] names the file, and for a mistake in it line, column and the nearest right word.
    pub fn read(file: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(file).map_err(|source| ScenarioError::Unreadable {
            file: file.to_owned(),
            source,
        })?;
        Ok(Self::parse(file, text)?)
    }

    /// Checks the text of a scenario file.
    ///
    /// # Errors
    ///
    /// The first mistake, with its place.
    pub fn parse(file: &Path, text: String) -> Result<Self, Complaint> {
        let wrong = |error: toml::de::Error| Complaint::from_toml(file, &text, &error);
        let document = DeTable::parse(&text).map_err(wrong)?;
        let written = Written::deserialize(Deserializer::from(document.clone())).map_err(wrong)?;
        let cells = matrix::cells(file, &text, document.get_ref())?;
        rules::check(file, &text, document.get_ref(), &written, &cells)?;
        Ok(Self {
            file: file.to_owned(),
            title: written.title,
            why: written.why,
            cells,
            steps: written.steps,
            expect: written.expect,
            text,
        })
    }
}

#[cfg(test)]
mod tests;
