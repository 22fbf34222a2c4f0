//! Who is served by which workgroup.

use crate::support::gateway::Setup;
use crate::support::{Device, Gateway, Kafka, eventually};

#[test]
fn by_load_every_workgroup_gets_its_share_of_one_address() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default().workgroups(4).least_loaded().ready(&kafka);

    let _devices: Vec<Device> = (0..22)
        .map(|_| Device::connect(gateway.address()))
        .collect();

    let mut held = connections(&gateway, 4);
    held.sort_unstable();
    assert_eq!(held, [5, 5, 6, 6]);
}

#[test]
fn by_load_newcomers_fill_what_leavers_emptied() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default().workgroups(2).least_loaded().ready(&kafka);
    let devices: Vec<Device> = (0..8).map(|_| Device::connect(gateway.address())).collect();
    assert_eq!(connections(&gateway, 2), [4, 4]);

    // Whoever came second, fourth, … was given to the other workgroup.
    let mut stayed = Vec::new();
    for (number, device) in devices.into_iter().enumerate() {
        if number % 2 == 0 {
            stayed.push(device);
        } else {
            device.leave();
        }
    }
    eventually("one workgroup is empty", || {
        connections(&gateway, 2).contains(&0)
    });
    stayed.extend((0..4).map(|_| Device::connect(gateway.address())));

    assert_eq!(connections(&gateway, 2), [4, 4]);
}

fn connections(gateway: &Gateway, workgroups: usize) -> Vec<usize> {
    (0..workgroups)
        .map(|group| {
            let name = format!("tidegate_connections{{workgroup=\"{group}\"}}");
            gateway.metric(&name) as usize
        })
        .collect()
}
