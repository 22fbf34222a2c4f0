//! Rules about where TLS ends.

use super::{Cell, Complaint, Sheet};
use crate::stage::{Stage, Via};

/// The first rule that is broken.
pub(super) fn check(sheet: &Sheet<'_, '_>, cells: &[Cell]) -> Result<(), Complaint> {
    cells
        .iter()
        .try_for_each(|cell| check_stage(sheet, &cell.stage))
}

fn check_stage(sheet: &Sheet<'_, '_>, stage: &Stage) -> Result<(), Complaint> {
    if !stage.adc.tls {
        return Ok(());
    }
    let path: &[&str] = match stage.tls {
        Some(_) => &["stage", "tls"],
        None => &["stage", "adc", "tls"],
    };
    let (what, hint) = if stage.fleet.via == Via::Direct {
        (
            "the load balancer is to end TLS, but the devices go past it",
            "use fleet.via = \"adc\", or let the gateways end it with listener.tls = true",
        )
    } else if stage.listener.tls {
        (
            "a load balancer that ends TLS speaks in the clear to gateways, and these want TLS",
            "leave listener.tls or adc.tls out",
        )
    } else if stage.devices_tell_addresses() {
        (
            "devices would begin with a PROXY header, and the load balancer wants TLS first",
            "use fleet.ports that this machine's sockets can have, such as \"linux-connect\"",
        )
    } else {
        return Ok(());
    };
    Err(sheet.complain(path, what).hint(hint))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::scenario::Scenario;

    fn parsed(stage: &str) -> Result<Scenario, String> {
        let text = format!(
            "title = \"T\"\nwhy = \"W\"\n[stage]\n{stage}\n[[step]]\ndo.connect = {{ over = \"1s\" }}\n"
        );
        Scenario::parse(Path::new("a.toml"), text).map_err(|complaint| complaint.to_string())
    }

    #[test]
    fn where_tls_ends_decides_who_speaks_it() {
        let ends = |word: &str| {
            let scenario = parsed(&format!("tls = \"{word}\"")).unwrap();
            let stage = &scenario.cells[0].stage;
            (stage.listener.tls, stage.adc.tls)
        };

        assert_eq!(ends("none"), (false, false));
        assert_eq!(ends("gateway"), (true, false));
        assert_eq!(ends("adc"), (false, true));
    }

    #[test]
    fn what_could_not_work_is_told() {
        for (stage, words) in [
            (
                "tls = \"adc\"\nfleet.via = \"direct\"",
                "the devices go past it",
            ),
            (
                "adc.tls = true\nlistener.tls = true",
                "speaks in the clear to gateways",
            ),
            (
                "tls = \"adc\"\nadc.proxy-protocol = \"v2\"\nfleet.ports = \"home-nat\"\nfleet.addresses = \"ipv6\"",
                "wants TLS first",
            ),
        ] {
            let complaint = parsed(stage).unwrap_err();

            assert!(complaint.contains(words), "{stage}: {complaint}");
        }
    }
}
