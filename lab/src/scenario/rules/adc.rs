//! What goes together before the gateways.

use std::time::Duration;

use super::super::Written;
use super::super::complaint::Complaint;
use super::super::expect::Connected;
use super::super::matrix::Cell;
use super::Sheet;
use crate::stage::{PortModel, Stage};

/// The longest ramp; a BIG-IP takes no longer one.
const LONGEST_RAMP: Duration = Duration::from_secs(900);

/// The first rule that is broken.
pub(super) fn check(
    sheet: &Sheet<'_, '_>,
    written: &Written,
    cells: &[Cell],
) -> Result<(), Complaint> {
    for cell in cells {
        check_stage(sheet, &cell.stage)?;
    }
    let expect = &written.expect;
    if expect.connected == Connected::AsOnGateways && expect.on_gateways.is_none() {
        return Err(sheet
            .complain(
                &["expect", "connected"],
                "nothing says how many devices are to be connected",
            )
            .hint("add on-gateways = [100]"));
    }
    Ok(())
}

fn check_stage(sheet: &Sheet<'_, '_>, stage: &Stage) -> Result<(), Complaint> {
    let adc = &stage.adc;
    if let Some(count) = adc.snat_ports_each {
        let path = ["stage", "adc", "snat-ports-each"];
        sheet.within(&path, count.into(), 1..=20_000)?;
        if adc.snat_ports != PortModel::Range {
            return Err(sheet
                .complain(&path, "only a range of ports can be cut short")
                .hint("add adc.snat-ports = \"range\""));
        }
    }
    if let Some(ramp) = adc.slow_ramp
        && ramp.get() > LONGEST_RAMP
    {
        let what = format!("`slow-ramp` takes at most {LONGEST_RAMP:?}, not {ramp}");
        return Err(sheet.complain(&["stage", "adc", "slow-ramp"], what));
    }
    if adc.drain_closes && !adc.tls {
        return Err(sheet
            .complain(
                &["stage", "adc", "drain-closes"],
                "a load balancer sees WebSockets only where it ends TLS",
            )
            .hint("add adc.tls = true"));
    }
    Ok(())
}
