//! `[matrix]`: each key names a value of the stage and lists what it takes; every combination is one cell.

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::complaint::Complaint;
use crate::stage::Stage;

/// More cells than anybody waits for.
const MOST_CELLS: usize = 1000;

/// One combination: its name and its stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The choices that make it, `workgroups=8 adc.snat-ports=range`; empty without a matrix.
    pub name: String,
    /// The stage with every value decided.
    pub stage: Stage,
}

/// A value of the stage by its path, and what it takes.
struct Axis<'i> {
    path: Vec<Spanned<std::borrow::Cow<'i, str>>>,
    choices: Vec<Spanned<DeValue<'i>>>,
}

/// Every cell of a document, in the order of the file: the last axis turns fastest.
pub(crate) fn cells(
    file: &Path,
    text: &str,
    document: &DeTable<'_>,
) -> Result<Vec<Cell>, Complaint> {
    let mut axes = vec![];
    if let Some(matrix) = document.get("matrix") {
        collect(file, text, &mut vec![], matrix, &mut axes)?;
        // A TOML table has no order; the file does.
        axes.sort_by_key(|axis| axis.choices.first().map(|choice| choice.span().start));
    }
    let count = axes
        .iter()
        .map(|axis| axis.choices.len())
        .product::<usize>();
    if count > MOST_CELLS {
        let span = document.get("matrix").map_or(0..0, Spanned::span);
        return Err(Complaint::at(
            file,
            text,
            span,
            format!("{count} cells, more than {MOST_CELLS}"),
        ));
    }
    let stage = document
        .get("stage")
        .cloned()
        .unwrap_or_else(|| Spanned::new(0..0, DeValue::Table(DeTable::default())));
    (0..count)
        .map(|number| cell(file, text, &stage, &axes, number))
        .collect()
}

/// Finds the lists below `value`; their paths are the keys on the way.
fn collect<'i>(
    file: &Path,
    text: &str,
    path: &mut Vec<Spanned<std::borrow::Cow<'i, str>>>,
    value: &Spanned<DeValue<'i>>,
    axes: &mut Vec<Axis<'i>>,
) -> Result<(), Complaint> {
    match value.get_ref() {
        DeValue::Table(table) => {
            for (key, value) in table {
                path.push(key.clone());
                collect(file, text, path, value, axes)?;
                path.pop();
            }
            Ok(())
        }
        DeValue::Array(choices) if !choices.is_empty() => {
            axes.push(Axis {
                path: path.clone(),
                choices: choices.iter().cloned().collect(),
            });
            Ok(())
        }
        _ => Err(
            Complaint::at(file, text, value.span(), "a matrix key lists what it takes")
                .hint("write it as [value, …]"),
        ),
    }
}

/// The cell with this number, counted as on an odometer.
fn cell(
    file: &Path,
    text: &str,
    stage: &Spanned<DeValue<'_>>,
    axes: &[Axis<'_>],
    number: usize,
) -> Result<Cell, Complaint> {
    let mut stage = stage.clone();
    let mut name = vec![];
    let mut turns = axes
        .iter()
        .map(|axis| axis.choices.len())
        .product::<usize>();
    for axis in axes {
        turns /= axis.choices.len();
        let choice = &axis.choices[number / turns % axis.choices.len()];
        put(file, text, &mut stage, &axis.path, choice)?;
        let path: Vec<&str> = axis.path.iter().map(|key| key.get_ref().as_ref()).collect();
        name.push(format!("{}={}", path.join("."), shown(choice.get_ref())));
    }
    let span = stage.span();
    let mut stage = Stage::deserialize(ValueDeserializer::from(stage)).map_err(|error| {
        Complaint::from_toml_at(file, text, error.span().unwrap_or(span), &error)
    })?;
    stage.settle();
    Ok(Cell {
        name: name.join(" "),
        stage,
    })
}

/// Puts `choice` at `path` of the stage; its place in the file goes with it, so that a wrong choice is shown where it is written.
fn put<'i>(
    file: &Path,
    text: &str,
    value: &mut Spanned<DeValue<'i>>,
    path: &[Spanned<std::borrow::Cow<'i, str>>],
    choice: &Spanned<DeValue<'i>>,
) -> Result<(), Complaint> {
    let Some((key, rest)) = path.split_first() else {
        *value = choice.clone();
        return Ok(());
    };
    let DeValue::Table(table) = value.get_mut() else {
        return Err(Complaint::at(
            file,
            text,
            key.span(),
            format!("the stage has no key `{}` at this place", key.get_ref()),
        ));
    };
    let empty = || Spanned::new(key.span(), DeValue::Table(DeTable::default()));
    // An entry keeps the key of its first insertion, with the place of the stage; an error in the value has the place of the choice.
    put(
        file,
        text,
        table.entry(key.clone()).or_insert_with(empty),
        rest,
        choice,
    )
}

/// A choice as a cell's name shows it.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(values) => values
            .iter()
            .map(|v| shown(v.get_ref()))
            .collect::<Vec<_>>()
            .join(","),
        DeValue::Table(table) => {
            let pairs: Vec<String> = table
                .iter()
                .map(|(k, v)| format!("{}:{}", k.get_ref(), shown(v.get_ref())))
                .collect();
            pairs.join(",")
        }
    }
}
