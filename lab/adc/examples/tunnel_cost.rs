//! What a tunnel costs: memory while idle, processor time per message. `cargo run --release -p lab-adc --example tunnel_cost`
//!
//! Clients and members are plain sockets of this process; the processor time is that of the engine's thread alone.

use std::{
    error::Error,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    time::Instant,
};

use lab_adc::{engine::Engine, model::Model};

/// Four descriptors each, in one process.
const TUNNELS: usize = 4_500;
const MESSAGES_PER_TUNNEL: usize = 40;
const MESSAGE: [u8; 200] = [7; 200];

fn main() -> Result<(), Box<dyn Error>> {
    let member = TcpListener::bind("127.0.0.1:0")?;
    let engine = Engine::start(Model::simple(
        SocketAddr::from(([127, 0, 0, 1], 0)),
        [member.local_addr()?],
    ))?;

    let (before, cpu) = (resident_kib()?, engine_cpu_ms()?);
    let start = Instant::now();
    let mut pairs = Vec::with_capacity(TUNNELS);
    for _ in 0..TUNNELS {
        let client = TcpStream::connect(engine.address())?;
        let (server, _) = member.accept()?;
        pairs.push((client, server));
    }
    let set_up = engine_cpu_ms()? - cpu;
    println!("{TUNNELS} tunnels in {:?}", start.elapsed());
    println!(
        "set-up       {:.1} us of the engine's processor time each",
        set_up * 1_000.0 / TUNNELS as f64
    );
    println!(
        "memory       {:.0} bytes of user space each",
        (resident_kib()? - before) * 1_024.0 / TUNNELS as f64
    );

    let cpu = engine_cpu_ms()?;
    let start = Instant::now();
    for _ in 0..MESSAGES_PER_TUNNEL {
        for (_, server) in &mut pairs {
            server.write_all(&MESSAGE)?;
        }
        for (client, _) in &mut pairs {
            client.read_exact(&mut [0; MESSAGE.len()])?;
        }
    }
    let messages = (TUNNELS * MESSAGES_PER_TUNNEL) as f64;
    println!("{messages} messages in {:?}", start.elapsed());
    println!(
        "message      {:.2} us of the engine's processor time each",
        (engine_cpu_ms()? - cpu) * 1_000.0 / messages
    );

    let cpu = engine_cpu_ms()?;
    let (client, server) = &mut pairs[0];
    for _ in 0..20_000 {
        client.write_all(&MESSAGE)?;
        server.read_exact(&mut [0; MESSAGE.len()])?;
    }
    println!(
        "one by one   {:.2} us of the engine's processor time each",
        (engine_cpu_ms()? - cpu) * 1_000.0 / 20_000.0
    );
    Ok(())
}

fn resident_kib() -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Processor time of the engine's thread: `schedstat` counts nanoseconds on the processor first.
fn engine_cpu_ms() -> Result<f64, Box<dyn Error>> {
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if fs::read_to_string(task.join("comm"))?.trim() == "adc" {
            let counted = fs::read_to_string(task.join("schedstat"))?;
            let nanoseconds: f64 = counted.split(' ').next().ok_or("no schedstat")?.parse()?;
            return Ok(nanoseconds / 1e6);
        }
    }
    Err("the engine has no thread".into())
}
