//! A device in ten lines: `cargo run -p gateway-client --example device -- "100 ws://127.0.0.1:8800"`

use gateway_client::{Device, DeviceOptions, ServerList};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let servers = ServerList::parse(std::env::args().skip(1))?;
    let (device, mut inbox) = Device::connect(servers, DeviceOptions::default());
    device.subscribe("/telemetry/dev-1").await?;
    device.publish("/telemetry/dev-1", "21.5").await?;
    while let Some(news) = inbox.next().await {
        println!("{news:?}");
    }
    Ok(())
}
