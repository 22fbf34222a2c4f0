//! What an idle device costs.

use std::time::Duration;

use crate::support::{Device, Gateway, Kafka};

/// uWebSockets needs as much for a bare connection (measured on the machine that builds this).
const MUST: f64 = 463.0;

#[test]
#[ignore = "opens 5,000 connections, for which the other tests leave too few free ports; run it alone"]
fn an_idle_device_with_a_subscription_of_its_own_costs_less_than_a_bare_connection_elsewhere() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut devices = Vec::new();

    // The first thousand pay for what everyone shares.
    let steps = [1_000, 2_000, 3_000, 4_000, 5_000].map(|count| {
        while devices.len() < count {
            let mut device = Device::connect(gateway.address());
            device.subscribe(1, &format!("/t/device-{:06}", devices.len()));
            device.receive();
            devices.push(device);
        }
        // Allocators give back a little later.
        std::thread::sleep(Duration::from_millis(300));
        (count as f64, gateway.memory() as f64)
    });

    let slope = slope(&steps);
    println!("{slope:.0} bytes per idle device with a subscription of its own: {steps:?}");
    assert!(slope <= MUST, "{slope:.0} bytes per device, {steps:?}");
}

/// The slope of the straight line through the points (least squares).
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let covariance: f64 = points
        .iter()
        .map(|point| (point.0 - x) * (point.1 - y))
        .sum();
    let variance: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    covariance / variance
}
