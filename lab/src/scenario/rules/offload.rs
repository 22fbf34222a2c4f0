//! Rules about comparing who ends TLS: the gateways come first, then the load balancer, and devices connect.

use super::{Cell, Complaint, Sheet, Written};
use crate::stage::TlsEnd;

/// The first rule that is broken.
pub(super) fn check(
    sheet: &Sheet<'_, '_>,
    written: &Written,
    cells: &[Cell],
) -> Result<(), Complaint> {
    let Some(bounds) = written.expect.offload else {
        return Ok(());
    };
    if !(0.01..=1.0).contains(&bounds.handshake_max) {
        return Err(sheet
            .complain(
                &["expect", "offload", "handshake-max"],
                "`handshake-max` is the share that is left of the gateways' cost",
            )
            .hint("0.8 wants a fifth of it to be spared"));
    }
    let first = |end| cells.iter().position(|cell| cell.stage.tls == Some(end));
    let (gateway, adc) = (first(TlsEnd::Gateway), first(TlsEnd::Adc));
    if gateway.is_none() || adc.is_none() || gateway > adc {
        return Err(sheet
            .complain(
                &["expect", "offload"],
                "`offload` compares TLS at the gateways with TLS at the load balancer",
            )
            .hint("list both in [matrix], the gateways first: tls = [\"gateway\", \"adc\"]"));
    }
    let connects = written
        .steps
        .iter()
        .any(|step| step.action.verb() == "connect");
    if !connects {
        let what = "`offload` would prove nothing: no step does connect";
        return Err(sheet.complain(&["expect", "offload"], what));
    }
    Ok(())
}
