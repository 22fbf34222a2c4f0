//! Rules about comparing numbers of gateways: the fewest come first, and there is something to compare.

use super::{Cell, Complaint, Sheet, Written};

/// The first rule that is broken.
pub(super) fn check(
    sheet: &Sheet<'_, '_>,
    written: &Written,
    cells: &[Cell],
) -> Result<(), Complaint> {
    let Some(bounds) = written.expect.linear else {
        return Ok(());
    };
    for (key, bound) in [
        ("processor-max", bounds.processor_max),
        ("memory-max", bounds.memory_max),
    ] {
        if !(1.0..1000.0).contains(&bound) {
            return Err(sheet
                .complain(
                    &["expect", "linear", key],
                    format!("`{key}` is how many times as much"),
                )
                .hint("2.0 allows twice as much"));
        }
    }
    let gateways: Vec<u32> = cells.iter().map(|cell| cell.stage.gateways).collect();
    let rises = gateways.first() < gateways.last() && gateways.is_sorted();
    if !rises {
        return Err(sheet
            .complain(
                &["expect", "linear"],
                "`linear` compares numbers of gateways",
            )
            .hint("list them in [matrix], the fewest first: gateways = [1, 2, 3]"));
    }
    let produces = written
        .steps
        .iter()
        .any(|step| step.action.verb() == "produce");
    if !produces {
        let what = "`linear` would prove nothing: no step does produce";
        return Err(sheet.complain(&["expect", "linear"], what));
    }
    Ok(())
}
