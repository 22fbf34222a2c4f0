//! What many devices in one process cost: `cargo run --release -p gateway-client --example memory -- 10000 [ws://127.0.0.1:8800]`
//!
//! Without a server, so many sessions are made, each with one subscription, and nothing connects. With one, so many devices connect and subscribe; the
//! kernel's part is not counted. Resident memory is read before and after.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use gateway_client::{
    Device, DeviceOptions, Event, News, ServerList, Session, Settings, SubscribeOptions,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().ok_or("how many?")?.parse()?;
    let before = resident()?;
    let (what, after) = match arguments.next() {
        None => {
            let _sessions = sessions(count)?;
            ("session", resident()?)
        }
        Some(server) => {
            let _devices = devices(count, &server).await?;
            ("device", resident()?)
        }
    };
    let each = after.saturating_sub(before) / u64::from(count.max(1));
    println!("{count} of them: {each} bytes per {what}");
    Ok(())
}

fn sessions(count: u32) -> Result<Vec<Session>, Box<dyn Error>> {
    let servers = Arc::new(ServerList::parse(["ws://a.example", "ws://b.example"])?);
    let settings = Arc::new(Settings::default());
    (0..count)
        .map(|number| {
            let mut session =
                Session::new(Arc::clone(&servers), Arc::clone(&settings), number.into());
            let subject = format!("/telemetry/dev-{number}");
            session.subscribe(&subject, SubscribeOptions::default(), Instant::now())?;
            Ok(session)
        })
        .collect()
}

async fn devices(count: u32, server: &str) -> Result<Vec<impl Sized>, Box<dyn Error>> {
    let mut devices = vec![];
    for number in 0..count {
        let (device, mut inbox) =
            Device::connect(ServerList::parse([server])?, DeviceOptions::default());
        device
            .subscribe(&format!("/telemetry/dev-{number}"))
            .await?;
        while let Some(news) = inbox.next().await {
            match news {
                News::Event(Event::Subscribed { .. }) => break,
                News::Event(Event::Lost { lost, .. }) => {
                    return Err(format!("device {number}: {lost:?}").into());
                }
                News::Event(_) | News::Message(_) => {}
            }
        }
        devices.push((device, inbox));
    }
    Ok(devices)
}

/// Resident memory of this process, in bytes: the second number in `/proc/self/statm`, in pages.
fn resident() -> Result<u64, Box<dyn Error>> {
    const PAGE: u64 = 4096;

    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split_whitespace().nth(1).ok_or("no statm")?.parse()?;
    Ok(pages * PAGE)
}
