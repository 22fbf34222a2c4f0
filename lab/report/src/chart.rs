//! Pictures as SVG. Every one has a title and a description for those who do not see it, takes its colours from the page's style sheet, and stands
//! beside a table or a sentence with the same numbers: no number is only in a picture.

pub(crate) mod bars;
pub(crate) mod curves;
pub(crate) mod heat;
pub mod scale;
pub(crate) mod timeline;
pub(crate) mod topology;
pub(crate) mod waterfall;

/// Width of every chart in user units; the page scales it to the column.
pub const WIDTH: f64 = 920.0;
/// Room at the left for the labels of the vertical axis.
pub const LEFT: f64 = 64.0;
/// Room at the right.
pub const RIGHT: f64 = 16.0;

/// A coordinate, to a tenth of a unit: finer is invisible and only makes the file larger.
pub fn at(value: f64) -> String {
    let tenths = (value * 10.0).round() / 10.0;
    format!("{tenths}")
}

/// The points of a polyline.
pub fn points(path: impl IntoIterator<Item = (f64, f64)>) -> String {
    let mut text = String::new();
    for (x, y) in path {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&at(x));
        text.push(',');
        text.push_str(&at(y));
    }
    text
}
